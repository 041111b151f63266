if HAVE_CRITERION
if PLUGIN_CSV
check_PROGRAMS += tests/plugins/test_csv
TESTS += tests/plugins/test_csv
tests_plugins_test_csv_SOURCES = tests/plugins/test_csv.c
tests_plugins_test_csv_CFLAGS = $(UNIT_CFLAGS)
tests_plugins_test_csv_LDADD = plugins/csv/libcsv-plugin.la sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) \
	$(CSV_LIBS) $(CRITERION_LIBS)
endif
endif
