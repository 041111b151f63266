#!/bin/sh
# Help, version, completion, inspect, plugins; wrong usage says what is wrong and ends with 2.
. "$(dirname "$0")/common.sh"
etl 0 --help; prints "Commands:"
etl 0 version; prints "plugin ABI 1."
etl 0 --version
for command in run plan check discover read inspect plugins state history dlq config-schema completion version; do
	etl 0 "$command" --help
	prints "usage: etlhost $command"
	etl 0 help "$command"
done
etl 0 completion bash; bash -n out 2>err || fail "the bash completion is no bash"
etl 0 completion zsh; prints "#compdef etlhost"
etl 0 plugins; prints sqlite
for connector in csv jsonl sqlite null synth; do
	etl 0 inspect "$connector"; prints "settings"
	etl 0 inspect "$connector.so" --output json; prints '"config_schema"'
done
etl 0 config-schema; prints '"primary_key"'
etl 2; etl 2 rum; says 'did you mean "run"'
etl 2 --sorce csv; says "--source"
etl 2 run --source; says "needs a value"
etl 2 --source csv --dest null; says path
etl 2 --source csv --source-opt pth=x --dest null; says '"path"'
etl 2 --source csv --source-opt path=x --source-opt ragged=maybe --dest null; says maybe
etl 2 --source nosuch --dest null; says nosuch
etl 2 --source null --dest null; says source
etl 2 --mode sideways --source synth --dest null; says sideways
etl 2 --source synth --dest null --limit many; says many
etl 2 run nosuch.yaml; says nosuch.yaml
printf 'source: csv\ndestination: sqlite\nprimery_key: [id]\n' >bad.yaml
etl 2 run bad.yaml; says primary_key; says bad.yaml
etl 2 --source csv --source-opt path=nothing.csv --dest null; says nothing.csv
etl 4 check --source csv --source-opt path=nothing.csv
etl 0 check --source synth --dest null
etl 2 --source synth --dest null --delivery exactly-once; says exactly-once
# secrets: a value from the environment is in no output
SECRET_PATH=top-secret-file-name
export SECRET_PATH
etl 2 --source csv --source-opt path='${env:SECRET_PATH}' --dest null --log-level debug
etl 2 --source csv --source-opt path='${env:NOT_SET_AT_ALL}' --dest null; says NOT_SET_AT_ALL
# limits of options, operands that nobody takes, settings without a value
etl 2 --source synth --dest null --parallel 0; says "--parallel: 0 is less than 1"
etl 2 --source synth --dest null --memory-limit 5KiB; says "--memory-limit"
etl 2 --source synth --dest null --primary-key ,; says "names no column"
etl 2 --source synth --source-opt rows --dest null; says "--source-opt: "; says "KEY=VALUE"
for words in "plugins x" "version x" "history a b" "config-schema x" "inspect csv jsonl" "dlq" "dlq list x y" "state" "state list x" "state show" "state show a b" "plan a b" "completion fish"; do
	# shellcheck disable=SC2086
	etl 2 $words
done
# every line of standard error is JSON where that is asked for
lines_are_json() {
	[ -s err ] || fail "there is no log"
	! grep -qvE '^\{"ts":"[0-9T:.-]+Z","level":"(error|warn|info|debug)","msg":".*"\}$' err || fail "a line of the log is no JSON"
}
etl 0 --source synth --source-opt rows=9 --dest null --log-format json; lines_are_json; says '"stream":"synth_1"'; says "9 written"
etl 2 --source synth --dest null --primary-key nope --log-format json; lines_are_json
etl 2 --source csv --source-opt path=nothing.csv --dest null --log-format json; lines_are_json
etl 0 --source synth --source-opt rows=9 --dest null --log-format json --quiet
[ ! -s err ] || fail "--quiet is not quiet"
# history names what failed
etl 0 history; prints "primary key nope is not a column"
! grep -q ' $' out || fail "a line of the table ends with blanks"
# completion at work
if command -v bash >/dev/null; then
	"$ETLHOST" completion bash >completion.bash
	touch "a name.yaml"
	completes() { # WANTED WORDS...: the last word is the one to complete
		wanted=$1
		shift
		got=$(ETLHOST=$ETLHOST bash -c 'source ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _etlhost "$ETLHOST"; printf "%s|" "${COMPREPLY[@]}"' - "$@")
		case "|$got" in
		*"|$wanted|"*) ;;
		*) fail "completion of \"$*\" lacks $wanted: $got" ;;
		esac
	}
	completes state etlhost st
	completes rollback etlhost state ""
	completes retry etlhost dlq r
	completes --primary-key etlhost --pri
	completes --seq etlhost state rollback p --s
	completes upsert etlhost --mode u
	completes upsert etlhost --mode = u
	completes json etlhost plan -o j
	completes sqlite etlhost --source sq
	completes synth etlhost inspect s
	completes "a name.yaml" etlhost run "a "
	completes zsh etlhost completion ""
fi
