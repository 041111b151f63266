#!/bin/sh
# The demo tells the truth: its data come from the generator, the first run loads them, the second applies exactly the difference, the third nothing.
set -eu
command -v sqlite3 >/dev/null || { echo "sqlite3 is missing"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; cat "$work/log" 2>/dev/null; exit 1; }

mkdir "$work/data"
"$top_builddir/shop_data" 42 1 "$work/data"
for file in "$work"/data/*; do
	cmp "$file" "$top_srcdir/tests/demo/data/$(basename "$file")" || fail "$(basename "$file") is not what the generator makes"
done

sh "$top_srcdir/tests/demo/demo.sh" "$top_builddir" "$work/demo" >"$work/log" 2>&1 || fail "demo.sh failed"
cd "$work/demo"
query() { sqlite3 warehouse.db "$1"; }
expect() { got=$(query "$1"); [ "$got" = "$2" ] || fail "$1: \"$got\", not \"$2\""; }

expect "SELECT count(*), count(DISTINCT id) FROM orders" "1738|1738"
expect "SELECT count(*) FROM orders WHERE status = 'refunded'" "60"
expect "SELECT count(*) FROM orders WHERE id IN (10006, 10106, 11106)" "0"
expect "SELECT count(*) FROM orders WHERE coupon = 'SPRING10'" "50"
expect "SELECT count(*), count(DISTINCT id) FROM customers" "930|930"
expect "SELECT count(*), count(DISTINCT id), count(campaign) FROM events" "980|980|80"
expect "SELECT typeof(total), total FROM orders WHERE id = 10001" "text|172.03"
expect "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'operation'" "0"
# three runs of two pipelines; the last two wrote nothing
written=$("$top_builddir/etlhost" history --state state.db --output json | grep -c '"rows_written": 0' || :)
[ "$written" -ge 3 ] || fail "the third run moved something"
