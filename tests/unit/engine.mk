# Tests of this part.
engine_plain_tests = tests/unit/test_queue
check_PROGRAMS += $(engine_plain_tests)
TESTS += $(engine_plain_tests)
tests_unit_test_queue_SOURCES = tests/unit/test_queue.c
tests_unit_test_queue_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_queue_LDADD = core/libcore.la
if HAVE_CRITERION
engine_unit_tests = tests/unit/test_commit tests/unit/test_plan tests/unit/test_run
check_PROGRAMS += $(engine_unit_tests)
TESTS += $(engine_unit_tests)
tests_unit_test_commit_SOURCES = tests/unit/test_commit.c
tests_unit_test_commit_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_commit_LDADD = $(UNIT_LDADD)
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c
tests_unit_test_plan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_plan_LDADD = $(UNIT_LDADD)
tests_unit_test_run_SOURCES = tests/unit/test_run.c
tests_unit_test_run_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_run_LDADD = $(UNIT_LDADD)
endif
