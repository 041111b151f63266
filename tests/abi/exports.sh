# A plugin exports etl_plugin_v1 and nothing else; the host exports nothing.
set -u
command -v nm >/dev/null || { echo "nm is missing"; exit 77; }
failed=0
checked=0

# Names that a sanitizer's run-time or the C start-up code defines do not count; nor do copies of the C library's variables.
exported()
{
    nm -D --defined-only "$1" | awk '{ print $NF }' | grep -v -e '@' -e '^__' -e '^_IO_stdin_used$' -e '^_edata$' -e '^_end$' \
        -e '^_init$' -e '^_fini$' -e '^data_start$' -e '^_start$' -e '^environ$' -e '^_environ$'
}

for plugin in "$top_builddir"/plugins/.libs/*.so; do
    [ -e "$plugin" ] || continue
    checked=$((checked + 1))
    names=$(exported "$plugin" | tr '\n' ' ')
    if [ "$names" != "etl_plugin_v1 " ]; then
        echo "FAIL: $plugin exports: $names"
        failed=1
    fi
done
echo "$checked plugins checked"

# The check itself sees a symbol that should not be there.
case $(exported "$top_builddir/tests/abi/bad/missing_symbol.so") in
*some_other_symbol*) ;;
*) echo "FAIL: an exported symbol is not seen"; failed=1 ;;
esac

host=$top_builddir/etlhost
[ -e "$top_builddir/.libs/etlhost" ] && host=$top_builddir/.libs/etlhost
if nm "$host" 2>/dev/null | grep -q ' __asan_init'; then
    echo "the host is built with a sanitizer, which exports its own symbols: not checked"
else
    names=$(exported "$host" | tr '\n' ' ')
    if [ -n "$names" ]; then
        echo "FAIL: $host exports: $names"
        failed=1
    fi
fi
exit $failed
