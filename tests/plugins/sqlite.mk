if PLUGIN_SQLITE
if HAVE_CRITERION
check_PROGRAMS += tests/plugins/test_sqlite_dest
TESTS += tests/plugins/test_sqlite_dest
tests_plugins_test_sqlite_dest_SOURCES = tests/plugins/test_sqlite_dest.c tests/plugins/sqlite_kit.h
tests_plugins_test_sqlite_dest_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_plugins_test_sqlite_dest_LDADD = plugins/sqlite/libsqlite.la $(CRITERION_LIBS)
endif
endif
