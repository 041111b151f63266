# Tests of this part.
UNIT_SDK_LDADD = sdk/libetlhost-sdk.la $(CRITERION_LIBS)
EXTRA_DIST += tests/unit/json_corpus
if HAVE_CRITERION
UNIT_SDK_TESTS = \
	tests/unit/test_error \
	tests/unit/test_failpoint \
	tests/unit/test_value_text \
	tests/unit/test_json_reader \
	tests/unit/test_json_writer \
	tests/unit/test_schema_json \
	tests/unit/test_sdk_config
check_PROGRAMS += $(UNIT_SDK_TESTS)
TESTS += $(UNIT_SDK_TESTS)
tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_error_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_error_LDADD = $(UNIT_SDK_LDADD)
tests_unit_test_failpoint_SOURCES = tests/unit/test_failpoint.c
tests_unit_test_failpoint_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_failpoint_LDADD = $(UNIT_SDK_LDADD)
tests_unit_test_value_text_SOURCES = tests/unit/test_value_text.c
tests_unit_test_value_text_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_value_text_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_json_reader_SOURCES = tests/unit/test_json_reader.c
tests_unit_test_json_reader_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_json_reader_LDADD = $(UNIT_SDK_LDADD)
tests_unit_test_json_writer_SOURCES = tests/unit/test_json_writer.c
tests_unit_test_json_writer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_json_writer_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_schema_json_SOURCES = tests/unit/test_schema_json.c
tests_unit_test_schema_json_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_schema_json_LDADD = $(UNIT_SDK_LDADD)
tests_unit_test_sdk_config_SOURCES = tests/unit/test_sdk_config.c
tests_unit_test_sdk_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sdk_config_LDADD = $(UNIT_SDK_LDADD) $(JANSSON_LIBS)
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

# Types, batches, commit table, shredder.
if HAVE_CRITERION
UNIT_SDK_DATA_TESTS = \
	tests/unit/test_type_schema \
	tests/unit/test_batch_builder \
	tests/unit/test_batch_view \
	tests/unit/test_stream_adapter \
	tests/unit/test_commit_table \
	tests/unit/test_shredder
check_PROGRAMS += $(UNIT_SDK_DATA_TESTS)
TESTS += $(UNIT_SDK_DATA_TESTS)
tests_unit_test_type_schema_SOURCES = tests/unit/test_type_schema.c tests/unit/sdk_helpers.h
tests_unit_test_type_schema_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_type_schema_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_batch_builder_SOURCES = tests/unit/test_batch_builder.c tests/unit/sdk_helpers.h
tests_unit_test_batch_builder_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_batch_builder_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_batch_view_SOURCES = tests/unit/test_batch_view.c tests/unit/sdk_helpers.h
tests_unit_test_batch_view_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_batch_view_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_stream_adapter_SOURCES = tests/unit/test_stream_adapter.c tests/unit/sdk_helpers.h
tests_unit_test_stream_adapter_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_stream_adapter_LDADD = $(UNIT_SDK_LDADD) -lm
tests_unit_test_commit_table_SOURCES = tests/unit/test_commit_table.c tests/unit/sdk_helpers.h
tests_unit_test_commit_table_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_commit_table_LDADD = $(UNIT_SDK_LDADD) $(SQLITE_LIBS) -lm
tests_unit_test_shredder_SOURCES = tests/unit/test_shredder.c tests/unit/sdk_helpers.h
tests_unit_test_shredder_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_shredder_LDADD = $(UNIT_SDK_LDADD) -lm
endif
