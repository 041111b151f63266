# The plugin boundary: layout, frozen headers, symbols, and plugins that break the contract.
SUFFIXES = .so

# Plugins for tests are one file each, so they are built by one rule. They see the public headers only.
ABI_BAD = abort_constructor bad_id bad_role bad_schema connector_size_zero exit_constructor good hang_entry load_silent \
	minor_99 missing_symbol no_connectors noisy null_descriptor ops_size_huge required_op_null schema_no_object \
	segfault_destructor segfault_entry segfault_load size_huge size_small size_zero two_sources undefined_symbol wrong_magic \
	run_batch_first run_huge_state run_leaking_error run_missing_column run_no_reader run_no_writer run_null_buffer \
	run_null_release run_null_state run_short_column run_silent_error run_take_transient run_unknown_kind run_unknown_status
ABI_BAD_PLUGINS = $(ABI_BAD:%=tests/abi/bad/%.so)
ABI_BAD_DEPS = $(top_srcdir)/tests/abi/bad/skeleton.h $(top_srcdir)/tests/abi/bad/liar.h \
	$(top_srcdir)/sdk/include/etlhost/abi.h $(top_srcdir)/sdk/include/etlhost/arrow.h

.c.so:
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) -I$(top_srcdir)/sdk/include $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) -o $@ $<
$(ABI_BAD_PLUGINS): $(ABI_BAD_DEPS)
CLEANFILES += $(ABI_BAD_PLUGINS)
EXTRA_DIST += $(ABI_BAD:%=tests/abi/bad/%.c) tests/abi/bad/skeleton.h tests/abi/bad/liar.h
check_DATA = $(ABI_BAD_PLUGINS)

if HAVE_CRITERION
abi_tests = tests/abi/test_load
check_PROGRAMS += $(abi_tests)
TESTS += $(abi_tests)
tests_abi_test_load_SOURCES = tests/abi/test_load.c
tests_abi_test_load_CFLAGS = $(UNIT_CFLAGS)
tests_abi_test_load_LDADD = $(UNIT_LDADD)
endif
