core_libcore_la_SOURCES += \
	core/plugin/plugin.h \
	core/plugin/plugin.c \
	core/plugin/plugin_check.c \
	core/plugin/plugin_search.c \
	core/plugin/probe.h \
	core/plugin/probe.c \
	core/plugin/services.h \
	core/plugin/services.c
