# One folder per connector: lib<name> holds the code (unit tests link it), <name>.la is the module with the one exported symbol.
PLUGIN_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^etl_plugin_v1$$' $(PLUGIN_ZDEFS)

include plugins/csv/local.mk
include plugins/jsonl/local.mk
include plugins/sqlite/local.mk
include plugins/null/local.mk
include plugins/synth/local.mk
