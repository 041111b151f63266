# Tests of core/data.
DATA_TESTS = tests/unit/test_schema_change
EXTRA_DIST += tests/unit/data_helpers.h
check_PROGRAMS += $(DATA_TESTS)
TESTS += $(DATA_TESTS)

tests_unit_test_schema_change_SOURCES = tests/unit/test_schema_change.c
tests_unit_test_schema_change_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_schema_change_LDADD = $(UNIT_LDADD)
