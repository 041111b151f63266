#!/bin/sh
# Schema changes under each contract; dead letters and their replay.
. "$(dirname "$0")/common.sh"

first() { mkdir -p "$1"; printf 'id,n\n1,10\n2,20\n' >"$1/t-1.csv"; }
second() { printf 'id,n,extra\n3,30,\n4,forty,\n5,50,new\n6,60,\n' >"$1/t-2.csv"; }
move() { code=$1; where=$2; shift 2; etl "$code" $csv_to_sqlite --source-opt path="$where/*.csv" --pipeline "$where" --target "$where" "$@"; }

first evolve; move 0 evolve; second evolve; move 0 evolve
query warehouse.db "SELECT group_concat(n, ' ') FROM (SELECT * FROM evolve ORDER BY id)" "10 20 30 forty 50 60"
query warehouse.db "SELECT extra FROM evolve WHERE id = 5" new

first freeze; move 0 freeze --contract freeze; second freeze; move 5 freeze --contract freeze
query warehouse.db "SELECT count(*) FROM freeze" 2
says freeze

first discard; move 0 discard --contract discard-row; second discard; move 0 discard --contract discard-row
query warehouse.db "SELECT group_concat(id, ' ') FROM (SELECT * FROM discard ORDER BY id)" "1 2 3 6"
reports rows_rejected 2

first letters; move 0 letters --contract dead-letter; second letters; move 0 letters --contract dead-letter
query warehouse.db "SELECT group_concat(id, ' ') FROM (SELECT * FROM letters ORDER BY id)" "1 2 3 6"
reports rows_rejected 2
etl 0 dlq list --pipeline letters
prints forty
etl 0 dlq list --pipeline letters --output json
[ "$(grep -c '"reason"' out)" = 2 ] || fail "2 dead letters were expected"
etl 0 dlq list; prints forty
etl 0 dlq list --pipeline another --output json; [ "$(tr -d '[:space:]' <out)" = "[]" ] || fail "another pipeline has no letters"
etl 0 dlq list --limit 1 --output json
[ "$(grep -c '"reason"' out)" = 1 ] || fail "one dead letter was asked for"
id=$(sed -n 's/^ *"id": \([0-9]*\),$/\1/p' out)
etl 0 dlq show "$id"; prints '"reason"'
etl 2 dlq show 99999; etl 2 dlq show x
# the contract is relaxed, the letters are replayed
etl 0 dlq retry --source csv --source-opt path='letters/*.csv' --dest sqlite --dest-opt path=warehouse.db --pipeline letters --target letters --contract evolve
query warehouse.db "SELECT group_concat(id || ':' || n, ' ') FROM (SELECT * FROM letters ORDER BY id)" "1:10 2:20 3:30 4:forty 5:50 6:60"
etl 0 dlq list --pipeline letters --output json
[ "$(grep -c '"reason"' out)" = 0 ] || fail "no dead letter should be left"

# rows that cannot even be parsed
mkdir ragged
printf 'id,n\n1,10\n2,20,30\n3,40\n' >ragged/t.csv
move 1 ragged
says "t.csv"
says "3"
query warehouse.db "SELECT count(*) FROM sqlite_master WHERE name = 'ragged'" 0
move 0 ragged --contract dead-letter
query warehouse.db "SELECT group_concat(id, ' ') FROM ragged" "1 3"
etl 0 dlq list --pipeline ragged
prints "line 3"
