# Shared by the scenario tests: a temporary folder as working directory, a state store of its own, and checks that say what went wrong.
# shellcheck shell=sh
set -eu
# A run by hand needs no environment: ./build is assumed.
: "${top_builddir:=$(cd "$(dirname "$0")/../../build-check" && pwd)}"
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${ETLHOST:=$top_builddir/etlhost}"
: "${ETLHOST_PLUGIN_PATH:=$top_builddir/plugins/.libs}"
export ETLHOST_PLUGIN_PATH
unset ETLHOST_FAILPOINT

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ETLHOST_STATE=$work/state.db
XDG_STATE_HOME=$work/state-home
export ETLHOST_STATE XDG_STATE_HOME

need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "SKIP: $tool is missing"; exit 77; }
	done
}
need sqlite3

fail() {
	echo "FAIL: $*"
	for log in out err; do
		[ ! -s "$log" ] || { echo "--- $log"; head -c 4000 "$log"; }
	done
	exit 1
}

# etl CODE ARGUMENTS...: runs etlhost, expects the exit code; output in ./out, messages in ./err.
etl() {
	expected=$1
	shift
	code=0
	"$ETLHOST" "$@" >out 2>err || code=$?
	[ "$code" = "$expected" ] || fail "etlhost $*: exit code $code, not $expected"
	! grep -Eq 'Sanitizer|runtime error:' err || fail "etlhost $*: a sanitizer complains"
}

# says TEXT: the last command's messages contain it (fixed string).
says() { grep -qF -- "$1" err || fail "the message lacks: $1"; }
prints() { grep -qF -- "$1" out || fail "the output lacks: $1"; }
silent_about() { ! grep -rqF -- "$1" out err || fail "the output shows: $1"; }

# query DATABASE SQL EXPECTED
query() {
	got=$(sqlite3 "$1" "$2") || fail "$2 failed"
	[ "$got" = "$3" ] || fail "$2: \"$got\", not \"$3\""
}

# report FIELD: value of a field of the first stream in ./report.json (written by --summary report.json)
report() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" report.json | tail -n 1; }
reports() {
	got=$(report "$1")
	[ "$got" = "$2" ] || fail "report: $1 is \"$got\", not \"$2\""
}

csv_to_sqlite="--source csv --dest sqlite --dest-opt path=warehouse.db --summary report.json"
