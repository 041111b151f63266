core_libcore_la_SOURCES += \
	core/state/store.h
