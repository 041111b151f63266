# Tests of the synth source and the null destination.
if HAVE_CRITERION
if PLUGIN_SYNTH
check_PROGRAMS += tests/plugins/test_synth
TESTS += tests/plugins/test_synth
tests_plugins_test_synth_SOURCES = tests/plugins/test_synth.c
tests_plugins_test_synth_CFLAGS = $(UNIT_CFLAGS)
tests_plugins_test_synth_LDADD = plugins/synth/libsynth.la $(CRITERION_LIBS)
endif
if PLUGIN_NULL
check_PROGRAMS += tests/plugins/test_null
TESTS += tests/plugins/test_null
tests_plugins_test_null_SOURCES = tests/plugins/test_null.c
tests_plugins_test_null_CFLAGS = $(UNIT_CFLAGS)
tests_plugins_test_null_LDADD = plugins/null/libnull.la $(CRITERION_LIBS)
endif
endif
