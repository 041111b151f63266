# Tests of the log, the report, the services and the loader.
if HAVE_CRITERION
plugin_unit_tests = tests/unit/test_log tests/unit/test_report tests/unit/test_services
check_PROGRAMS += $(plugin_unit_tests)
TESTS += $(plugin_unit_tests)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_log_LDADD = $(UNIT_LDADD)
tests_unit_test_report_SOURCES = tests/unit/test_report.c
tests_unit_test_report_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_report_LDADD = $(UNIT_LDADD)
tests_unit_test_services_SOURCES = tests/unit/test_services.c
tests_unit_test_services_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_services_LDADD = $(UNIT_LDADD)
endif
