# Text forms of values, JSON.
sdk_libetlhost_sdk_la_SOURCES += \
	sdk/src/json_reader.c \
	sdk/src/json_writer.c \
	sdk/src/schema_json.c \
	sdk/src/text_scan.h \
	sdk/src/value_number.c \
	sdk/src/value_text.c
