core_libcore_la_SOURCES += \
	core/config/pipeline.h \
	core/config/settings.h
