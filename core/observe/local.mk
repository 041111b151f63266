core_libcore_la_SOURCES += \
	core/observe/log.h \
	core/observe/report.h
