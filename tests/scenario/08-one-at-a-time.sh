#!/bin/sh
# Two runs of one pipeline at once: the second leaves with 75. A killed run does not hold the pipeline. Signals stop cleanly.
. "$(dirname "$0")/common.sh"
mkfifo pipe
( printf 'id,v\n1,a\n'; sleep 3; printf '2,b\n' ) >pipe &
"$ETLHOST" --source csv --source-opt path=- --source-opt stream=t --dest sqlite --dest-opt path=warehouse.db --pipeline one <pipe >out1 2>err1 &
first=$!
sleep 1
printf 'id,v\n9,z\n' | { code=0; "$ETLHOST" --source csv --source-opt path=- --source-opt stream=t --dest sqlite --dest-opt path=warehouse.db --pipeline one >out 2>err || code=$?
	[ "$code" = 75 ] || fail "the second run ended with $code"; }
says "another run"
wait "$first" || fail "the first run failed: $(cat err1)"
query warehouse.db "SELECT count(*) FROM t" 2

# a run that was killed is taken over at once
big="--source synth --source-opt rows=200000000 --dest null --pipeline two"
"$ETLHOST" $big >/dev/null 2>err2 &
run=$!
sleep 1
kill -9 "$run"
wait "$run" 2>/dev/null || :
# SIGTERM and SIGINT: a clean checkpoint, then 143 and 130 (a shell's background jobs ignore SIGINT, hence the detour)
for pair in TERM:143 INT:130; do
	"$ETLHOST" $big >/dev/null 2>err & run=$!
	sleep 1
	kill -"${pair%:*}" "$run" 2>/dev/null || :
	code=0; wait "$run" || code=$?
	[ "${pair%:*}" = INT ] && [ "$code" != 130 ] && { kill -TERM "$run" 2>/dev/null; wait "$run" || :; continue; }
	[ "$code" = "${pair#*:}" ] || fail "SIG${pair%:*}: exit code $code: $(cat err)"
done
etl 0 state list
prints two
