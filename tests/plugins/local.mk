# Tests of this part.
include tests/plugins/sqlite.mk
include tests/plugins/jsonl.mk
include tests/plugins/synth_null.mk
