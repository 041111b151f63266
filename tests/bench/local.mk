# Measurements: not part of `make check`. `make bench` prints ratios to floors; see bench.sh.
noinst_PROGRAMS += bench_data floor_csv_to_sqlite measure
bench_data_SOURCES = tests/bench/bench_data.c
bench_data_CFLAGS = $(AM_CFLAGS) -O2
floor_csv_to_sqlite_SOURCES = tests/bench/floor_csv_to_sqlite.c
floor_csv_to_sqlite_CFLAGS = $(AM_CFLAGS) -O2 $(SQLITE_CFLAGS)
floor_csv_to_sqlite_LDADD = $(SQLITE_LIBS)
measure_SOURCES = tests/bench/measure.c
EXTRA_DIST += tests/bench/bench.sh

bench: all
	$(SHELL) $(top_srcdir)/tests/bench/bench.sh .
.PHONY: bench
