if PLUGIN_SYNTH
endif
