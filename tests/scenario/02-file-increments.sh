#!/bin/sh
# File sources read new files and appended tails, and nothing twice; compressed files too.
. "$(dirname "$0")/common.sh"
need gzip zstd

mkdir in
printf 'id,v\n1,a\n2,b\n' >in/t-1.csv
etl 0 $csv_to_sqlite --source-opt path='in/*' 
reports rows_written 2
printf '3,c\n' >>in/t-1.csv
printf 'id,v\n4,d\n' | gzip >in/t-2.csv.gz
printf 'id,v\n5,e\n' | zstd -q >in/t-3.csv.zst
etl 0 $csv_to_sqlite --source-opt path='in/*'
query warehouse.db "SELECT group_concat(id || v, ' ') FROM (SELECT * FROM t ORDER BY id)" "1a 2b 3c 4d 5e"
reports rows_written 3
etl 0 $csv_to_sqlite --source-opt path='in/*'
reports rows_written 0

# a file without a final newline is complete
printf 'id,v\n6,f' >in/t-4.csv
etl 0 $csv_to_sqlite --source-opt path='in/*'
reports rows_written 1
query warehouse.db "SELECT v FROM t WHERE id = 6" f

# many small commits and one at the end give the same
printf 'id,v\n' >big.csv
seq 1 5000 | sed 's/.*/&,value &/' >>big.csv
etl 0 --source csv --source-opt path=big.csv --dest sqlite --dest-opt path=big.db --batch-rows 100 --commit-rows 300 --summary report.json
query big.db "SELECT count(*), count(DISTINCT id), sum(id) FROM big" "5000|5000|12502500"
[ "$(report commits)" -ge 16 ] || fail "commits: $(report commits)"
