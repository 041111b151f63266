/* Helpers for connector authors: a static library (pkg-config etlhost-sdk) that is linked into each plugin. Nothing here
 * crosses the plugin boundary, so it may change between minor versions; abi.h may not. etlhost-sdk(3). */
#ifndef ETL_SDK_H
#define ETL_SDK_H

#include <etlhost/abi.h>
#include <etlhost/sdk/batch_builder.h>
#include <etlhost/sdk/batch_view.h>
#include <etlhost/sdk/commit_table.h>
#include <etlhost/sdk/config.h>
#include <etlhost/sdk/error.h>
#include <etlhost/sdk/json_reader.h>
#include <etlhost/sdk/json_writer.h>
#include <etlhost/sdk/schema.h>
#include <etlhost/sdk/schema_json.h>
#include <etlhost/sdk/shredder.h>
#include <etlhost/sdk/stream_adapter.h>
#include <etlhost/sdk/type.h>
#include <etlhost/sdk/value_text.h>

#endif
