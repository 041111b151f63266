# Plugins that break the contract while a run is under way: the host must say what is wrong and end with status 1, without a crash.
set -u
[ -x "${ETLHOST:-}" ] && [ -n "$("$ETLHOST" version)" ] || { echo "ETLHOST does not name a program that works"; exit 77; }
bad=$top_builddir/tests/abi/bad
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
unset ETLHOST_FAILPOINT
XDG_STATE_HOME=$work/state
export XDG_STATE_HOME
failed=0

# expect_run SOURCE DESTINATION STATUS WORDS: a run of the two ends with STATUS and says WORDS.
expect_run()
{
    source=$1 dest=$2 wanted_status=$3 words=$4
    rm -rf "$work/state"
    timeout 60 "$ETLHOST" run --source "$bad/$source.so" --dest "$bad/$dest.so" --retries 1 --no-progress \
        >"$work/out" 2>"$work/err"
    status=$?
    if [ $status != "$wanted_status" ]; then
        echo "FAIL: $source -> $dest: exit status $status instead of $wanted_status"
        cat "$work/err"
        failed=1
    elif ! grep -qF "$words" "$work/err"; then
        echo "FAIL: $source -> $dest: does not say \"$words\" but"
        cat "$work/err"
        failed=1
    else
        echo "ok: $source -> $dest"
    fi
    if grep -q -e 'Sanitizer' -e 'runtime error' "$work/err"; then
        echo "FAIL: $source -> $dest: a sanitizer reports"
        cat "$work/err"
        failed=1
    fi
}

liar_source()
{
    expect_run "$1" good 1 "source liar: $2"
}

expect_run good good 0 ""
liar_source run_unknown_kind "protocol violation: unknown message kind 77"
liar_source run_null_release "protocol violation: BATCH without a batch (release is NULL)"
liar_source run_batch_first "protocol violation: BATCH before SCHEMA"
liar_source run_null_buffer "protocol violation: BATCH: "
liar_source run_short_column "protocol violation: BATCH: "
liar_source run_missing_column "protocol violation: BATCH does not have as many columns as the last SCHEMA"
liar_source run_silent_error "read_next failed (data) without a message, which is a bug in the plugin"
liar_source run_unknown_status "protocol violation: read_next answered the unknown status 4711"
liar_source run_huge_state "protocol violation: CHECKPOINT with a state of more than 1 MiB"
liar_source run_null_state "protocol violation: CHECKPOINT with a state that is NULL"
liar_source run_leaking_error "protocol violation: read_next failed and left a live message"
liar_source run_no_reader "protocol violation: read_open answered ok and handed nothing out"
expect_run good run_no_writer 1 "destination liar: protocol violation: begin answered ok and handed nothing out"
liar_source run_no_source "protocol violation: open answered ok and handed nothing out"
expect_run good run_no_dest 1 "destination liar: protocol violation: open answered ok and handed nothing out"
expect_run good run_take_transient 1 "destination liar: protocol violation: write took the batch and answered transient"

# What is refused before it runs: the user sees the message of the check.
for plugin in required_op_null minor_99 undefined_symbol; do
    "$ETLHOST" run --source "$bad/$plugin.so" --dest "$bad/good.so" >"$work/out" 2>"$work/err"
    status=$?
    if [ $status != 2 ] || ! grep -q "$plugin.so: " "$work/err"; then
        echo "FAIL: $plugin: exit status $status"
        cat "$work/err"
        failed=1
    fi
done

# A crash is a report for the commands that only look.
"$ETLHOST" inspect "$bad/segfault_entry.so" >"$work/out" 2>"$work/err"
status=$?
if [ $status -ge 128 ] || [ $status = 0 ] || ! grep -q "segfault_entry.so: .* in etl_plugin_v1" "$work/err"; then
    echo "FAIL: inspect of a plugin that crashes: exit status $status"
    cat "$work/err"
    failed=1
fi

# A run dies with such a plugin, but names it.
for pair in "segfault_entry etl_plugin_v1" "segfault_load load"; do
    plugin=${pair% *}
    "$ETLHOST" run --source "$bad/$plugin.so" --dest "$bad/good.so" >"$work/out" 2>"$work/err"
    status=$?
    if [ $status = 0 ] || ! grep -q "$plugin.so: crashed with SIGSEGV in ${pair#* }" "$work/err"; then
        echo "FAIL: run with $plugin: exit status $status"
        cat "$work/err"
        failed=1
    fi
done
exit $failed
