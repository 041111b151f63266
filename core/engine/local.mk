core_libcore_la_SOURCES += \
	core/engine/catalog.c core/engine/catalog.h \
	core/engine/commit.c core/engine/commit.h \
	core/engine/dead_letter.c core/engine/dead_letter.h \
	core/engine/dead_letter_source.c core/engine/dead_letter_source.h \
	core/engine/explain.c \
	core/engine/generation.c core/engine/generation.h \
	core/engine/intake.c core/engine/intake.h \
	core/engine/plan.c core/engine/plan.h \
	core/engine/queue.c core/engine/queue.h \
	core/engine/reader.c core/engine/reader.h core/engine/replay.h \
	core/engine/retry.c core/engine/retry.h \
	core/engine/run.c core/engine/run.h \
	core/engine/scheduler.c core/engine/scheduler.h \
	core/engine/engine.c core/engine/engine.h \
	core/engine/slice.c core/engine/slice.h \
	core/engine/stream.c core/engine/stream.h \
	core/engine/writer.c core/engine/writer.h
