#!/bin/sh
# Measures etlhost against floors in the same run and prints ratios; absolute figures depend on the machine and its other load.
#   bench.sh BUILD-FOLDER [ROWS [ROWS-LARGE]]     default 1000000 5000000; results also in BUILD-FOLDER/bench.txt
# Every pair runs ROUNDS times (default 3), alternating; the figures are medians of wall seconds, CPU seconds, and the peak resident set.
set -eu
build=$(cd "$1" && pwd)
rows=${2:-1000000}
large=${3:-5000000}
rounds=${ROUNDS:-3}
ETLHOST_PLUGIN_PATH=$build/plugins/.libs
export ETLHOST_PLUGIN_PATH
work=$build/bench-work
mkdir -p "$work"
cd "$work"
results=$build/bench.txt
: >"$results"

say() { printf '%s\n' "$*" | tee -a "$results"; }
data() { # FILE ROWS FORMAT [MORE]
	file=$1 count=$2 format=$3
	shift 3
	[ -s "$file" ] || "$build/bench_data" -n "$count" -f "$format" "$@" >"$file"
}
# sample NAME BEFORE COMMAND...: runs once, appends "wall cpu rss code" to NAME.times
sample() {
	name=$1 before=$2
	shift 2
	eval "$before"
	"$build/measure" -q "$@" >>"$name.times"
	code=$(tail -n 1 "$name.times" | cut -d' ' -f4)
	[ "$code" = 0 ] || { echo "bench: $name: exit code $code: $*" >&2; exit 1; }
}
middle() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
wall() { cut -d' ' -f1 "$1.times" | middle; }
cpu() { cut -d' ' -f2 "$1.times" | middle; }
rss() { cut -d' ' -f3 "$1.times" | middle; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# line NAME ROWS TEXT
line() {
	say "$(awk -v n="$3" -v w="$(wall "$1")" -v c="$(cpu "$1")" -v r="$(rss "$1")" -v rows="$2" \
		'BEGIN { printf "  %-34s %8.3f s  %9.0f rows/s  %6.2f CPU s/M rows  %7.1f MiB", n, w, rows / w, c / rows * 1e6, r / 1024 }')"
}
# target TEXT VALUE OPERATOR LIMIT
target() {
	verdict=$(awk -v a="$2" -v b="$4" -v o="$3" 'BEGIN { print (o == "<=" ? a <= b : a >= b) ? "met" : "MISSED" }')
	say "  -> $1: $2 (target $3 $4): $verdict"
}
fresh() { rm -f ./*.times; }
etl="$build/etlhost run --quiet --no-progress --state state.db"
clean='rm -rf state.db* out.db* out'

say "etlhost $("$build/etlhost" version | cut -d' ' -f2), $(nproc) processors, $rows and $large rows, median of $rounds rounds"
data small.csv "$rows" csv
data small.jsonl "$rows" jsonl
data large.csv "$large" csv
data changes.csv "$rows" csv -u "$large"

say "synth -> null, 12 columns: the boundary alone"
fresh
for _ in $(seq "$rounds"); do
	sample synth "$clean" $etl --source synth --source-opt rows=20000000 --dest null --parallel 1
done
line synth 20000000 "etlhost"
target "rows per CPU second" "$(awk -v c="$(cpu synth)" 'BEGIN { printf "%.0f", 20000000 / c }')" ">=" 5000000

for size in small large; do
	count=$rows
	[ $size = small ] || count=$large
	say "CSV -> SQLite append, $count rows"
	fresh
	for round in $(seq "$rounds"); do
		sample floor "$clean" "$build/floor_csv_to_sqlite" $size.csv out.db append
		sample etlhost "$clean" $etl --source csv --source-opt path=$size.csv --dest sqlite --dest-opt path=out.db --target t --mode append
		[ $size = large ] && [ "$round" -gt 1 ] && continue
		sample import "$clean" sqlite3 out.db ".mode csv" ".import $size.csv t"
	done
	line floor "$count" "plain C program"
	line etlhost "$count" "etlhost"
	line import "$count" "sqlite3 .import"
	target "etlhost against the plain C program" "$(ratio "$(wall etlhost)" "$(wall floor)")" "<=" 1.3
	target "sqlite3 .import against etlhost" "$(ratio "$(wall import)" "$(wall etlhost)")" ">=" 2.5
	rss etlhost >rss.$size
done
target "peak RSS of the large load against the small" "$(ratio "$(cat rss.large)" "$(cat rss.small)")" "<=" 1.10
target "peak RSS in MiB (budget 64 + cache 16)" "$(awk -v r="$(cat rss.large)" 'BEGIN { printf "%.1f", r / 1024 }')" "<=" 80

say "CSV <-> JSON lines, $rows rows"
fresh
for _ in $(seq "$rounds"); do
	sample csv_parse "$clean" $etl --source csv --source-opt path=small.csv --dest null --mode append
	sample jsonl_parse "$clean" $etl --source jsonl --source-opt path=small.jsonl --dest null --mode append
	sample csv_jsonl "$clean" $etl --source csv --source-opt path=small.csv --dest jsonl --dest-opt path=out
	sample jsonl_csv "$clean" $etl --source jsonl --source-opt path=small.jsonl --dest csv --dest-opt path=out
	sample synth_null "$clean" $etl --source synth --source-opt rows="$rows" --dest null
	sample synth_jsonl "$clean" $etl --source synth --source-opt rows="$rows" --dest jsonl --dest-opt path=out
	sample synth_csv "$clean" $etl --source synth --source-opt rows="$rows" --dest csv --dest-opt path=out
done
line csv_parse "$rows" "CSV parse only"
line jsonl_parse "$rows" "JSON lines parse only"
line synth_jsonl "$rows" "JSON lines write only (synth)"
line synth_csv "$rows" "CSV write only (synth)"
line csv_jsonl "$rows" "CSV -> JSON lines"
line jsonl_csv "$rows" "JSON lines -> CSV"
sum() { awk -v a="$1" -v b="$2" 'BEGIN { print a + b }'; }
target "CSV -> JSON lines against parse + write" "$(ratio "$(wall csv_jsonl)" "$(sum "$(wall csv_parse)" "$(wall synth_jsonl)")")" "<=" 1.5
target "JSON lines -> CSV against parse + write" "$(ratio "$(wall jsonl_csv)" "$(sum "$(wall jsonl_parse)" "$(wall synth_csv)")")" "<=" 1.5

say "upsert of $rows changes into $large rows, SQLite"
fresh
rm -f base.db
"$build/floor_csv_to_sqlite" large.csv base.db append
sqlite3 base.db "CREATE UNIQUE INDEX t_id ON t(id)"
for _ in $(seq "$rounds"); do
	sample floor "$clean; cp base.db out.db" "$build/floor_csv_to_sqlite" changes.csv out.db upsert
	sample etlhost "$clean; cp base.db out.db" $etl --source csv --source-opt path=changes.csv --dest sqlite --dest-opt path=out.db --target t --mode upsert --primary-key id
done
line floor "$rows" "plain C program"
line etlhost "$rows" "etlhost"
target "etlhost against the plain C program" "$(ratio "$(wall etlhost)" "$(wall floor)")" "<=" 1.3

say "cold start"
fresh
printf 'id,v\n1,a\n' >tiny.csv
eval "$clean"
$etl --source csv --source-opt path=tiny.csv --dest sqlite --dest-opt path=out.db 2>/dev/null
for _ in $(seq 20); do
	sample version : "$build/etlhost" version
	sample nothing : $etl --source csv --source-opt path=tiny.csv --dest sqlite --dest-opt path=out.db
done
target "etlhost version, milliseconds" "$(awk -v w="$(wall version)" 'BEGIN { printf "%.1f", w * 1000 }')" "<=" 10
target "a sync of nothing, milliseconds" "$(awk -v w="$(wall nothing)" 'BEGIN { printf "%.1f", w * 1000 }')" "<=" 25
rm -rf out.db* out base.db state.db*
