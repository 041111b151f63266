core_libcore_la_SOURCES += \
	core/plugin/plugin.h \
	core/plugin/probe.h \
	core/plugin/services.h \
	core/plugin/services.c
