core_libcore_la_SOURCES += \
	core/data/batch.h \
	core/data/fit.h \
	core/data/schema_change.h \
	core/data/transform.h
