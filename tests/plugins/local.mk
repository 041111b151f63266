# Tests of this part.
include tests/plugins/csv.mk
include tests/plugins/sqlite.mk
include tests/plugins/jsonl.mk
include tests/plugins/synth_null.mk
