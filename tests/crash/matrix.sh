#!/bin/sh
# The crash matrix: at every failpoint of the program, for every way of loading, the process is killed (SIGKILL), also a second time while it recovers;
# then it runs to its end. The destination must hold exactly what an undisturbed run gives, each row once, and a further run must write nothing.
# For a destination without transactions (standard output) nothing may be missing.
#   CRASH_HITS="1 2 5"  which pass through a point is the deadly one
. "$(dirname "$0")/../scenario/common.sh"

"$ETLHOST" version >/dev/null
# The slower programs of the sanitizers die once per point: what they add is seen at the first pass.
default_hits="1 2 5"
[ -z "${SANITIZERS:-}" ] || default_hits=1
hits=${CRASH_HITS:-$default_hits}
# shellcheck disable=SC2046
points=$(cd "$top_srcdir" && grep -rhoE 'ETL_FAILPOINT\("[a-z_.]+"' core sdk/src plugins | sed 's/.*"\(.*\)"/\1/' | sort -u)
[ -n "$points" ] || fail "no failpoint was found in the sources"
ETLHOST_FAILPOINT=src.open:kill "$ETLHOST" --source synth --source-opt rows=1 --dest null >/dev/null 2>&1 &&
	{ echo "SKIP: built without --enable-failpoints"; exit 77; }

# ---- the source: 400 rows and a file of changes ----
rows() { awk -v from="$1" -v to="$2" -v tag="$3" 'BEGIN { for (i = from; i <= to; i++) printf "c,%d,%s %d,%d.%02d\n", i, tag, i, i * 7, i % 100 }'; }
{ echo 'op,id,name,total'; rows 1 400 first; } >all.csv
{ echo 'op,id,name,total'; rows 1 400 first; rows 100 180 changed; awk 'BEGIN { for (i = 300; i < 330; i++) printf "d,%d,,\n", i }'; rows 310 312 again; } >changes.csv
sqlite3 app.db "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INTEGER)"
awk 'BEGIN { print "BEGIN;"; for (i = 1; i <= 400; i++) printf "INSERT INTO t VALUES (%d, '\''row %d'\'', %d);\n", i, i, i / 9; print "COMMIT;" }' | sqlite3 app.db

small="--batch-rows 40 --commit-rows 100 --no-progress --quiet --retries 0"
csv="--source csv --source-opt stream=t --source-opt path"
# ---- the ways of loading: NAME|ARGUMENTS|what the destination holds ----
ways() {
	cat <<WAYS
sqlite-append|$csv=$work/all.csv --exclude-columns op --dest sqlite --dest-opt path=out.db|sqlite3 out.db 'SELECT * FROM t'
sqlite-upsert|$csv=$work/all.csv --exclude-columns op --dest sqlite --dest-opt path=out.db --mode upsert --primary-key id|sqlite3 out.db 'SELECT * FROM t'
sqlite-changes|$csv=$work/changes.csv --operation-column op --dest sqlite --dest-opt path=out.db --mode upsert --primary-key id|sqlite3 out.db 'SELECT * FROM t'
sqlite-overwrite|--source sqlite --source-opt path=$work/app.db --parallel 1 --dest sqlite --dest-opt path=out.db --mode overwrite|sqlite3 out.db 'SELECT * FROM t'
sqlite-slices|--source sqlite --source-opt path=$work/app.db --parallel 3 --dest sqlite --dest-opt path=out.db --mode overwrite|sqlite3 out.db 'SELECT * FROM t'
sqlite-cursor|--source sqlite --source-opt path=$work/app.db --cursor n --dest sqlite --dest-opt path=out.db --mode append|sqlite3 out.db 'SELECT * FROM t'
jsonl-append|$csv=$work/all.csv --dest jsonl --dest-opt path=out|cat out/*
csv-overwrite|--source sqlite --source-opt path=$work/app.db --parallel 1 --dest csv --dest-opt path=out --mode overwrite|grep -hv '^id,' out/*
csv-slices|--source sqlite --source-opt path=$work/app.db --parallel 3 --dest csv --dest-opt path=out --mode overwrite|grep -hv '^id,' out/*
plain-append|$csv=$work/all.csv --dest jsonl --dest-opt path=-|awk 1 lines.* | grep '}$'
WAYS
}

once() { # runs the load in ./ with its own store; what goes to standard output is kept by run, because a death may cut the last line
	code=0
	number=$((${number:-0} + 1))
	# shellcheck disable=SC2086
	"$ETLHOST" $1 $small --pipeline crash --state state.db >"lines.$number" 2>err || code=$?
}
content() { eval "$1" 2>/dev/null | sort; }

# The lease is renewed every 15 s only: a slow pipe beside the matrix gets that far.
mkdir slow
slow_run() {
	code=0
	"$ETLHOST" --source csv --source-opt path=- --source-opt stream=t --dest sqlite --dest-opt path=out.db --pipeline slow --state state.db --quiet 2>err || code=$?
	echo "$code" >>codes
}
(
	cd slow
	{ printf 'id\n1\n'; sleep 18; printf '2\n'; } | ETLHOST_FAILPOINT=lease.renew:1:kill slow_run
	printf 'id\n1\n2\n' | slow_run
) &
slow=$!

mkdir oracle
reached=$work/reached
: >"$reached"
killed=0 runs=0
ways >ways
while IFS='|' read -r name arguments look; do
	mkdir "$work/oracle/$name"
	cd "$work/oracle/$name"
	once "$arguments"
	[ "$code" = 0 ] || fail "$name: the undisturbed run fails: $(cat err)"
	content "$look" >"$work/oracle/$name.rows"
	[ -s "$work/oracle/$name.rows" ] || fail "$name: the undisturbed run loads nothing"
	for point in $points; do
		for hit in $hits; do
			rm -rf "$work/trial"
			mkdir "$work/trial"
			cd "$work/trial"
			export ETLHOST_FAILPOINT="$point:$hit:kill"
			once "$arguments"
			runs=$((runs + 1))
			if [ "$code" = 0 ]; then
				unset ETLHOST_FAILPOINT
				break # the point is not on this way, or not passed that often
			fi
			[ "$code" = 137 ] || fail "$name: $point:$hit: exit code $code instead of a kill: $(cat err)"
			echo "$point" >>"$reached"
			killed=$((killed + 1))
			export ETLHOST_FAILPOINT="$point:1:kill"
			once "$arguments" # dies again at the same point while it recovers, or gets through
			unset ETLHOST_FAILPOINT
			tries=0
			while once "$arguments"; [ "$code" != 0 ]; do
				tries=$((tries + 1))
				[ "$tries" -lt 3 ] || fail "$name: $point:$hit: does not recover: exit code $code: $(cat err)"
			done
			content "$look" >rows
			if [ "$name" = plain-append ]; then
				sort -u rows | cmp -s - "$work/oracle/$name.rows" || fail "$name: $point:$hit: rows are missing"
			else
				cmp -s rows "$work/oracle/$name.rows" ||
					fail "$name: $point:$hit: $(wc -l <rows) rows instead of $(wc -l <"$work/oracle/$name.rows"): $(diff rows "$work/oracle/$name.rows" | head -n 5)"
			fi
			case $name in
			*overwrite | *slices) ;;
			*)
				once "$arguments --summary report.json"
				[ "$code" = 0 ] || fail "$name: $point:$hit: a further run fails: $(cat err)"
				reports rows_written 0
				;;
			esac
		done
	done
	cd "$work"
done <ways
wait "$slow" 2>/dev/null || : # its number may have been given away again meanwhile; what it wrote decides
[ "$(tr '\n' ' ' <slow/codes)" = "137 0 " ] || fail "lease.renew: $(cat slow/codes slow/err)"
[ "$(sqlite3 slow/out.db 'SELECT count(*) FROM t WHERE id = 2')" = 1 ] || fail "lease.renew: the run after the death did not load"
echo lease.renew >>"$reached"
for point in $points; do
	grep -qx "$point" "$reached" || missed="${missed:-} $point"
done
[ -z "${missed:-}" ] || fail "no way of loading passes these points:$missed"
echo "killed $killed times in $runs trials at $(echo "$points" | wc -l) points; content was exact after each"
