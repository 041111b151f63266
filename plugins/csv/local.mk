if PLUGIN_CSV
noinst_LTLIBRARIES += plugins/csv/libcsv-plugin.la
plugins_csv_libcsv_plugin_la_SOURCES = \
	plugins/csv/csv.h \
	plugins/csv/csv_dest.c \
	plugins/csv/csv_input.c \
	plugins/csv/csv_input.h \
	plugins/csv/csv_parse.c \
	plugins/csv/csv_parse.h \
	plugins/csv/csv_reader.c \
	plugins/csv/csv_sample.c \
	plugins/csv/csv_sample.h \
	plugins/csv/csv_source.c \
	plugins/csv/csv_source.h \
	plugins/csv/csv_text.c \
	plugins/csv/csv_text.h \
	plugins/csv/csv_write.c \
	plugins/csv/csv_write.h
plugins_csv_libcsv_plugin_la_CFLAGS = $(AM_CFLAGS) -O3
plugins_csv_libcsv_plugin_la_LIBADD = sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) $(CSV_LIBS)

plugins_LTLIBRARIES += plugins/csv.la
plugins_csv_la_SOURCES = plugins/csv/csv_plugin.c
plugins_csv_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_csv_la_LIBADD = plugins/csv/libcsv-plugin.la
endif
