# Deaths: the crash matrix and failing allocations.
crash_tests = tests/crash/matrix.sh tests/crash/allocations.sh
dist_check_SCRIPTS += $(crash_tests)
TESTS += $(crash_tests)
check_LTLIBRARIES += tests/crash/fail_allocations.la
tests_crash_fail_allocations_la_SOURCES = tests/crash/fail_allocations.c
tests_crash_fail_allocations_la_CFLAGS = -std=c11
tests_crash_fail_allocations_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
