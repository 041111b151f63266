#!/bin/sh
# The four command lines that a newcomer tries first.
. "$(dirname "$0")/common.sh"

mkdir data
printf 'id,customer,total\n1,Ann,10.50\n2,Bob,7.25\n' >data/orders-2026-01.csv
printf 'id,customer,total\n3,Cleo,1.00\n1,Ann,11.50\n' >data/orders-2026-02.csv
etl 0 --source csv.so --source-opt path='data/orders-*.csv' --dest sqlite.so --dest-opt path=warehouse.db --mode upsert --primary-key id \
	--summary report.json
query warehouse.db "SELECT id, customer, total, typeof(total) FROM orders ORDER BY id" "1|Ann|11.50|text
2|Bob|7.25|text
3|Cleo|1.00|text"
reports stream orders
reports mode upsert
reports delivery exactly-once
reports rows_read 4
reports rows_written 4
# nothing new: nothing written
etl 0 --source csv.so --source-opt path='data/orders-*.csv' --dest sqlite.so --dest-opt path=warehouse.db --mode upsert --primary-key id \
	--summary report.json
reports rows_written 0
reports commits 0

cat >pipeline.yaml <<'YAML'
source: {connector: csv, path: "data/*.csv"}
destination: {connector: sqlite, path: second.db}
mode: upsert
primary_key: [id]
streams:
  orders: {target: fact_orders}
YAML
etl 0 run pipeline.yaml
query second.db "SELECT count(*) FROM fact_orders" 3

printf '{"id":1,"who":{"name":"Ann"},"tags":["a","b"]}\n{"id":2,"who":{"name":"Bob, Jr."},"tags":[]}\n' >events.jsonl
"$ETLHOST" --source jsonl.so --source-opt path=- --dest csv.so --dest-opt path=out-csv/ <events.jsonl 2>err >out || fail "standard input to csv"
[ "$(ls out-csv | wc -l)" = 1 ] || fail "one file was expected in out-csv"
cat out-csv/* >joined
grep -qx 'id,who,tags' joined || fail "the header is wrong: $(head -n 1 joined)"
grep -qF '"{""name"":""Ann""}"' joined || fail "the nested value is not JSON text"

sqlite3 app.db "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, updated_at TEXT);
INSERT INTO users VALUES (1,'Ann','2026-01-01T00:00:00Z'),(2,'Bob','2026-01-02T00:00:00Z'),(3,'Cleo','2026-01-02T00:00:00Z')"
etl 0 --source sqlite.so --source-opt path=app.db --cursor updated_at --dest jsonl.so --dest-opt path=-
[ "$(wc -l <out)" = 3 ] || fail "3 lines were expected"
prints '"name":"Ann"'
sqlite3 app.db "INSERT INTO users VALUES (4,'Dan','2026-01-02T00:00:00Z'); UPDATE users SET name = 'Anna', updated_at = '2026-01-03T00:00:00Z' WHERE id = 1"
etl 0 --source sqlite.so --source-opt path=app.db --cursor updated_at --dest jsonl.so --dest-opt path=-
[ "$(wc -l <out)" = 2 ] || fail "the tie and the changed row were expected, nothing else"
prints '"name":"Dan"'
prints '"name":"Anna"'
etl 0 --source sqlite.so --source-opt path=app.db --cursor updated_at --dest jsonl.so --dest-opt path=-
[ ! -s out ] || fail "nothing is new, but something came"
