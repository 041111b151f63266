#!/bin/sh
# Files that have grown since the last run, and a death before all of them were read on: nothing is read twice.
. "$(dirname "$0")/common.sh"

move() { "$ETLHOST" run --source csv --source-opt path='in/*' --dest sqlite --dest-opt path=w.db --pipeline p \
	--batch-rows 10 --commit-rows 10 --summary report.json >out 2>err; }

mkdir in
printf 'id\n1\n' >in/t-1.csv
printf 'id\n1001\n' >in/t-2.csv
move || fail "the first run"
seq 2 100 >>in/t-1.csv
seq 1002 1100 >>in/t-2.csv
if ! ETLHOST_FAILPOINT='save.after:5:kill' move; then
	query w.db "SELECT count(*) > 2 AND max(id) < 1002 FROM t" 1
fi
move || fail "the run after the death"
query w.db "SELECT count(*), count(DISTINCT id) FROM t" "200|200"
move || fail "the last run"
reports rows_read 0
