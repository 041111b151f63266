if HAVE_CRITERION
if PLUGIN_JSONL
check_PROGRAMS += tests/plugins/test_jsonl
TESTS += tests/plugins/test_jsonl
tests_plugins_test_jsonl_SOURCES = tests/plugins/test_jsonl.c
tests_plugins_test_jsonl_CFLAGS = $(UNIT_CFLAGS)
tests_plugins_test_jsonl_LDADD = plugins/jsonl/libjsonl.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CRITERION_LIBS)
endif
endif
