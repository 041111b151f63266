# Environment of every test: the program, its plugins, and a state store of its own. A sanitizer's report ends a program with an exit code
# that no command has; ThreadSanitizer sleeps for a second at every exit unless told not to.
AM_TESTS_ENVIRONMENT = ETLHOST='$(abs_top_builddir)/etlhost'; export ETLHOST; \
	ETLHOST_PLUGIN_PATH='$(abs_top_builddir)/plugins/.libs'; export ETLHOST_PLUGIN_PATH; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	XDG_STATE_HOME='$(abs_top_builddir)/tests/state-home'; export XDG_STATE_HOME; \
	SANITIZERS='$(SANITIZE_CFLAGS)'; export SANITIZERS; \
	ASAN_OPTIONS=exitcode=99; LSAN_OPTIONS=exitcode=99; UBSAN_OPTIONS=exitcode=99:print_stacktrace=1; TSAN_OPTIONS=exitcode=99:atexit_sleep_ms=20; \
	export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS;
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/run_program.sh
EXTRA_DIST += tests/run_program.sh

include tests/unit/sdk.mk
include tests/unit/data.mk
include tests/unit/state.mk
include tests/unit/config.mk
include tests/unit/plugin.mk
include tests/unit/engine.mk
include tests/plugins/local.mk
include tests/abi/local.mk
include tests/scenario/local.mk
include tests/sim/local.mk
include tests/crash/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/lint/local.mk
include tests/demo/local.mk

# Criterion unit tests: check_PROGRAMS += X; X_SOURCES = ...; X_CFLAGS = $(UNIT_CFLAGS); X_LDADD = $(UNIT_LDADD)
UNIT_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(JANSSON_CFLAGS) -Wno-missing-prototypes -Wno-pedantic -Wno-cast-qual
UNIT_LDADD = core/libcore.la $(CRITERION_LIBS)
