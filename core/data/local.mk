core_libcore_la_SOURCES += \
	core/data/array.c \
	core/data/array.h \
	core/data/batch.c \
	core/data/batch.h \
	core/data/cast.c \
	core/data/cast.h \
	core/data/fit.c \
	core/data/fit.h \
	core/data/mask.c \
	core/data/mask.h \
	core/data/name_map.c \
	core/data/name_map.h \
	core/data/operation.c \
	core/data/operation.h \
	core/data/schema_change.c \
	core/data/schema_change.h \
	core/data/transform.c \
	core/data/transform.h
