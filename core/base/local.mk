core_libcore_la_SOURCES += \
	core/base/clock.c core/base/clock.h \
	core/base/file.c core/base/file.h \
	core/base/json_text.c core/base/json_text.h \
	core/base/hash.c \
	core/base/hash.h \
	core/base/status.c core/base/status.h \
	core/base/string.c core/base/string.h \
	core/base/units.c core/base/units.h
