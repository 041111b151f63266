core_libcore_la_SOURCES += \
	core/config/pipeline.c core/config/pipeline.h \
	core/config/pipeline_schema.c core/config/pipeline_schema.h \
	core/config/reader.c core/config/reader.h \
	core/config/reference.c core/config/reference.h \
	core/config/schema_check.c core/config/schema_check.h \
	core/config/settings.c core/config/settings.h
