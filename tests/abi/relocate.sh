# A program that was moved finds the plugins that were moved with it, and its own before the system's.
set -u
[ -x "${ETLHOST:-}" ] && [ -n "$("$ETLHOST" version)" ] || { echo "ETLHOST does not name a program that works"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/bin" "$work/lib/etlhost/plugins"
program=$ETLHOST
[ -x "$top_builddir/.libs/etlhost" ] && program=$top_builddir/.libs/etlhost
cp "$program" "$work/bin/etlhost"
cp "$top_builddir/tests/abi/bad/good.so" "$work/lib/etlhost/plugins/moved.so"
unset ETLHOST_PLUGIN_PATH XDG_DATA_HOME
HOME=/nonexistent
export HOME

"$work/bin/etlhost" inspect moved --output json >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
grep -q "$work/lib/etlhost/plugins/moved.so" "$work/out" || { cat "$work/out"; exit 1; }
mv "$work/bin/etlhost" "$work/etlhost"
if "$work/etlhost" inspect moved >"$work/out" 2>&1; then
    echo "found from a place that is not beside the plugins"
    exit 1
fi
grep -q 'no plugin "moved"' "$work/out" || { cat "$work/out"; exit 1; }
