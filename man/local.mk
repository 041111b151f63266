# mdoc pages.
dist_man_MANS += man/etlhost-csv.7
dist_man_MANS += man/etlhost-plugin.7
dist_man_MANS += man/etlhost.conf.5
dist_man_MANS += man/etlhost-jsonl.7
dist_man_MANS += man/etlhost-sqlite.7
dist_man_MANS += man/etlhost-null.7 man/etlhost-synth.7
dist_man_MANS += man/etlhost.1
dist_man_MANS += man/etlhost-sdk.3
