core_libcore_la_SOURCES += \
	core/state/checkpoint.c \
	core/state/db.c core/state/db.h \
	core/state/dead_letter.c \
	core/state/document.c core/state/document.h \
	core/state/identity.c core/state/identity.h \
	core/state/internal.h \
	core/state/lease.c \
	core/state/store.c core/state/store.h \
	core/state/transfer.c
