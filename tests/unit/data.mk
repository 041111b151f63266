# Tests of core/data.
if HAVE_CRITERION
DATA_TESTS = tests/unit/test_batch tests/unit/test_fit tests/unit/test_schema_change tests/unit/test_transform
check_PROGRAMS += $(DATA_TESTS)
TESTS += $(DATA_TESTS)

tests_unit_test_batch_SOURCES = tests/unit/test_batch.c
tests_unit_test_batch_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_batch_LDADD = $(UNIT_LDADD)
tests_unit_test_fit_SOURCES = tests/unit/test_fit.c
tests_unit_test_fit_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_fit_LDADD = $(UNIT_LDADD)
tests_unit_test_schema_change_SOURCES = tests/unit/test_schema_change.c
tests_unit_test_schema_change_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_schema_change_LDADD = $(UNIT_LDADD)
tests_unit_test_transform_SOURCES = tests/unit/test_transform.c
tests_unit_test_transform_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_transform_LDADD = $(UNIT_LDADD)
endif
EXTRA_DIST += tests/unit/data_helpers.h

check_PROGRAMS += tests/unit/test_data_memory
TESTS += tests/unit/test_data_memory
tests_unit_test_data_memory_SOURCES = tests/unit/test_data_memory.c
tests_unit_test_data_memory_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) -Wno-missing-prototypes -Wno-pedantic -fno-builtin
tests_unit_test_data_memory_LDADD = core/libcore.la
