# Sources of this part of the SDK.
sdk_libetlhost_sdk_la_SOURCES += \
	sdk/src/infer.h \
	sdk/src/infer.c \
	sdk/src/shredder_internal.h \
	sdk/src/shredder.c \
	sdk/src/shredder_append.c
