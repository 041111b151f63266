#!/bin/sh
# The story that ./bootstrap demo tells: a first sync, a sync of the difference, a sync of nothing. Every command is printed before it runs.
# usage: demo.sh BUILD-FOLDER WORK-FOLDER   (the work folder is made anew)
set -eu
source=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2/shop"
cd "$2"
cp "$source"/data/* shop/
cp "$source/shop.yaml" .
PATH=$build:$PATH
ETLHOST_PLUGIN_PATH=$build/plugins/.libs
ETLHOST_STATE=$PWD/state.db
export PATH ETLHOST_PLUGIN_PATH ETLHOST_STATE

bold='' plain=''
[ ! -t 1 ] || { bold=$(printf '\033[1m'); plain=$(printf '\033[0m'); }
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ %s\n' "$*"; eval "$*"; }
events="etlhost --source jsonl.so --source-opt path=shop/events.jsonl --dest sqlite.so --dest-opt path=warehouse.db"

cat <<TEXT
This folder:  $PWD
To repeat the commands below:
  cd $PWD
  export PATH=$build:\$PATH ETLHOST_PLUGIN_PATH=$ETLHOST_PLUGIN_PATH ETLHOST_STATE=$ETLHOST_STATE
TEXT
say "The source: a web shop's exports, CSV and JSON lines"
run "ls -l shop"
run "head -n 3 shop/orders-2026-01.csv"
run "cat shop.yaml"
say "What would happen?"
run "etlhost plan shop.yaml"
say "First sync: orders and customers by the pipeline file, events by flags"
run "etlhost run shop.yaml"
run "$events"
run "sqlite3 -header -column warehouse.db \"SELECT status, count(*) AS orders, printf('%.2f', sum(total)) AS total FROM orders GROUP BY status\""
run "sqlite3 -header -column warehouse.db \"SELECT id, name, email, country FROM customers LIMIT 3\""
run "sqlite3 -header -column warehouse.db \"SELECT page ->> 'path' AS page, count(*) AS views FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 3\""
say "The source changes: new customers and events, and an export of changed, new and deleted orders with a new column"
run "shop_data 42 2 shop"
run "head -n 2 shop/orders-2026-03.csv; tail -n 2 shop/orders-2026-03.csv"
say "Second sync: only the difference moves; changed orders are replaced, deleted ones go, the new column arrives"
run "etlhost run shop.yaml"
run "$events"
run "sqlite3 -header -column warehouse.db \"SELECT status, count(*) AS orders FROM orders GROUP BY status\""
run "sqlite3 -header -column warehouse.db \"SELECT coupon, count(*) AS orders FROM orders GROUP BY coupon\""
run "sqlite3 -header -column warehouse.db \"SELECT count(*) AS orders, count(DISTINCT id) AS ids FROM orders\""
say "Third sync: nothing is new, so nothing moves"
run "etlhost run shop.yaml"
run "$events"
run "etlhost history"
