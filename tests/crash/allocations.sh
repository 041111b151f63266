#!/bin/sh
# Every allocation of a run fails once, in turn (a sample of them unless ALLOCATIONS=all): the process must not crash, must say what happened, must leave nothing half
# visible, and the next run must bring the destination to the exact content.
. "$(dirname "$0")/../scenario/common.sh"
shim=$top_builddir/tests/crash/.libs/fail_allocations.so
[ -e "$shim" ] || { echo "SKIP: the shim was not built"; exit 77; }
grep -q fsanitize "$top_builddir/config.log" && grep -Eq '^SANITIZE_CFLAGS=.*fsanitize' "$top_builddir/config.log" && { echo "SKIP: sanitizers bring their own allocator"; exit 77; }

printf 'id,name,total\n' >t.csv
seq 1 60 | sed 's/.*/&,"name ""&""",&.50/' >>t.csv
printf '{"id":1,"tags":["a",{"b":null}],"n":1.5}\n{"id":2,"extra":{"deep":[1,2,3]}}\n' >e.jsonl
arguments() {
	case $1 in
	csv) echo "--source csv --source-opt path=$work/t.csv --dest sqlite --dest-opt path=out.db --mode upsert --primary-key id --mask name=redact" ;;
	jsonl) echo "--source jsonl --source-opt path=$work/e.jsonl --dest csv --dest-opt path=out" ;;
	esac
}
look() { { [ ! -e out.db ] || sqlite3 out.db "SELECT * FROM t"; [ ! -e out ] || cat out/* 2>/dev/null; } | sort; }
for way in csv jsonl; do
	run="$ETLHOST $(arguments $way) --pipeline oom --state state.db --no-progress --batch-rows 20 --retries 0 --parallel 1"
	mkdir "$work/$way-oracle" && cd "$work/$way-oracle"
	FAIL_ALLOCATION=0 FAIL_ALLOCATION_COUNT_FD=9 LD_PRELOAD=$shim $run 9>count >out-log 2>&1 || fail "$way: the counted run fails: $(cat out-log)"
	total=$(tail -n 1 count)
	look >"$work/$way.rows"
	step=$((total / 120 + 1))
	[ "${ALLOCATIONS:-}" = all ] && step=1
	number=1
	while [ "$number" -le "$total" ]; do
		rm -rf "$work/trial" && mkdir "$work/trial" && cd "$work/trial"
		code=0
		FAIL_ALLOCATION=$number LD_PRELOAD=$shim timeout 60 $run >log 2>&1 || code=$?
		[ "$code" -lt 124 ] || fail "$way: allocation $number of $total: exit code $code: $(cat log)"
		[ "$code" = 0 ] || [ -s log ] || fail "$way: allocation $number of $total: exit code $code without a message"
		code=0
		$run >log 2>&1 || code=$?
		[ "$code" = 0 ] || fail "$way: after allocation $number of $total the next run fails: $(cat log)"
		look >rows
		cmp -s rows "$work/$way.rows" || fail "$way: after allocation $number of $total the content is not exact"
		number=$((number + step))
	done
	cd "$work"
	echo "$way: every ${step}th of $total allocations"
done
