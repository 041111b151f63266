#!/bin/sh
# Where a read cannot go on from where it stopped, it says so instead of losing or repeating records: pipes and replaced files.
. "$(dirname "$0")/common.sh"

rows() { seq 1 1000 | sed 's/$/,'"$1"'/'; }
csv() { echo id,v; rows "$1"; }
jsonl() { seq 1 1000 | sed 's/.*/{"id":&}/'; }
run() { "$ETLHOST" run --dest sqlite --dest-opt path=w.db --batch-rows 10 --commit-rows 10 "$@" >out 2>err; }

# a second attempt within a run does not take the rest of a pipe for the whole
for format in csv jsonl; do
	code=0
	$format a | ETLHOST_FAILPOINT=commit.after:3:in_doubt run --source $format --source-opt path=- --source-opt stream=t \
		--mode append --pipeline "append-$format" --target "append_$format" || code=$?
	[ "$code" = 0 ] && rows=1000 || { rows=30; says "standard input cannot be read a second time"; }
	query w.db "SELECT count(*) FROM append_$format" $rows

	# a whole load from a pipe is one unit: what is left of a killed one does not get into the next
	killed=0
	$format a | ETLHOST_FAILPOINT=src.batch:5:kill run --source $format --source-opt path=- --source-opt stream=t \
		--mode overwrite --pipeline "over-$format" --target "over_$format" || killed=1
	$format a | run --source $format --source-opt path=- --source-opt stream=t \
		--mode overwrite --pipeline "over-$format" --target "over_$format" || fail "$format: the load after the death"
	query w.db "SELECT count(*), count(DISTINCT id) FROM over_$format" "1000|1000"

	# a FIFO is a pipe, too, where it is read at all
	[ $format = jsonl ] || continue
	mkfifo "pipe.$format"
	$format a >"pipe.$format" &
	run --source $format --source-opt path="pipe.$format" --pipeline "fifo-$format" --mode append || fail "$format: the FIFO"
	query w.db "SELECT count(*) FROM pipe" 1000
	sqlite3 w.db "DROP TABLE pipe"
done

# a load of files goes on only with the files that it has begun with
load() { run --source csv --source-opt path=t.csv --mode overwrite --pipeline files "$@"; }
csv old >t.csv
if [ "$killed" = 1 ]; then
	ETLHOST_FAILPOINT=save.after:5:kill load && fail "it was to be killed"
	csv new >other && mv other t.csv
	load && fail "the replaced file went into a load begun with the old one"
	says "--full-refresh"
	load --full-refresh || fail "the full refresh"
	query w.db "SELECT count(*), count(DISTINCT id), min(v) FROM t" "1000|1000|new"
fi
