# Files: names, compression, reading with positions, writing with commits.
if HAVE_FILES
sdk_libetlhost_sdk_files_la_SOURCES += sdk/src/file_name.c sdk/src/file_name.h sdk/src/file_decode.c sdk/src/file_decode.h \
	sdk/src/file_encode.c sdk/src/file_encode.h sdk/src/input_files.c sdk/src/input_list.c sdk/src/input_list.h \
	sdk/src/input_state.c sdk/src/output_files.c sdk/src/output_manifest.c sdk/src/output_manifest.h \
	sdk/src/output_store.c sdk/src/output_store.h
sdk_libetlhost_sdk_files_la_LIBADD = $(FILES_LIBS)
endif
