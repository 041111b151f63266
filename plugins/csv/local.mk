if PLUGIN_CSV
endif
