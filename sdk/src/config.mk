# Settings of connectors.
sdk_libetlhost_sdk_la_SOURCES += sdk/src/config.c
