#!/bin/sh
# Files that may not grow, folders that may not be written, databases that are locked: a clear message, what was committed stays.
. "$(dirname "$0")/common.sh"
printf 'id,v\n' >big.csv
seq 1 200000 | sed 's/.*/&,some text that takes room &/' >>big.csv
# RLIMIT_FSIZE stands in for a full disk: the write fails at a certain size
code=0
( trap '' XFSZ; ulimit -f 2000; exec "$ETLHOST" --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=small.db --commit-rows 10000 --batch-rows 1000 ) >out 2>err || code=$?
[ "$code" = 1 ] || fail "a database that cannot grow: exit code $code"
says small.db
got=$(sqlite3 small.db "SELECT count(*) = (SELECT sum(rows) FROM (SELECT count(DISTINCT id) AS rows FROM big)) FROM big")
[ "$got" = 1 ] || fail "repeated rows after a full disk"
etl 0 --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=small.db
query small.db "SELECT count(*), count(DISTINCT id) FROM big" "200000|200000"
code=0
( trap '' XFSZ; ulimit -f 500; exec "$ETLHOST" --source csv --source-opt path=big.csv --dest jsonl --dest-opt path=lines ) >out 2>err || code=$?
[ "$code" = 1 ] || fail "a file that cannot grow: exit code $code"
[ -z "$(ls lines)" ] || fail "something half is visible: $(ls lines)"

# a locked database: bounded waiting, then a message with the path
sqlite3 locked.db "CREATE TABLE x(a)"
( printf 'BEGIN EXCLUSIVE;\n'; sleep 6 ) | sqlite3 locked.db & holder=$!
sleep 1
etl 1 --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=locked.db --dest-opt busy_timeout=1 --retries 0
says locked.db
wait "$holder"
etl 0 --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=locked.db
printf 'not a database, but long enough to be taken for one: ................................................................' >not.db
etl 2 --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=not.db
says not.db
etl 2 --source csv --source-opt path=big.csv --dest csv --dest-opt path=/proc/nowhere
