# The SDK: headers, the static helper library, and the helpers for connectors of file formats.
noinst_LTLIBRARIES += sdk/libetlhost-sdk.la
sdk_libetlhost_sdk_la_SOURCES =
sdk_libetlhost_sdk_la_CFLAGS = $(AM_CFLAGS) -O3
if HAVE_FILES
noinst_LTLIBRARIES += sdk/libetlhost-sdk-files.la
sdk_libetlhost_sdk_files_la_SOURCES =
sdk_libetlhost_sdk_files_la_CFLAGS = $(AM_CFLAGS) $(FILES_CFLAGS)
endif

# The whole of sdk/include; the headers of file helpers are useless without their library.
etlincludedir = $(includedir)/etlhost
etlinclude_HEADERS = sdk/include/etlhost/abi.h sdk/include/etlhost/arrow.h sdk/include/etlhost/sdk.h
etlextincludedir = $(includedir)/etlhost/ext
etlextinclude_HEADERS = sdk/include/etlhost/ext/reject.h
etlsdkincludedir = $(includedir)/etlhost/sdk
etlsdkinclude_HEADERS = \
	sdk/include/etlhost/sdk/batch_builder.h \
	sdk/include/etlhost/sdk/batch_view.h \
	sdk/include/etlhost/sdk/commit_table.h \
	sdk/include/etlhost/sdk/config.h \
	sdk/include/etlhost/sdk/error.h \
	sdk/include/etlhost/sdk/failpoint.h \
	sdk/include/etlhost/sdk/input_files.h \
	sdk/include/etlhost/sdk/json_reader.h \
	sdk/include/etlhost/sdk/json_writer.h \
	sdk/include/etlhost/sdk/output_files.h \
	sdk/include/etlhost/sdk/schema.h \
	sdk/include/etlhost/sdk/schema_json.h \
	sdk/include/etlhost/sdk/shredder.h \
	sdk/include/etlhost/sdk/stream_adapter.h \
	sdk/include/etlhost/sdk/type.h \
	sdk/include/etlhost/sdk/value_text.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/etlhost-sdk.pc
m4dir = $(datadir)/aclocal
dist_m4_DATA = sdk/m4/etlhost.m4
EXTRA_DIST += m4/etl_build.m4

# The convenience libraries hold position-independent objects: plugins outside this tree link the same archives.
sdk_archives = sdk/.libs/libetlhost-sdk.a
if HAVE_FILES
sdk_archives += sdk/.libs/libetlhost-sdk-files.a
endif
INSTALL_HOOKS += install-sdk-archives
UNINSTALL_HOOKS += uninstall-sdk-archives
install-sdk-archives:
	$(MKDIR_P) '$(DESTDIR)$(libdir)'
	for archive in $(sdk_archives); do $(INSTALL_DATA) "$$archive" '$(DESTDIR)$(libdir)' || exit 1; done
uninstall-sdk-archives:
	rm -f '$(DESTDIR)$(libdir)/libetlhost-sdk.a' '$(DESTDIR)$(libdir)/libetlhost-sdk-files.a'

include sdk/src/error.mk
include sdk/src/json.mk
include sdk/src/batch.mk
include sdk/src/shredder.mk
include sdk/src/config.mk
include sdk/src/files.mk
