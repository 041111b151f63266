#!/bin/sh
# Files and databases that are missing, locked, foreign or not to be written, NULL keys, pipes: a clear end, and nothing is harmed.
. "$(dirname "$0")/common.sh"
need mkfifo timeout

printf 'id,v\n1,a\n2,b\n' >ok.csv
# a link to nowhere, links in a circle, a folder without files, an unreadable file
mkdir in folder.d && cp ok.csv in/t-1.csv && ln -s nowhere in/t-2.csv && ln -s circle circle
etl 2 $csv_to_sqlite --source-opt path='in/*'; says in/t-2.csv; says link
etl 2 $csv_to_sqlite --source-opt path=in; says in/t-2.csv
etl 1 $csv_to_sqlite --source-opt path=circle; says circle
etl 2 $csv_to_sqlite --source-opt path=folder.d; says folder.d
[ "$(id -u)" = 0 ] || { chmod 0 folder.d; etl 2 $csv_to_sqlite --source-opt path=folder.d; says folder.d; chmod 700 folder.d; }
etl 1 $csv_to_sqlite --source-opt path=/proc/self/mem --source-opt stream=s; says /proc/self/mem
[ ! -e warehouse.db ] || query warehouse.db "SELECT count(*) FROM sqlite_master WHERE name IN ('t', 's')" 0
rm in/t-2.csv

# a file that goes away between discovery and reading: a pipeline of two files, the second is removed while the first is read
printf 'id,v\n9,z\n' >in/t-2.csv
(echo id,v; seq 10 400000 | sed 's/.*/&,some text that takes room &/') >in/t-1.csv
code=0
( while [ ! -e gone.db ] || [ -z "$(sqlite3 gone.db "SELECT 1 FROM sqlite_master WHERE name = 't'" 2>/dev/null)" ]; do sleep 0.02; done; rm in/t-2.csv ) &
remover=$!
"$ETLHOST" --source csv --source-opt path='in/t-*' --dest sqlite --dest-opt path=gone.db --commit-rows 1000 --retries 0 >out 2>err || code=$?
wait "$remover"
case $code in
0) query gone.db "SELECT count(*) >= 399991 FROM t" 1 ;; # it was read before it went
*) says in/t-2.csv; query gone.db "SELECT count(*) = count(DISTINCT id) AND count(*) > 0 FROM t" 1 ;;
esac
etl 0 --source csv --source-opt path='in/t-*' --dest sqlite --dest-opt path=gone.db
query gone.db "SELECT count(*) = count(DISTINCT id) FROM t" 1

# named pipes: read once or refused; one without a writer hears signals
mkfifo pipe
etl 1 $csv_to_sqlite --source-opt path=pipe --source-opt stream=s; says pipe; says "standard input"
printf '{"id":1}\n{"id":2}\n' >pipe &
etl 0 --source jsonl --source-opt path=pipe --source-opt stream=p --dest sqlite --dest-opt path=warehouse.db
query warehouse.db "SELECT group_concat(id) FROM p" "1,2"
code=0; timeout -k 20 1 "$ETLHOST" --source jsonl --source-opt path=pipe --source-opt stream=q --dest sqlite --dest-opt path=warehouse.db >out 2>err || code=$?
[ "$code" = 124 ] || fail "a pipe without writer: $code (137 = deaf to SIGTERM)"

# destinations that cannot be written
etl 2 --source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=/proc/x.db; says /proc/x.db
etl 2 --source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=nowhere/x.db; says nowhere/x.db
etl 2 --source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=folder.d; says folder.d
cp ok.csv before.csv
etl 2 --source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=ok.csv; says ok.csv
etl 1 --source csv --source-opt path=ok.csv --dest jsonl --dest-opt path=ok.csv; says ok.csv
cmp ok.csv before.csv || fail "the source was changed"
if [ -w /dev/full ]; then
	code=0; "$ETLHOST" --source csv --source-opt path=ok.csv --dest jsonl --dest-opt path=- >/dev/full 2>err || code=$?
	[ "$code" = 1 ] || fail "a full device: $code"
	says "standard output"
fi
# a file system of 1 MiB, where mounting is allowed
mkdir small
if mount -t tmpfs -o size=1m none small 2>/dev/null; then
	trap 'umount "$work/small"; rm -rf "$work"' EXIT
	etl 1 --source csv --source-opt path='in/t-*' --dest sqlite --dest-opt path=small/w.db --commit-rows 2000 --batch-rows 500 --retries 0; says small/w.db
	query small/w.db "SELECT count(*) = count(DISTINCT id) AND count(*) > 0 FROM t" 1
	etl 1 --source csv --source-opt path='in/t-*' --dest csv --dest-opt path=small/files --retries 0; says small/files
	[ -z "$(ls small/files 2>/dev/null)" ] || fail "half a file is visible"
else
	echo "full file system: left out, mounting is not allowed here"
fi

# a source database that is locked, and one that is none
sqlite3 src.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')"
( printf 'BEGIN EXCLUSIVE;\n'; sleep 4 ) | sqlite3 src.db & holder=$!
sleep 1
etl 1 --source sqlite --source-opt path=src.db --source-opt busy_timeout=0.5 --dest sqlite --dest-opt path=copy.db --retries 0; says src.db; says locked
wait "$holder"
etl 0 --source sqlite --source-opt path=src.db --dest sqlite --dest-opt path=copy.db
sqlite3 torn.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v); WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 9000)
INSERT INTO t SELECT i, 'row ' || i FROM s"
truncate -s 60000 torn.db && cp torn.db torn.before
code=0; "$ETLHOST" --source sqlite --source-opt path=torn.db --dest null >out 2>err || code=$?
[ "$code" != 0 ] && [ "$code" -lt 100 ] || fail "a torn database: $code"
says torn.db
cmp torn.db torn.before || fail "the torn database was changed"
etl 2 --source sqlite --source-opt path=ok.csv --dest null; says ok.csv

# NULL in a key
printf 'id,v\n1,a\n,b\n3,c\n' >nokey.csv
etl 1 $csv_to_sqlite --source-opt path=nokey.csv --mode upsert --primary-key id; says "id"; says NULL
query warehouse.db "SELECT count(*) FROM sqlite_master WHERE name = 'nokey'" 0
says "record 2"
for contract in discard-row dead-letter; do
	etl 0 $csv_to_sqlite --source-opt path=nokey.csv --mode upsert --primary-key id,v --pipeline $contract --target "nokey_$(echo $contract | tr - _)" --contract $contract
	says "the key is NULL"
	reports rows_rejected 1
	query warehouse.db "SELECT group_concat(id || v, ' ') FROM nokey_$(echo $contract | tr - _)" "1a 3c"
done
etl 0 dlq list --pipeline dead-letter; prints "the key is NULL"
# a text in a numeric key: the column is widened, or the row set aside
printf 'id,v\n1,a\n2,b\n' >key.csv
for contract in evolve freeze discard-row; do
	printf 'id,v\n1,a\n2,b\n' >key.csv
	etl 0 $csv_to_sqlite --source-opt path=key.csv --mode upsert --primary-key id --pipeline "k$contract" --target "k_$(echo $contract | tr - _)" --contract $contract
	printf 'two,c\n1,A\n' >>key.csv
	code=0; [ $contract != freeze ] || code=5
	etl $code $csv_to_sqlite --source-opt path=key.csv --mode upsert --primary-key id --pipeline "k$contract" --target "k_$(echo $contract | tr - _)" --contract $contract
	says "column id"
done
query warehouse.db "SELECT group_concat(id || v, ' ') FROM (SELECT * FROM k_evolve ORDER BY id)" "1A 2b twoc"
query warehouse.db "SELECT group_concat(id || v, ' ') FROM (SELECT * FROM k_freeze ORDER BY id)" "1a 2b"
query warehouse.db "SELECT group_concat(id || v, ' ') FROM (SELECT * FROM k_discard_row ORDER BY id)" "1A 2b"
# dates that are none, behind a sample that has dates
printf 'id,d\n1,2026-02-28\n' >days.csv
etl 0 $csv_to_sqlite --source-opt path=days.csv --contract dead-letter --pipeline days
printf '2,2026-02-30\n3,2026-03-01\n4,10000-01-01\n' >>days.csv
etl 0 $csv_to_sqlite --source-opt path=days.csv --contract dead-letter --pipeline days
says '"2026-02-30"'; says "column d"
query warehouse.db "SELECT group_concat(id, ' ') FROM days" "1 3"
etl 0 dlq list --pipeline days; prints "10000-01-01"

# state stores that are none: refused and left as they are
etl 0 --source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=one.db --pipeline one --state one-state.db
head -c 6000 one-state.db >truncated.db
cp one-state.db newer.db && sqlite3 newer.db "PRAGMA user_version = 99"
head -c 20000 /dev/urandom >random.db
sqlite3 foreign.db "CREATE TABLE a(b); INSERT INTO a VALUES (1)"
for store in truncated newer random foreign; do
	cp $store.db $store.before
	for command in "state list" "--source csv --source-opt path=ok.csv --dest sqlite --dest-opt path=one.db --pipeline one"; do
		code=0
		# shellcheck disable=SC2086
		"$ETLHOST" $command --state $store.db >out 2>err || code=$?
		[ "$code" = 1 ] || [ "$code" = 2 ] || fail "$store, $command: exit code $code"
		says $store.db
		cmp $store.db $store.before || fail "$store.db was changed by: $command"
	done
done
query one.db "SELECT count(*) FROM ok" 2
