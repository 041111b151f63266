# The plugin boundary: layout, frozen headers, symbols, and plugins that break the contract.
SUFFIXES = .so

# Plugins for tests are one file each, so they are built by one rule. They see the public headers only.
ABI_BAD = abort_constructor bad_id bad_role bad_schema connector_size_zero exit_constructor good hang_entry load_silent \
	minor_99 missing_symbol no_connectors noisy null_descriptor ops_size_huge required_op_null schema_no_object \
	segfault_destructor segfault_entry segfault_load size_huge size_small size_zero two_sources undefined_symbol wrong_magic \
	run_batch_first run_huge_state run_leaking_error run_missing_column run_no_dest run_no_reader run_no_source run_no_writer run_null_buffer \
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

# Layout of the structs.
check_PROGRAMS += tests/abi/layout
tests_abi_layout_SOURCES = tests/abi/layout.c

# Old and new headers on both sides.
ABI_FROZEN = tests/abi/v1.0/etlhost/abi.h tests/abi/v1.0/etlhost/arrow.h tests/abi/v1.0/etlhost/ext/reject.h
ABI_REFERENCE = tests/abi/reference_v1.0.so tests/abi/reference_today.so tests/abi/reference_next.so \
	tests/abi/reference_requires_next.so
ABI_REFERENCE_BUILD = $(CC) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) -o $@ $(srcdir)/tests/abi/reference.c
check_DATA += $(ABI_REFERENCE)
CLEANFILES += $(ABI_REFERENCE) tests/abi/next/etlhost/abi.h
$(ABI_REFERENCE): tests/abi/reference.c $(ABI_BAD_DEPS) $(ABI_FROZEN) tests/abi/next/etlhost/abi.h
tests/abi/next/etlhost/abi.h: sdk/include/etlhost/abi.h tests/abi/next_minor.sed
	@$(MKDIR_P) tests/abi/next/etlhost
	$(AM_V_GEN)sed -f $(srcdir)/tests/abi/next_minor.sed $(srcdir)/sdk/include/etlhost/abi.h >$@.tmp && mv $@.tmp $@
tests/abi/reference_v1.0.so:
	$(AM_V_CC)$(ABI_REFERENCE_BUILD) -I$(srcdir)/tests/abi/v1.0
tests/abi/reference_today.so:
	$(AM_V_CC)$(ABI_REFERENCE_BUILD) -I$(srcdir)/sdk/include
tests/abi/reference_next.so:
	$(AM_V_CC)$(ABI_REFERENCE_BUILD) -DNEXT_MINOR -Itests/abi/next -I$(srcdir)/sdk/include
tests/abi/reference_requires_next.so:
	$(AM_V_CC)$(ABI_REFERENCE_BUILD) -DNEXT_MINOR -DREQUIRES_NEXT -Itests/abi/next -I$(srcdir)/sdk/include

check_PROGRAMS += tests/abi/harness_frozen tests/abi/harness_today tests/abi/harness_next
tests_abi_harness_frozen_SOURCES = tests/abi/harness.c
tests_abi_harness_frozen_CPPFLAGS = -I$(srcdir)/tests/abi/v1.0 -D_GNU_SOURCE
tests_abi_harness_frozen_LDADD = -ldl
tests_abi_harness_today_SOURCES = tests/abi/harness.c
tests_abi_harness_today_CPPFLAGS = $(AM_CPPFLAGS) -DUSE_CORE_LOADER
tests_abi_harness_today_LDADD = core/libcore.la
tests_abi_harness_next_SOURCES = tests/abi/harness.c
tests_abi_harness_next_CPPFLAGS = -DNEXT_MINOR -Itests/abi/next -I$(srcdir)/sdk/include -D_GNU_SOURCE
tests_abi_harness_next_LDADD = -ldl
tests/abi/harness_next-harness.$(OBJEXT): tests/abi/next/etlhost/abi.h

ABI_CHECKS = tests/abi/layout.sh tests/abi/headers.sh tests/abi/exports.sh tests/abi/compat.sh \
	tests/abi/liars.sh tests/abi/relocate.sh
TESTS += $(ABI_CHECKS)
EXTRA_DIST += $(ABI_CHECKS) tests/abi/layout-lp64-v1.txt tests/abi/v1.0/layout-lp64.txt $(ABI_FROZEN) tests/abi/reference.c \
	tests/abi/next_minor.sed
