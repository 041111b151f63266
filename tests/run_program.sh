#!/bin/sh
# Runs one test program. Criterion gives every test a process of its own, whose leaks are printed but do not fail the program: here they do.
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
"$@" >"$log" 2>&1
code=$?
cat "$log"
if [ "$code" = 0 ] && grep -Eq 'LeakSanitizer|AddressSanitizer|runtime error:|ThreadSanitizer' "$log"; then
	echo "FAIL: a sanitizer complains"
	exit 1
fi
exit "$code"
