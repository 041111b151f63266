# Errors, failpoints.
sdk_libetlhost_sdk_la_SOURCES += sdk/src/error.c
if FAILPOINTS
sdk_libetlhost_sdk_la_SOURCES += sdk/src/failpoint.c
AM_CPPFLAGS += -DENABLE_FAILPOINTS=1
else
EXTRA_DIST += sdk/src/failpoint.c
endif
