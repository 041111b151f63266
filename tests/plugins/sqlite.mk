if PLUGIN_SQLITE
if HAVE_CRITERION
check_PROGRAMS += tests/plugins/test_sqlite_dest tests/plugins/test_sqlite_source
TESTS += tests/plugins/test_sqlite_dest tests/plugins/test_sqlite_source
tests_plugins_test_sqlite_dest_SOURCES = tests/plugins/test_sqlite_dest.c tests/plugins/sqlite_kit.h
tests_plugins_test_sqlite_dest_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_plugins_test_sqlite_dest_LDADD = plugins/sqlite/libsqlite.la $(CRITERION_LIBS)
tests_plugins_test_sqlite_source_SOURCES = tests/plugins/test_sqlite_source.c tests/plugins/sqlite_kit.h
tests_plugins_test_sqlite_source_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_plugins_test_sqlite_source_LDADD = plugins/sqlite/libsqlite.la $(CRITERION_LIBS)
if FAILPOINTS
check_PROGRAMS += tests/plugins/test_sqlite_crash
TESTS += tests/plugins/test_sqlite_crash
tests_plugins_test_sqlite_crash_SOURCES = tests/plugins/test_sqlite_crash.c tests/plugins/sqlite_kit.h
tests_plugins_test_sqlite_crash_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_plugins_test_sqlite_crash_LDADD = plugins/sqlite/libsqlite.la $(CRITERION_LIBS)
endif
endif
endif
