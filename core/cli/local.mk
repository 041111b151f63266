core_libcore_la_SOURCES += \
	core/cli/cli.c \
	core/cli/cmd_check.c \
	core/cli/cmd_dlq.c \
	core/cli/cmd_history.c \
	core/cli/cmd_inspect.c \
	core/cli/cmd_misc.c \
	core/cli/cmd_run.c \
	core/cli/cmd_state.c \
	core/cli/command.h \
	core/cli/load_guard.c \
	core/cli/load_guard.h \
	core/cli/options.c \
	core/cli/options.h \
	core/cli/output.c \
	core/cli/output.h \
	core/cli/progress.c \
	core/cli/progress.h \
	core/cli/record_printer.c \
	core/cli/record_printer.h \
	core/cli/session.c \
	core/cli/session.h \
	core/cli/signals.c \
	core/cli/signals.h
