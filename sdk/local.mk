# The SDK: headers, the static helper library, and the helpers for connectors of file formats.
noinst_LTLIBRARIES += sdk/libetlhost-sdk.la
sdk_libetlhost_sdk_la_SOURCES =
sdk_libetlhost_sdk_la_CFLAGS = $(AM_CFLAGS) -O3
if HAVE_FILES
noinst_LTLIBRARIES += sdk/libetlhost-sdk-files.la
sdk_libetlhost_sdk_files_la_SOURCES =
sdk_libetlhost_sdk_files_la_CFLAGS = $(AM_CFLAGS) $(FILES_CFLAGS)
endif

nobase_include_HEADERS +=
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/etlhost-sdk.pc
m4dir = $(datadir)/aclocal
dist_m4_DATA = sdk/m4/etlhost.m4
EXTRA_DIST += m4/etl_build.m4

include sdk/src/error.mk
include sdk/src/json.mk
include sdk/src/batch.mk
include sdk/src/shredder.mk
include sdk/src/config.mk
include sdk/src/files.mk
