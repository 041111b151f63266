core_libcore_la_SOURCES += \
	core/engine/run.h
