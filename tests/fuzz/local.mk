# Fuzz targets: with --enable-fuzz (clang) libFuzzer programs, otherwise programs that run their corpus once, as tests.
# A target X: FUZZ_TARGETS += tests/fuzz/fuzz_X; tests_fuzz_fuzz_X_SOURCES = tests/fuzz/fuzz_X.c $(FUZZ_MAIN);
# tests_fuzz_fuzz_X_LDFLAGS = $(FUZZ_LDFLAGS); tests_fuzz_fuzz_X_LDADD = ...; corpus in tests/fuzz/corpus/X.
if FUZZ
FUZZ_MAIN =
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/standalone.c
FUZZ_LDFLAGS = $(AM_LDFLAGS)
endif
FUZZ_TARGETS = tests/fuzz/fuzz_json tests/fuzz/fuzz_settings tests/fuzz/fuzz_config tests/fuzz/fuzz_state_import
EXTRA_DIST += tests/fuzz/standalone.c tests/fuzz/corpus
check_PROGRAMS += $(FUZZ_TARGETS)
if !FUZZ
TESTS += $(FUZZ_TARGETS)
endif

tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_json_LDADD = sdk/libetlhost-sdk.la -lm

tests_fuzz_fuzz_settings_SOURCES = tests/fuzz/fuzz_settings.c $(FUZZ_MAIN)
tests_fuzz_fuzz_settings_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_settings_LDADD = sdk/libetlhost-sdk.la

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = core/libcore.la

tests_fuzz_fuzz_state_import_SOURCES = tests/fuzz/fuzz_state_import.c $(FUZZ_MAIN)
tests_fuzz_fuzz_state_import_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_state_import_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_state_import_LDADD = core/libcore.la
check_PROGRAMS += tests/fuzz/fuzz_batch
if !FUZZ
TESTS += tests/fuzz/fuzz_batch
endif
tests_fuzz_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c $(FUZZ_MAIN)
tests_fuzz_fuzz_batch_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_batch_LDADD = sdk/libetlhost-sdk.la -lm

check_PROGRAMS += tests/fuzz/fuzz_shredder
if !FUZZ
TESTS += tests/fuzz/fuzz_shredder
endif
tests_fuzz_fuzz_shredder_SOURCES = tests/fuzz/fuzz_shredder.c $(FUZZ_MAIN)
tests_fuzz_fuzz_shredder_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_shredder_LDADD = sdk/libetlhost-sdk.la -lm
if PLUGIN_CSV
FUZZ_TARGETS += tests/fuzz/fuzz_csv
endif
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c $(FUZZ_MAIN)
tests_fuzz_fuzz_csv_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_csv_LDADD = plugins/csv/libcsv-plugin.la sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CSV_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_schema
if !FUZZ
TESTS += tests/fuzz/fuzz_schema
endif
tests_fuzz_fuzz_schema_SOURCES = tests/fuzz/fuzz_schema.c $(FUZZ_MAIN)
tests_fuzz_fuzz_schema_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_schema_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_schema_LDADD = core/libcore.la
