core_libcore_la_SOURCES += \
	core/observe/log.h \
	core/observe/log.c \
	core/observe/report.h \
	core/observe/report.c
