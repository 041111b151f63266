# mdoc pages.
dist_man_MANS += man/etlhost-plugin.7
