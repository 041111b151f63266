#!/bin/sh
# append, overwrite, upsert; full refresh; limit; dry run.
. "$(dirname "$0")/common.sh"

sqlite3 app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c')"
move="--source sqlite --source-opt path=app.db --dest sqlite --dest-opt path=out.db --summary report.json"

# a table without cursor is overwritten by default; the old rows are replaced as a whole
etl 0 $move
reports mode overwrite
query out.db "SELECT group_concat(v,'') FROM (SELECT * FROM t ORDER BY id)" abc
sqlite3 app.db "DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (4,'d')"
etl 0 $move
query out.db "SELECT group_concat(v,'') FROM (SELECT * FROM t ORDER BY id)" acd
query out.db "SELECT count(*) FROM sqlite_master WHERE name LIKE '%etl_gen%'" 0

# upsert keeps what is gone at the source
etl 0 $move --mode upsert --pipeline up --target u
sqlite3 app.db "DELETE FROM t WHERE id = 1; UPDATE t SET v = 'D' WHERE id = 4"
etl 0 $move --mode upsert --pipeline up --target u
query out.db "SELECT group_concat(v,'') FROM (SELECT * FROM u ORDER BY id)" acD
# a full refresh builds anew
etl 0 $move --mode upsert --pipeline up --target u --full-refresh
query out.db "SELECT group_concat(v,'') FROM (SELECT * FROM u ORDER BY id)" cD

# limit stops at the row asked for; the next run goes on
printf 'id,v\n' >rows.csv
seq 1 1000 | sed 's/.*/&,x/' >>rows.csv
etl 0 $csv_to_sqlite --source-opt path=rows.csv --limit 25
query warehouse.db "SELECT count(*), max(id) FROM rows" "25|25"
etl 0 $csv_to_sqlite --source-opt path=rows.csv
query warehouse.db "SELECT count(*), count(DISTINCT id) FROM rows" "1000|1000"

# a dry run leaves nothing behind
etl 0 --source csv --source-opt path=rows.csv --dest sqlite --dest-opt path=dry.db --dry-run --summary report.json --state dry-state.db
reports rows_read 1000
reports rows_written 0
[ ! -e dry.db ] || fail "a dry run made the database"
[ ! -e dry-state.db ] || fail "a dry run made a state store"

# append without a key to a destination without upsert is refused in words
etl 2 --source csv --source-opt path=rows.csv --dest jsonl --dest-opt path=lines --mode upsert --primary-key id
says upsert
etl 2 --source csv --source-opt path=rows.csv --dest sqlite --dest-opt path=x.db --mode upsert
says primary

# a source that sends deletes and knows its key: upsert is the default; an append says that it drops them
etl 0 --source synth --source-opt rows=500 --source-opt deletes_percent=20 --dest sqlite --dest-opt path=synth.db --summary report.json --pipeline s
reports mode upsert
etl 0 --source synth --source-opt rows=500 --source-opt deletes_percent=20 --source-opt revision=1 --dest sqlite --dest-opt path=synth.db --summary report.json --pipeline s
[ "$(report rows_deleted)" -gt 0 ] || fail "no row was deleted"
etl 0 --source synth --source-opt rows=500 --source-opt deletes_percent=20 --source-opt revision=1 --dest jsonl --dest-opt path=synth-lines
says "deletes"

# a table of the user's own, with an INTEGER column for a flag, is not rebuilt
sqlite3 own.db "CREATE TABLE flags(id INTEGER PRIMARY KEY, paid INTEGER, fee TEXT); INSERT INTO flags VALUES (1, 1, '9.90')"
printf 'id,paid,fee\n1,false,1.50\n2,true,2.50\n' >flags.csv
etl 0 --source csv --source-opt path=flags.csv --dest sqlite --dest-opt path=own.db --mode upsert --primary-key id
query own.db "SELECT id, paid, typeof(paid), fee, typeof(fee) FROM flags" "1|0|integer|1.50|text
2|1|integer|2.50|text"
query own.db "SELECT sql FROM sqlite_master WHERE name = 'flags'" "CREATE TABLE flags(id INTEGER PRIMARY KEY, paid INTEGER, fee TEXT)"

# two pipelines overwrite one table: an interrupted load never meets the other's rows
sqlite3 both.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 100) INSERT INTO t SELECT i, 'a' FROM s"
both="--source sqlite --source-opt path=both.db --dest sqlite --dest-opt path=shared.db --mode overwrite --parallel 1 --batch-rows 20 --commit-rows 20"
code=0
ETLHOST_FAILPOINT=commit.after:3:kill "$ETLHOST" $both --pipeline a >out 2>err || code=$?
etl 0 $both --pipeline b
query shared.db "SELECT count(*), count(DISTINCT id) FROM t" "100|100"
etl 0 $both --pipeline a
query shared.db "SELECT count(*), count(DISTINCT id) FROM t" "100|100"
