# The layout of the boundary is what the golden file says, and every older version is a prefix of it.
# usage: layout.sh            (top_srcdir and top_builddir are set by make check)
set -u
here=$top_srcdir/tests/abi
golden=$here/layout-lp64-v1.txt
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

fail()
{
    echo "FAIL: $*"
    failed=1
}

# Every line of the older layout still holds in the newer one; only the size of a struct may have grown.
is_prefix()
{
    awk '
        NR == FNR { if ($1 == "struct") size[$2] = $3; else seen[$0] = 1; next }
        $1 == "struct" && !($2 in size) { print "struct " $2 " is gone"; bad = 1 }
        $1 == "struct" && size[$2] + 0 < $3 + 0 { print "struct " $2 " shrank from " $3 " to " size[$2]; bad = 1 }
        $1 != "struct" && !($0 in seen) { print "changed or gone: " $0; bad = 1 }
        END { exit bad }
    ' "$2" "$1"
}

"$top_builddir/tests/abi/layout" >"$work/today" || exit 1
case $(getconf LONG_BIT) in
64) ;;
*) echo "the golden file is for 64-bit systems"; exit 77 ;;
esac

diff -u "$golden" "$work/today" || fail "the layout is not that of $golden: an append updates that file in the same commit"
for old in "$here"/v1.*/layout-lp64.txt; do
    is_prefix "$old" "$work/today" || fail "$old is not a prefix of today's layout"
done

# Every constant of the header is listed.
for name in $(sed -n 's/^ *\(ETL_[A-Z_]*\) *= .*/\1/p; s/^enum { \(ETL_[A-Z_]*\) = .*/\1/p' \
    "$top_srcdir/sdk/include/etlhost/abi.h"); do
    grep -q "^constant $name " "$work/today" || fail "layout.c does not list $name"
done

# The comparison itself: growth passes; reordering, retyping, removal and shrinking do not.
old=$here/v1.0/layout-lp64.txt
sed 's/^struct etl_host .*/struct etl_host 48/' "$old" >"$work/grown"
is_prefix "$old" "$work/grown" >/dev/null || fail "growth is taken for a break"
sed 's/^\(field etl_host.ctx\) 8 8/\1 16 8/' "$old" >"$work/moved"
sed 's/^\(field etl_error.vendor_code\) 8 8/\1 8 4/' "$old" >"$work/retyped"
grep -v '^constant ETL_MISUSE' "$old" >"$work/removed"
sed 's/^struct etl_message .*/struct etl_message 8/' "$old" >"$work/shrunk"
for broken in moved retyped removed shrunk; do
    cmp -s "$old" "$work/$broken" && fail "the test changed nothing for $broken"
    is_prefix "$old" "$work/$broken" >/dev/null && fail "a layout that was $broken passes"
done
exit $failed
