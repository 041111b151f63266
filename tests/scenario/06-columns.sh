#!/bin/sh
# Selecting, renaming and masking columns.
. "$(dirname "$0")/common.sh"
printf 'id,name,email,secret,Note,note\n1,Ann,ann@example.com,s3cr3t-value,x,y\n2,Bob,,s3cr3t-other,x,y\n' >people.csv
KEY=a-mask-key-of-mine
export KEY
etl 0 $csv_to_sqlite --source-opt path=people.csv --exclude-columns 'se*' --rename name=full_name --mask email=hash --mask-key '${env:KEY}'
query warehouse.db "SELECT group_concat(name, ',') FROM pragma_table_info('people')" "id,full_name,email,Note,note_2"
want=$(printf 'ann@example.com' | openssl dgst -sha256 -hmac "$KEY" 2>/dev/null | sed 's/.*= //')
[ -z "$want" ] || query warehouse.db "SELECT email FROM people WHERE id = 1" "$want"
query warehouse.db "SELECT email IS NULL FROM people WHERE id = 2" 1
silent_about "$KEY"
! grep -qF "$KEY" state.db || fail "the key is in the state store"
etl 0 $csv_to_sqlite --source-opt path=people.csv --target p2 --pipeline p2 --mask secret=redact --mask email=partial --mask name=null --columns id --columns name --columns email --columns secret
query warehouse.db "SELECT id, name IS NULL, secret FROM p2 WHERE id = 1" "1|1|***"
query warehouse.db "SELECT email LIKE '%*%' AND email NOT LIKE '%ann%' FROM p2 WHERE id = 1" 1
etl 2 $csv_to_sqlite --source-opt path=people.csv --pipeline p3 --mask emial=hash --mask-key '${env:KEY}'
says emial
etl 2 $csv_to_sqlite --source-opt path=people.csv --pipeline p4 --mask email=hash
says key
