#!/bin/sh
# Cursor columns: bounds, ties, lookback, changed settings.
. "$(dirname "$0")/common.sh"

sqlite3 app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, v TEXT);
INSERT INTO t SELECT value, value / 10, 'r' || value FROM generate_series(1, 1000)" 2>/dev/null ||
	sqlite3 app.db "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 1000) INSERT INTO t SELECT i, i / 10, 'r' || i FROM s"
move="--source sqlite --source-opt path=app.db --cursor n --dest sqlite --dest-opt path=out.db --summary report.json --batch-rows 7 --commit-rows 20"
add="$move --mode append"
etl 0 $add --cursor-until 50
query out.db "SELECT count(*), max(n) FROM t" "509|50"
etl 0 $add
query out.db "SELECT count(*), count(DISTINCT id) FROM t" "1000|1000"
reports cursor_to 100
sqlite3 app.db "INSERT INTO t VALUES (2000, 100, 'tie'), (2001, 90, 'late')"
etl 0 $add
reports rows_written 1
query out.db "SELECT count(*) FROM t WHERE v IN ('tie', 'late')" 1
# the source knows the key and a cursor brings changed rows: upsert is the default
etl 0 $move --pipeline default --target d
reports mode upsert
# with an upsert a lookback fetches what came late
etl 0 $move --mode upsert --primary-key id --pipeline look --target l
sqlite3 app.db "INSERT INTO t VALUES (2002, 95, 'later'), (2003, 101, 'new')"
etl 0 $move --mode upsert --primary-key id --pipeline look --target l --cursor-lookback 10
query out.db "SELECT count(*), count(DISTINCT id) FROM l" "1004|1004"
# another cursor column is not the same stream any more
etl 1 --source sqlite --source-opt path=app.db --cursor id --dest sqlite --dest-opt path=out.db --pipeline look --mode upsert --primary-key id --target l
says full-refresh
etl 2 --source csv --source-opt path=app.csv --cursor id --dest sqlite --dest-opt path=out.db
