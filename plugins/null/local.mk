if PLUGIN_NULL
noinst_LTLIBRARIES += plugins/null/libnull.la
plugins_null_libnull_la_SOURCES = plugins/null/null_dest.h plugins/null/null_dest.c
plugins_null_libnull_la_LIBADD = sdk/libetlhost-sdk.la

plugins_LTLIBRARIES += plugins/null.la
plugins_null_la_SOURCES = plugins/null/null_plugin.c
plugins_null_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_null_la_LIBADD = plugins/null/libnull.la
endif
