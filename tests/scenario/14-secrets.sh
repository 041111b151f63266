#!/bin/sh
# A canary in every kind of reference: no output, log, error, report or state store shows it. (Names of files and of streams, and positions in them, are
# data: a canary that is a file's name would be seen there.)
. "$(dirname "$0")/common.sh"
canary=kanarienvogel-7f3a
CANARY=$canary
export CANARY
printf '%s' "$canary" >canary.txt
printf 'id,name\n1,a\n2,b\n' >in.csv
printf 'id,name\n3,c\n4\n' >bad.csv

clean() { silent_about "$canary"; }
run() { # CODE ARGUMENTS: as text, as JSON, with all the log
	etl "$@" --log-level debug; clean
	code=$1
	shift
	etl "$code" "$@" --log-format json --log-level debug; clean
}
for reference in '${env:CANARY}' "\${file:$work/canary.txt}"; do
	# another reference is another pipeline, which may not write to the targets of the first
	rm -rf folder2
	# settings that work
	run 0 --source csv --source-opt path=in.csv --source-opt null_values="[\"$reference\"]" --dest sqlite --dest-opt path=out.db --summary report.json --output json
	run 0 --source csv --source-opt path=in.csv --dest csv --dest-opt path=folder --dest-opt null_text="$reference" --pipeline nulls
	run 0 plan --source csv --source-opt path=in.csv --dest csv --dest-opt path=folder --dest-opt null_text="$reference" --pipeline nulls --output json
	run 0 --source csv --source-opt path=in.csv --dest csv --dest-opt path=hashed --pipeline hashed --mask name=hash --mask-key "$reference"
	run 0 check --dest csv --dest-opt path=folder --dest-opt null_text="$reference" --output json
	# settings that do not: wrong value, wrong type, unknown, no such file
	run 2 --source csv --source-opt path=in.csv --source-opt compression="$reference" --dest null
	run 2 --source csv --source-opt path=in.csv --source-opt sample_rows="$reference" --dest null
	run 2 --source csv --source-opt path=in.csv --source-opt delimiter="$reference" --dest null
	run 2 --source csv --source-opt path=in.csv --source-opt unknown="$reference" --dest null
	run 2 --source csv --source-opt path="missing/$reference" --dest null --summary report.json
	run 4 check --source csv --source-opt path="missing/$reference"
	run 2 discover --source csv --source-opt path="missing/$reference"
	run 2 read --source csv --source-opt path="missing/$reference"
	run 1 --source csv --source-opt path=bad.csv --source-opt null_values="[\"$reference\"]" --dest csv --dest-opt path=folder2 --pipeline f2 --summary report.json
	# by files
	printf 'path: missing/x\nnull_values: ["%s"]\n' "$reference" >source.yaml
	run 2 --source csv --source-config source.yaml --dest null
	printf 'pipeline: p\nsource: {connector: csv, path: in.csv, null_values: ["%s"]}\ndestination: {connector: csv, path: folder3, null_text: "%s"}\nmask_key: "%s"\nstreams: {in: {columns: {name: {mask: hash}}}}\n' \
		"$reference" "$reference" "$reference" >p.yaml
	run 0 run p.yaml --output json --summary report.json
	run 0 plan p.yaml
done
# a key that is written down
run 0 --source csv --source-opt path=in.csv --dest csv --dest-opt path=folder4 --mask name=hash --mask-key "$canary"

for command in "history" "history --output json" "state list" "state export" "dlq list"; do
	# shellcheck disable=SC2086
	etl 0 $command; clean
done
etl 0 history --output json
prints 'missing/***'
# shellcheck disable=SC2046
for run in $(sed -n 's/^    "run_id": "\(.*\)",$/\1/p' out | head -n 40); do
	etl 0 history "$run"; clean
done
for file in state.db state.db-wal out.db report.json; do
	! grep -qaF "$canary" "$file" 2>/dev/null || fail "$file holds the canary"
done
# both kinds of reference have reached the connector
etl 0 read --source csv --source-opt path=in.csv
printf 'id,name\n1,%s\n2,b\n' "$canary" >seen.csv
etl 0 read --source csv --source-opt path=seen.csv --source-opt null_values='["${env:CANARY}"]'
prints '"name":null'
