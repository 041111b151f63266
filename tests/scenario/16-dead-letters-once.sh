#!/bin/sh
# A dead letter is delivered once: not lost when its store is not the one that the destination last heard of, not repeated when a retry
# is killed or the stream has been loaded anew in between.
. "$(dirname "$0")/common.sh"

source='--source csv --source-opt path=in/* --dest sqlite --dest-opt path=w.db --batch-rows 1 --commit-rows 1'
letters() {
	etl 0 dlq list --pipeline "$1" --output json
	[ "$(grep -c '"reason"' out)" = "$2" ] || fail "pipeline $1: $2 dead letters were expected"
}
# shellcheck disable=SC2086
set_aside() { etl 0 run $source --mode append --pipeline p --contract dead-letter; }
# shellcheck disable=SC2086
retry() { etl 0 dlq retry $source --mode append --pipeline p --contract evolve; }

mkdir in
printf 'id,n\n1,10\n' >in/t-1.csv
set_aside
printf 'id,n\n2,x\n3,30\n4,y\n' >in/t-2.csv
set_aside
retry
printf 'id,n,m\n5,50,a\n6,60,b\n' >in/t-3.csv
set_aside

# another store counts its letters from 1 again
etl 0 state export
cp out export.json
ETLHOST_STATE=$work/other.db
etl 0 state import export.json
letters p 2
# shellcheck disable=SC2086
for point in commit.after save.before save.after ack.before ack.after run.end; do
	ETLHOST_FAILPOINT=$point:kill "$ETLHOST" dlq retry $source --mode append --pipeline p --contract evolve >out 2>err || true
done
retry
letters p 0
query w.db "SELECT group_concat(id, ' ') FROM (SELECT id FROM t ORDER BY id)" "1 2 3 4 5 6"

# every load sets the same record aside; one letter of it is left
# shellcheck disable=SC2086
load() { etl 0 run $source --mode overwrite --pipeline o --target o --contract dead-letter; }
rm in/*
printf 'id,n\n1,10\n' >in/t-1.csv
load
printf 'id,n\n2,x\n3,30\n' >in/t-2.csv
load
load
letters o 1
# shellcheck disable=SC2086
etl 0 dlq retry $source --mode overwrite --pipeline o --target o --contract evolve
query w.db "SELECT group_concat(id, ' ') FROM (SELECT id FROM o ORDER BY id)" "1 2 3"

# a deletion that was set aside does not bring its record back
# shellcheck disable=SC2086
changes() { command=$1; shift; etl 0 $command $source --mode upsert --primary-key id --operation-column op --pipeline c --target c "$@"; }
rm in/*
printf 'id,n,op\n1,10,i\n2,20,i\n' >in/t-1.csv
changes run --contract dead-letter
printf 'id,n,op\n1,x,d\n2,y,u\n' >in/t-2.csv
changes run --contract dead-letter
changes "dlq retry" --contract evolve
query w.db "SELECT group_concat(id || n, ' ') FROM (SELECT * FROM c ORDER BY id)" "110 2y"
letters c 1
prints deletion
