#!/bin/sh
# Broken and hostile files: a message that names file, place and rule, nothing half visible, memory that stays bounded.
. "$(dirname "$0")/common.sh"
need gzip zstd iconv

# move CODE CONNECTOR FILE TARGET ARGUMENTS...
move() {
	code=$1; connector=$2; file=$3; target=$4
	shift 4
	etl "$code" --source "$connector" --source-opt path="$file" --dest sqlite --dest-opt path=w.db --pipeline "$target" --target "$target" \
		--summary report.json "$@"
}
absent() { query w.db "SELECT count(*) FROM sqlite_master WHERE name LIKE '$1%'" 0; }
# refused FILE CONNECTOR TEXT...: fails, says every text, leaves no table or what came before; discard-row then loads ids 1 and 3
refused() {
	file=$1; connector=$2
	shift 2
	name=bad$((${n:=0} + 1)); n=$((n + 1))
	move 1 "$connector" "$file" "$name"
	says "$file"
	for text in "$@"; do says "$text"; done
	[ "$(report rows_written)" = 1 ] || absent "$name"
	name=row$name
	move 0 "$connector" "$file" "$name" --contract discard-row
	says "$1"
	reports rows_rejected 1
	query w.db "SELECT group_concat(id, ' ') FROM $name" "1 3"
	move 0 "$connector" "$file" "letters$name" --contract dead-letter
	etl 0 dlq list --pipeline "letters$name"
	prints "$1"
}
sqlite3 w.db "CREATE TABLE mine(a)"

# cut off and corrupt: what was committed before stays, and the whole file takes its place
(echo id,v; seq 1 60000 | sed 's/.*/&,value &/') >whole.csv
gzip -c whole.csv >whole.gz; zstd -qc whole.csv >whole.zst
for kind in gz zst; do
	head -c $(($(wc -c <whole.$kind) - 1000)) whole.$kind >cut.csv.$kind
	move 1 csv cut.csv.$kind cut_$kind --commit-rows 10000
	says "cut.csv.$kind"; says "cut off"
	[ "$(report rows_written)" -ge 10000 ] || fail "$(report rows_written) rows were committed before the end"
	query w.db "SELECT count(*) = max(id) AND count(*) = $(report rows_written) FROM cut_$kind" 1
	cp whole.$kind cut.csv.$kind
	move 0 csv cut.csv.$kind cut_$kind --mode upsert --primary-key id --full-refresh
	query w.db "SELECT count(*), count(DISTINCT id) FROM cut_$kind" "60000|60000"
done
printf '{"id":1}\n' | gzip | head -c 20 >cut.jsonl.gz
move 1 jsonl cut.jsonl.gz cut_jsonl; says "cut off"; absent cut_jsonl
printf '\037\213garbage garbage garbage garbage' >magic.csv.gz
printf '\050\265\057\375garbage garbage garbage garbage' >magic.csv.zst
for kind in gz zst; do move 1 csv magic.csv.$kind magic; says magic.csv.$kind; says corrupt; absent magic; done

# bytes that are no text
printf 'id,v\n1,a\n2,b\377\n3,c\n' >x.csv; refused x.csv csv "line 3" "column v" "UTF-8"
printf 'id,v\n1,a\n2,b\000c\n3,c\n' >x.csv; refused x.csv csv "line 3" "column v" "NUL"
printf '{"id":1}\n{"id":2,"v":"b\377"}\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "UTF-8" "byte"
printf '{"id":1}\n{"id":2,"v":"b\000"}\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "control character"
printf '{"id":1}\n{"id":2,"v":"\\ud800"}\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "lone surrogate"
printf '{"id":1}\n{"id":2,"v":"\\udc00\\ud800"}\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "lone surrogate"
printf 'id,v\n1,a\n' | iconv -t UTF-16 >utf16.csv
move 1 csv utf16.csv utf16; says "utf16.csv"; says "encoding"; absent utf16
move 0 csv utf16.csv utf16 --source-opt encoding=utf-16
query w.db "SELECT id, v FROM utf16" "1|a"
printf '{"id":1}\n' | iconv -t UTF-16 >utf16.jsonl
move 1 jsonl utf16.jsonl jutf16 --contract discard-row; says "utf16.jsonl is UTF-16"; says iconv; absent jutf16

# shape
printf 'id,v\n1,a\n2,b,c\n3,d\n' >x.csv; refused x.csv csv "line 3" "3 fields, header has 2"
printf 'id,v\n1,a\n2\n3,d\n' >x.csv; refused x.csv csv "line 3" "1 field, header has 2"
printf 'id,v\n1,a\n2,b"c\n3,d\n' >x.csv; refused x.csv csv "line 3" "quote"
printf '{"id":1}\n{"id":2\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "unexpected end"
printf '{"id":1}\n[2]\n{"id":3}\n' >x.jsonl; refused x.jsonl jsonl "line 2" "not a JSON object"
deep() { head -c 100000 /dev/zero | tr '\0' "$1"; }
{ printf '{"id":1}\n{"id":2,"v":'; deep '['; deep ']'; printf '}\n{"id":3}\n'; } >x.jsonl; refused x.jsonl jsonl "line 2" "nested too deeply"
{ printf '{"id":1}\n{"id":2,"v":'; deep '['; printf '\n{"id":3}\n'; } >x.jsonl; refused x.jsonl jsonl "line 2" "nested too deeply"
# an open quote at the end: a file may still grow, a compressed one and a pipe may not
printf 'id,v\n1,a\n2,"b\n3,c\n' >open.csv
move 0 csv open.csv open; says "open.csv: line 3"; says "left for a later run"; says quote
query w.db "SELECT id FROM open" 1
printf '"\n4,d\n' >>open.csv
move 0 csv open.csv open
query w.db "SELECT group_concat(id, ' ') FROM open" "1 2 4"
printf 'id,v\n1,a\n2,"b\n' | gzip >opened.csv.gz
move 1 csv opened.csv.gz opened; says "line 3"; says "not closed"; absent opened
printf '{"id":1}\n{"id":2' >tail.jsonl
move 0 jsonl tail.jsonl tail; says "left for a later run"
printf '}\n' >>tail.jsonl
move 0 jsonl tail.jsonl tail
query w.db "SELECT group_concat(id, ' ') FROM tail" "1 2"

# odd, but fine
printf 'id,id,v,V\n1,2,3,4\n' >twice.csv; move 0 csv twice.csv twice; says id_2
: >empty.csv; move 0 csv empty.csv empty; : >empty.jsonl; move 0 jsonl empty.jsonl empty; absent empty
printf 'id,v\n' >header.csv; move 0 csv header.csv header
query w.db "SELECT group_concat(name) FROM pragma_table_info('header')" "id,v"
move 0 csv header.csv header; reports commits 0
printf 'id,v\r\n1,a\n2,b\r\n3,"c\r\nd"\r4,e' >ends.csv; move 0 csv ends.csv ends
query w.db "SELECT group_concat(id || hex(v), ' ') FROM ends" "161 262 3630D0A64 465"
printf '{"id":1}\r\n\r\n{"id":2}\n' >ends.jsonl; move 0 jsonl ends.jsonl jends; query w.db "SELECT group_concat(id) FROM jends" "1,2"
printf '1,a\n2,b\n' >bare.csv; move 0 csv bare.csv bare --source-opt header=false; query w.db "SELECT c2 FROM bare WHERE c1 = 2" b
for value in 9223372036854775808 -9223372036854775809 12345678901234567890123456789012345678 123456789012345678901234567890123456789 \
	0.12345678901234567890123456789012345678 1234567890123456789012345678901234567.89 123456789012345678901234567890123456789.5; do
	printf 'id,v\n1,%s\n' "$value" >number.csv
	printf '{"id":1,"v":%s}\n' "$value" >number.jsonl
	rm -f number.db
	for connector in csv jsonl; do
		etl 0 --source $connector --source-opt path=number.$connector --dest sqlite --dest-opt path=number.db --target $connector --pipeline "$connector$value"
		query number.db "SELECT v, typeof(v) FROM $connector" "$value|text"
	done
done
printf 'id,d,t\n1,2026-02-28,2026-02-28T10:00:00Z\n2,2026-02-30,2026-02-30T10:00:00Z\n3,10000-01-01,10000-01-01T00:00:00Z\n' >dates.csv
move 0 csv dates.csv dates
query w.db "SELECT d, t FROM dates WHERE id > 1" "2026-02-30|2026-02-30T10:00:00Z
10000-01-01|10000-01-01T00:00:00Z"

# 5,000 columns
seq -s , 1 5000 | sed 's/[0-9]*/c&/g' >wide.csv; seq -s , 1 5000 >>wide.csv
etl 0 --source csv --source-opt path=wide.csv --dest csv --dest-opt path=wide
cat wide/*.csv | cmp - wide.csv || fail "5000 columns came out differently"
etl 5 --source csv --source-opt path=wide.csv --dest sqlite --dest-opt path=wide.db
says "5000 columns"; says 2000
[ ! -e wide.db ] || [ -z "$(sqlite3 wide.db "SELECT name FROM sqlite_master WHERE name LIKE 'wide%'")" ] || fail "something was created"

# a field of 1 GiB, through a pipe and compressed; 200 MiB are enough (not under a sanitizer, which needs more)
field() { head -c 1G /dev/zero | tr '\0' a; }
csv_field() { printf 'id,v\n1,a\n2,'; field; printf '\n3,c\n'; }
json_field() { printf '{"id":1,"v":"a"}\n{"id":2,"v":"'; field; printf '"}\n{"id":3,"v":"c"}\n'; }
bounded() {
	grep -q '^S\["SANITIZE_CFLAGS"\]="..*"' "$top_builddir/config.status" && return
	[ "$(report peak_rss_bytes)" -lt 209715200 ] || fail "$1 took $(report peak_rss_bytes) bytes"
}
for contract in evolve dead-letter; do
	code=1; [ $contract = evolve ] || code=0
	csv_field | etl $code --source csv --source-opt path=- --dest sqlite --dest-opt path=w.db --target huge --source-opt stream=huge --pipeline c$contract \
		--contract $contract --summary report.json
	says "line 3"; says record_size_max; bounded csv
	[ $contract = dead-letter ] || absent huge
	json_field | etl $code --source jsonl --source-opt path=- --dest sqlite --dest-opt path=w.db --target jhuge --source-opt stream=jhuge \
		--pipeline j$contract --contract $contract --summary report.json
	says "line 2"; says record_size_max; bounded jsonl
done
query w.db "SELECT group_concat(id, ' ') FROM huge" "1 3"
query w.db "SELECT group_concat(id, ' ') FROM jhuge" "1 3"
{ printf 'id,v\n1,"'; head -c 300M /dev/zero; } | gzip -1 >bomb.csv.gz
move 1 csv bomb.csv.gz bomb; says record_size_max; bounded gzip; absent bomb
query w.db "SELECT count(*) FROM mine" 0
