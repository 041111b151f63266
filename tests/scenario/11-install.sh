#!/bin/sh
# Installed into a prefix: the program finds its plugins, a third party builds a plugin against what was installed, uninstall leaves nothing.
. "$(dirname "$0")/common.sh"
need cc pkg-config make
prefix=$work/prefix
unset ETLHOST_PLUGIN_PATH
(unset MAKEFLAGS MFLAGS MAKELEVEL; make -s -C "$top_builddir" install prefix="$prefix" >install.log 2>&1) || { cat install.log; fail "make install"; }
[ -z "$(find "$prefix" -name '*.la')" ] || fail "libtool archives were installed"
ETLHOST=$prefix/bin/etlhost
printf 'id,v\n1,a\n' >t.csv
etl 0 $csv_to_sqlite --source-opt path=t.csv
query warehouse.db "SELECT count(*) FROM t" 1
etl 0 plugins
prints jsonl
[ -s "$prefix/share/man/man1/etlhost.1" ] && [ -s "$prefix/share/man/man3/etlhost-sdk.3" ] || fail "man pages are missing"

# the third party sees nothing but the prefix
sanitize=$(sed -n "s/^S\[\"SANITIZE_CFLAGS\"\]=\"\(.*\)\"/\1/p" "$top_builddir/config.status")
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
mkdir outside && cp "$top_srcdir/tests/scenario/outside_plugin.c" outside/counter.c && cd outside
# shellcheck disable=SC2046,SC2086
cc -std=c11 -Wall -Wextra -shared -fPIC -fvisibility=hidden $sanitize $(pkg-config --define-variable=prefix="$prefix" --cflags etlhost-sdk) counter.c \
	$(pkg-config --define-variable=prefix="$prefix" --libs etlhost-sdk) -o counter.so >build.log 2>&1 || { cat build.log; fail "the outside plugin does not build"; }
etl 0 inspect ./counter.so
prints "How far to count"
etl 0 --source ./counter.so --source-opt rows=9 --dest sqlite --dest-opt path=count.db --mode upsert
query count.db "SELECT count(*), max(text) FROM numbers" "9|row 9"
etl 0 --source ./counter.so --source-opt rows=11 --dest sqlite --dest-opt path=count.db --mode upsert --pipeline counted
query count.db "SELECT count(*) FROM numbers" 11
chmod g+w counter.so
etl 2 inspect ./counter.so
says "others may write"
cd ..
(unset MAKEFLAGS MFLAGS MAKELEVEL; make -s -C "$top_builddir" uninstall prefix="$prefix" >uninstall.log 2>&1) || fail "make uninstall"
left=$(find "$prefix" -type f)
[ -z "$left" ] || fail "uninstall left: $left"
