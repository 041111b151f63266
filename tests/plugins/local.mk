# Tests of this part.
include tests/plugins/sqlite.mk
