# The state store.
if HAVE_CRITERION
state_unit_tests = tests/unit/test_state tests/unit/test_state_transfer
check_PROGRAMS += $(state_unit_tests)
TESTS += $(state_unit_tests)
tests_unit_test_state_SOURCES = tests/unit/test_state.c
tests_unit_test_state_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_state_LDADD = $(UNIT_LDADD)
tests_unit_test_state_transfer_SOURCES = tests/unit/test_state_transfer.c
tests_unit_test_state_transfer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_state_transfer_LDADD = $(UNIT_LDADD)
endif
