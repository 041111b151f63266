if PLUGIN_JSONL
noinst_LTLIBRARIES += plugins/jsonl/libjsonl.la
plugins_jsonl_libjsonl_la_SOURCES = \
	plugins/jsonl/jsonl.h \
	plugins/jsonl/jsonl_dest.c \
	plugins/jsonl/jsonl_lines.c \
	plugins/jsonl/jsonl_reader.c \
	plugins/jsonl/jsonl_source.c \
	plugins/jsonl/jsonl_source.h
plugins_jsonl_libjsonl_la_LIBADD = sdk/libetlhost-sdk-files.la sdk/libetlhost-sdk.la $(FILES_LIBS) -lm

plugins_LTLIBRARIES += plugins/jsonl.la
plugins_jsonl_la_SOURCES = plugins/jsonl/jsonl_plugin.c
plugins_jsonl_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_jsonl_la_LIBADD = plugins/jsonl/libjsonl.la
endif
