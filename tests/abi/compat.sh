# Every host with every plugin: frozen header, today's, and one with a field appended to each struct (the next minor version).
set -u
abi=$top_builddir/tests/abi
failed=0

expect()
{
    wanted=$1
    shift
    output=$("$@" 2>&1)
    case $output in
    *"$wanted"*) echo "ok: $* -> $output" ;;
    *) echo "FAIL: $*: $output"; failed=1 ;;
    esac
}

grep -q '^    uint64_t next;' "$abi/next/etlhost/abi.h" || { echo "FAIL: the next header has no new fields"; exit 1; }
for plugin in v1.0 today next; do
    case $plugin in
    next) built=1 ;;
    *) built=0 ;;
    esac
    expect "host 1.0, plugin built for 1.$built: ok" "$abi/harness_frozen" "$abi/reference_$plugin.so"
    expect "host 1.0, plugin built for 1.$built: ok" "$abi/harness_today" "$abi/reference_$plugin.so"
    expect "host 1.1, plugin built for 1.$built: ok" "$abi/harness_next" "$abi/reference_$plugin.so"
done
expect "needs a newer host" "$abi/harness_frozen" "$abi/reference_requires_next.so"
expect "needs a host with plugin ABI 1.1, and this one has 1.0: update etlhost" \
    "$abi/harness_today" "$abi/reference_requires_next.so"
expect "host 1.1, plugin built for 1.1: ok" "$abi/harness_next" "$abi/reference_requires_next.so"
exit $failed
