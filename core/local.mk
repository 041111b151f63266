# The host. Everything but main.c is a convenience library, so that unit tests can link it.
noinst_LTLIBRARIES += core/libcore.la
core_libcore_la_SOURCES =
core_libcore_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_DIR='"$(pluginsdir)"'
core_libcore_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(SQLITE_CFLAGS) $(CRYPTO_CFLAGS)
core_libcore_la_LIBADD = sdk/libetlhost-sdk.la $(LTDL_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(SQLITE_LIBS) $(CRYPTO_LIBS) -lm

bin_PROGRAMS += etlhost
etlhost_SOURCES = core/main.c
etlhost_LDADD = core/libcore.la

include core/base/local.mk
include core/config/local.mk
include core/data/local.mk
include core/state/local.mk
include core/observe/local.mk
include core/plugin/local.mk
include core/engine/local.mk
include core/cli/local.mk
