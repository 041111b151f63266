# Tests of this part.
include tests/plugins/sqlite.mk
include tests/plugins/jsonl.mk
