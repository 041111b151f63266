if PLUGIN_SYNTH
noinst_LTLIBRARIES += plugins/synth/libsynth.la
plugins_synth_libsynth_la_SOURCES = \
	plugins/synth/synth.h \
	plugins/synth/synth_blocks.c \
	plugins/synth/synth_columns.c \
	plugins/synth/synth_generate.c \
	plugins/synth/synth_pool.c \
	plugins/synth/synth_source.c
plugins_synth_libsynth_la_CFLAGS = $(AM_CFLAGS) -O3
plugins_synth_libsynth_la_LIBADD = sdk/libetlhost-sdk.la

plugins_LTLIBRARIES += plugins/synth.la
plugins_synth_la_SOURCES = plugins/synth/synth_plugin.c
plugins_synth_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_synth_la_LIBADD = plugins/synth/libsynth.la
endif
