if PLUGIN_NULL
endif
