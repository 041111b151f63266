/* The JSON Schema of pipeline files, draft 2020-12. The keywords beyond the standard: "format": "bytes" and "seconds" take text such as "64 MiB" and
 * "2h"; under "x-unresolved" references are kept for the connector's own settings. etlhost.conf(5) describes the same keys. */
#include "core/config/pipeline_schema.h"

/* Compilers need not take strings of this length; those that build this do. */
#pragma GCC diagnostic ignored "-Woverlength-strings"

/* clang-format off */
#define COLUMN_LIST(text) \
    "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},\"minItems\":1,\"description\":\"" text "\"}"

#define STREAM_KEYS \
    "\"mode\":{\"type\":\"string\",\"enum\":[\"append\",\"overwrite\",\"upsert\"]," \
        "\"description\":\"How rows reach the target\"}," \
    "\"primary_key\":" COLUMN_LIST("Columns that identify a row") "," \
    "\"cursor\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Column by which only new rows are read\"}," \
    "\"cursor_from\":{\"type\":\"string\",\"description\":\"First run: inclusive lower bound of the cursor\"}," \
    "\"cursor_until\":{\"type\":\"string\",\"description\":\"Inclusive upper bound of the cursor\"}," \
    "\"cursor_lookback\":{\"type\":\"integer\",\"minimum\":0,\"format\":\"seconds\"," \
        "\"description\":\"Read again this far behind the saved cursor\"}," \
    "\"contract\":{\"type\":\"string\",\"enum\":[\"evolve\",\"freeze\",\"discard-row\",\"dead-letter\"]," \
        "\"description\":\"What happens when the data changes its shape\"}," \
    "\"operation_column\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Column that says insert, update or delete of each row\"},"  \
    "\"deletes\":{\"type\":\"string\",\"enum\":[\"hard\",\"soft\",\"ignore\"]," \
        "\"description\":\"What a deleted row does\"}," \
    "\"limit\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"Read at most this many rows\"}," \
    "\"include_columns\":" COLUMN_LIST("Columns to move: names or globs") "," \
    "\"exclude_columns\":" COLUMN_LIST("Columns to leave out: names or globs") "," \
    "\"columns\":{\"type\":\"object\",\"description\":\"What happens to single columns, by name or glob\"," \
        "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" \
            "\"rename\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Name at the destination\"}," \
            "\"mask\":{\"type\":\"string\",\"enum\":[\"hash\",\"redact\",\"partial\",\"null\"]," \
                "\"description\":\"Hide the values\"}}}}"

#define CONNECTOR(text) \
    "{\"type\":[\"string\",\"object\"],\"minLength\":1,\"x-unresolved\":true,\"properties\":{\"connector\":" \
        "{\"type\":\"string\",\"minLength\":1}},\"required\":[\"connector\"],\"additionalProperties\":true," \
        "\"description\":\"" text "\"}"

#define NAME_LIST(text) \
    "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},\"description\":\"" text "\"}"

const char pipeline_schema_text[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"etlhost pipeline\",\"type\":\"object\","
    "\"additionalProperties\":false,\"properties\":{"
    "\"pipeline\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$\","
        "\"description\":\"Name under which the state is kept\"},"
    "\"source\":" CONNECTOR("Connector to read from, with its settings") ","
    "\"destination\":" CONNECTOR("Connector to write to, with its settings") ","
    STREAM_KEYS ","
    "\"include\":" NAME_LIST("Streams to move: names or globs") ","
    "\"exclude\":" NAME_LIST("Streams to leave out: names or globs") ","
    "\"streams\":{\"type\":\"object\",\"description\":\"Settings of single streams, by name or glob\","
        "\"additionalProperties\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,\"properties\":{"
        "\"target\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Name at the destination\"},"
        STREAM_KEYS "}}},"
    "\"mask_key\":{\"type\":\"string\",\"minLength\":1,\"writeOnly\":true,\"description\":\"Key of the mask hash\"},"
    "\"delivery\":{\"type\":\"string\",\"enum\":[\"exactly-once\",\"effectively-once\",\"at-least-once\"],"
        "\"description\":\"Refuse to run if the pair of connectors gives less\"},"
    "\"state\":{\"type\":\"string\",\"minLength\":1,\"description\":\"File of the state store\"},"
    "\"plugin_dir\":{\"type\":\"string\",\"minLength\":1,\"description\":\"Directory to look for plugins first\"},"
    "\"parallel\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":256,\"description\":\"Streams and slices at a time\"},"
    "\"memory_limit\":{\"type\":\"integer\",\"minimum\":1048576,\"format\":\"bytes\","
        "\"description\":\"Memory for records on their way\"},"
    "\"commit\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"When to commit, whichever comes first\","
        "\"properties\":{"
        "\"rows\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"After this many rows; 0 = no limit\"},"
        "\"bytes\":{\"type\":\"integer\",\"minimum\":0,\"format\":\"bytes\",\"description\":\"After this many bytes; 0 = no limit\"},"
        "\"interval\":{\"type\":\"number\",\"minimum\":0,\"format\":\"seconds\",\"description\":\"After this long; 0 = no limit\"}}},"
    "\"batch\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"Size of batches that sources aim for\","
        "\"properties\":{"
        "\"rows\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10000000,\"description\":\"Rows of a batch\"},"
        "\"bytes\":{\"type\":\"integer\",\"minimum\":1024,\"format\":\"bytes\",\"description\":\"Bytes of a batch\"}}},"
    "\"retries\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000,\"description\":\"Tries again after a passing failure\"}"
    "}}";
/* clang-format on */
