#!/bin/sh
# The state commands: list, show, history, export and import, rollback, reset; refusal of what is no state.
. "$(dirname "$0")/common.sh"
printf 'id,v\n1,a\n2,b\n' >t.csv
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one
printf '3,c\n' >>t.csv
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one
etl 0 state list
prints one
etl 0 state show one
prints '"seq": 2'
etl 0 state history one --output json
[ "$(grep -c '"seq"' out)" = 2 ] || fail "two checkpoints were expected"
etl 0 history
prints one
etl 0 history --output json
run=$(sed -n 's/^ *"run_id": "\(.*\)",$/\1/p' out | head -n 1)
etl 0 history "$run"
prints '"rows_written"'

# export is accepted by import, and the copy goes on where the original stopped
etl 0 state export one
cp out export.json
etl 0 state import export.json --state copy.db
etl 0 state export one --state copy.db
cmp out export.json || fail "import and export again gives something else"
printf '4,d\n' >>t.csv
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one --state copy.db
query warehouse.db "SELECT count(*), count(DISTINCT id) FROM t" "4|4"
# the original store is behind its destination now by one commit: it adopts
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one
query warehouse.db "SELECT count(*), count(DISTINCT id) FROM t" "4|4"

# reset: the target is built anew
etl 2 state reset one
etl 0 state reset one --all
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one
query warehouse.db "SELECT count(*), count(DISTINCT id) FROM t" "4|4"

# the destination lost what the store has: stop, do not lose
rm warehouse.db
printf '5,e\n' >>t.csv
etl 1 $csv_to_sqlite --source-opt path=t.csv --pipeline one
etl 0 $csv_to_sqlite --source-opt path=t.csv --pipeline one --full-refresh
query warehouse.db "SELECT count(*) FROM t" 5

# what is no state store is refused and left alone
printf 'this is not a database, by any means; it is longer than a header, though ................................................' >garbage.db
cp garbage.db before
etl 2 state list --state garbage.db
cmp garbage.db before || fail "the foreign file was changed"
sqlite3 foreign.db "CREATE TABLE a(b)"
etl 2 state list --state foreign.db
etl 2 state list --state does-not-exist.db
[ ! -e does-not-exist.db ] || fail "looking made a store"
for text in '' '{' '[]' '{"etlhost_state":99}' '{"etlhost_state":1}' '{"etlhost_state":1,"pipelines":[{"id":7}]}'; do
	printf '%s' "$text" >bad.json
	code=0; "$ETLHOST" state import bad.json >out 2>err || code=$?
	[ "$code" != 0 ] && [ -s err ] || fail "import took: $text"
done
