if PLUGIN_SQLITE
noinst_LTLIBRARIES += plugins/sqlite/libsqlite.la
plugins_sqlite_libsqlite_la_SOURCES = \
	plugins/sqlite/sqlite.h \
	plugins/sqlite/sqlite_dest.h \
	plugins/sqlite/sqlite_db.c \
	plugins/sqlite/sqlite_types.c \
	plugins/sqlite/sqlite_table.c \
	plugins/sqlite/sqlite_ddl.c \
	plugins/sqlite/sqlite_bind.c \
	plugins/sqlite/sqlite_write.c \
	plugins/sqlite/sqlite_begin.c \
	plugins/sqlite/sqlite_dest.c \
	plugins/sqlite/sqlite_source.h \
	plugins/sqlite/sqlite_values.c \
	plugins/sqlite/sqlite_catalog.c \
	plugins/sqlite/sqlite_reader.c \
	plugins/sqlite/sqlite_full.c \
	plugins/sqlite/sqlite_cursor.c \
	plugins/sqlite/sqlite_source.c
plugins_sqlite_libsqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
plugins_sqlite_libsqlite_la_LIBADD = sdk/libetlhost-sdk.la $(SQLITE_LIBS)

plugins_LTLIBRARIES += plugins/sqlite.la
plugins_sqlite_la_SOURCES = plugins/sqlite/sqlite_plugin.c
plugins_sqlite_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_sqlite_la_LIBADD = plugins/sqlite/libsqlite.la
endif
