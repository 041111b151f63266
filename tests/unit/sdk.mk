# Tests of this part.
if HAVE_CRITERION
if HAVE_FILES
check_PROGRAMS += tests/unit/test_input_files tests/unit/test_output_files
TESTS += tests/unit/test_input_files tests/unit/test_output_files
tests_unit_test_input_files_SOURCES = tests/unit/test_input_files.c
tests_unit_test_input_files_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_input_files_LDADD = sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CRITERION_LIBS)
tests_unit_test_output_files_SOURCES = tests/unit/test_output_files.c
tests_unit_test_output_files_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_output_files_LDADD = sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CRITERION_LIBS)
endif
endif
