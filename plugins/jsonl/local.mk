if PLUGIN_JSONL
endif
