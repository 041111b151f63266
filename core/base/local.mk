core_libcore_la_SOURCES += \
	core/base/clock.h \
	core/base/file.h \
	core/base/status.h \
	core/base/string.h
