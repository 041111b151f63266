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
FUZZ_TARGETS += tests/fuzz/fuzz_batch
tests_fuzz_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c $(FUZZ_MAIN)
tests_fuzz_fuzz_batch_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_batch_LDADD = sdk/libetlhost-sdk.la -lm

FUZZ_TARGETS += tests/fuzz/fuzz_shredder
tests_fuzz_fuzz_shredder_SOURCES = tests/fuzz/fuzz_shredder.c $(FUZZ_MAIN)
tests_fuzz_fuzz_shredder_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_shredder_LDADD = sdk/libetlhost-sdk.la -lm
if PLUGIN_CSV
FUZZ_TARGETS += tests/fuzz/fuzz_csv
endif
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c $(FUZZ_MAIN)
tests_fuzz_fuzz_csv_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_csv_LDADD = plugins/csv/libcsv-plugin.la sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CSV_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_schema
tests_fuzz_fuzz_schema_SOURCES = tests/fuzz/fuzz_schema.c $(FUZZ_MAIN)
tests_fuzz_fuzz_schema_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_schema_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_schema_LDADD = core/libcore.la

# make fuzz: every target for FUZZ_SECONDS; what it finds stays in the build folder (tests/fuzz/found).
FUZZ_SECONDS = 30
.PHONY: fuzz
if FUZZ
fuzz: $(FUZZ_TARGETS)
	@for target in $(FUZZ_TARGETS); do \
		name=$${target#tests/fuzz/fuzz_}; \
		echo "fuzz: $$name"; \
		$(MKDIR_P) tests/fuzz/found/$$name; \
		$$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 -artifact_prefix=tests/fuzz/found/$$name- \
			tests/fuzz/found/$$name $(srcdir)/tests/fuzz/corpus/$$name || exit 1; \
	done
else
fuzz:
	@echo "configure with --enable-fuzz CC=clang" >&2; exit 1
endif
