#!/bin/sh
# `read` leaves nothing behind and starts at the first record each time; `plan` names the position; both take a pipeline file.
. "$(dirname "$0")/common.sh"
mkdir shop
printf 'id,name\n1,Ada\n2,"B ""Q"" \303\234"\n3,\n' >shop/a.csv
cat >p.yaml <<'YAML'
pipeline: p
source: {connector: csv, path: "shop/*.csv"}
destination: {connector: sqlite, path: out.db}
mode: upsert
primary_key: id
YAML
for again in 1 2; do
	etl 0 read --source csv --source-opt path=shop/a.csv
	[ "$(cat out)" = '{"stream":"a","record":{"id":1,"name":"Ada"}}
{"stream":"a","record":{"id":2,"name":"B \"Q\" Ü"}}
{"stream":"a","record":{"id":3,"name":null}}' ] || fail "read, pass $again: other records"
done
etl 0 read p.yaml --limit 2 --columns id
[ "$(wc -l <out)" -eq 2 ] || fail "read FILE --limit 2: $(wc -l <out) records"
prints '{"stream":"a","record":{"id":1}}'
[ "$(ls)" = "err
out
p.yaml
shop" ] || fail "read left files behind: $(ls)"
"$ETLHOST" read --source synth 2>err | head -n 1 >out
[ ! -s err ] || fail "a reader that has enough is no error"

etl 0 plan p.yaml
prints 'CREATE TABLE "a"'
silent_about "epoch INTEGER"
etl 0 run p.yaml
etl 0 plan p.yaml
prints "a.csv at byte 32"
silent_about CREATE
etl 0 plan p.yaml --full-refresh
silent_about "at byte"
etl 2 plan nosuch.yaml; says nosuch.yaml
etl 2 plan --source nosuch --dest null; says nosuch

# what cannot be written to standard output is no success
if [ -w /dev/full ]; then
	for command in "plugins" "plan p.yaml" "history" "history --output json" "inspect csv" "completion bash" "version"; do
		code=0
		# shellcheck disable=SC2086
		"$ETLHOST" $command >/dev/full 2>err || code=$?
		[ "$code" = 1 ] || fail "etlhost $command on a full device: exit code $code"
		says "standard output"
	done
fi
# a stream that cannot run is a failed check
etl 4 plan p.yaml --cursor nosuch; prints "error"
etl 4 plan p.yaml --cursor nosuch --output json; prints '"error"'
# rows that have gone to one target are not at another
etl 1 run p.yaml --target elsewhere; says "the target was a, is now elsewhere"
etl 0 run p.yaml --target elsewhere --full-refresh
query out.db "SELECT count(*) FROM elsewhere" 3
# a dry run is judged as the run would be
rm -f out.db
etl 0 run p.yaml --pipeline dry --dry-run --summary report.json
reports delivery exactly-once
[ ! -e out.db ] || fail "a dry run writes"
etl 2 run p.yaml --pipeline dry --dry-run --dest csv --dest-opt path=folder; says "cannot upsert"
[ ! -e folder ] || fail "a dry run writes"
