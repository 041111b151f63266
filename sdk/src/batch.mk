# Sources of this part of the SDK.
sdk_libetlhost_sdk_la_SOURCES += \
	sdk/src/type.c \
	sdk/src/schema.c \
	sdk/src/batch_builder.c \
	sdk/src/batch_text.h \
	sdk/src/batch_text.c \
	sdk/src/batch_view.c \
	sdk/src/commit_table.c \
	sdk/src/stream_adapter.c
