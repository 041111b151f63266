/* Full passes: by row key, by primary key (WITHOUT ROWID), or by a plain scan (views), which cannot be resumed.
 *
 * State: {"v":1,"mode":"full","rowid":N,"done":bool}, or "key":["i:12","t:abc"] in place of rowid. A pass that is done starts over,
 * unless the request is for that very pass (ETL_READ_FULL): then there is nothing left to read.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/sqlite/sqlite_source.h"

#define SLICE_PREFIX "rowid:"

/* ---- keys of WITHOUT ROWID tables as JSON ---- */

static void add_hex(struct etl_buffer *json, const unsigned char *data, int length)
{
    for (int i = 0; i < length; i++)
        etl_buffer_add_format(json, "%02x", data[i]);
}

/* "i:12", "r:1.5", "t:text", "x:" hex of text that is not UTF-8, "b:" hex of a blob. */
static void add_key_value(struct etl_buffer *json, sqlite3_stmt *row, int index)
{
    struct etl_buffer value = {0};
    char buffer[ETL_VALUE_TEXT_MAX];
    const char *text = NULL;
    int length = 0;

    switch (sqlite3_column_type(row, index)) {
    case SQLITE_INTEGER: etl_buffer_add_format(&value, "i:%lld", (long long)sqlite3_column_int64(row, index)); break;
    case SQLITE_FLOAT:
        etl_buffer_add_text(&value, "r:");
        etl_buffer_add(&value, buffer, etl_format_double(buffer, sqlite3_column_double(row, index)));
        break;
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(row, index);
        length = sqlite3_column_bytes(row, index);
        if (text && etl_is_utf8(text, (size_t)length)) {
            etl_buffer_add_text(&value, "t:");
            etl_buffer_add(&value, text, (size_t)length);
        } else {
            etl_buffer_add_text(&value, "x:");
            add_hex(&value, (const unsigned char *)text, length);
        }
        break;
    default:
        etl_buffer_add_text(&value, "b:");
        add_hex(&value, sqlite3_column_blob(row, index), sqlite3_column_bytes(row, index));
    }
    if (value.failed)
        json->failed = 1;
    etl_json_add_string(json, value.data, value.length);
    etl_buffer_fini(&value);
}

static int hex_digit(char digit)
{
    return digit >= 'a' ? digit - 'a' + 10 : digit - '0';
}

static bool bind_hex(sqlite3_stmt *rows, int index, struct etl_bytes hex, bool is_text)
{
    char *bytes = malloc(hex.length / 2 + 1);
    int rc = SQLITE_NOMEM;

    if (!bytes)
        return false;
    for (size_t i = 0; i < hex.length / 2; i++)
        bytes[i] = (char)(hex_digit(hex.data[2 * i]) * 16 + hex_digit(hex.data[2 * i + 1]));
    rc = is_text ? sqlite3_bind_text64(rows, index, bytes, hex.length / 2, free, SQLITE_UTF8)
                 : sqlite3_bind_blob64(rows, index, bytes, hex.length / 2, free);
    return rc == SQLITE_OK;
}

static bool bind_key_value(sqlite3_stmt *rows, int index, struct etl_bytes value)
{
    struct etl_bytes rest = {value.data + 2, value.length - 2};
    int64_t number = 0;
    double real = 0;

    if (value.length < 2 || value.data[1] != ':')
        return false;
    switch (value.data[0]) {
    case 'i':
        return etl_parse_int64(rest.data, rest.length, &number) && sqlite3_bind_int64(rows, index, number) == SQLITE_OK;
    case 'r':
        return etl_parse_double(rest.data, rest.length, &real) && sqlite3_bind_double(rows, index, real) == SQLITE_OK;
    case 't':
        return sqlite3_bind_text64(rows, index, rest.data, rest.length, SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK;
    case 'x': return bind_hex(rows, index, rest, true);
    case 'b': return bind_hex(rows, index, rest, false);
    default: return false;
    }
}

/* Binds the values of a JSON array of strings; false unless there are `count` good ones. */
static bool bind_key(sqlite3_stmt *rows, struct etl_bytes json_text, int count)
{
    enum etl_json_token token = ETL_JSON_ERROR;
    struct etl_json json;
    int bound = 0;
    bool good = true;

    etl_json_init(&json, json_text.data, json_text.length, 2);
    good = etl_json_next(&json) == ETL_JSON_BEGIN_ARRAY;
    while (good && (token = etl_json_next(&json)) == ETL_JSON_STRING)
        good = bound < count && bind_key_value(rows, ++bound, etl_json_text(&json));
    etl_json_fini(&json);
    return good && token == ETL_JSON_END_ARRAY && bound == count;
}

/* ---- state ---- */

struct full_state {
    bool is_done, has_rowid, has_key;
    int64_t rowid;
    struct etl_bytes key;
};

static etl_status fail_state(const struct etl_reader *reader, const char *problem, struct etl_error *err)
{
    return etl_fail(err, ETL_STATE_INVALID, "table %s: the saved state %s: run the stream with --full-refresh",
                    reader->table.name, problem);
}

static bool is_text(struct etl_bytes value, const char *text)
{
    return value.length == strlen(text) && memcmp(value.data, text, value.length) == 0;
}

static etl_status parse_state(struct etl_reader *reader, const struct etl_read_request *request,
                              struct full_state *state, struct etl_error *err)
{
    size_t length = (size_t)request->state_len;
    struct etl_bytes value = {NULL, 0};

    if (!request->state)
        return ETL_OK;
    if (request->state_version > 1)
        return fail_state(reader, "is from a newer version of the plugin", err);
    if (!etl_json_find(request->state, length, "mode", &value) || !is_text(value, "\"full\""))
        return fail_state(reader, "is not from a full read (the way of reading has changed)", err);
    state->is_done = etl_json_find(request->state, length, "done", &value) && is_text(value, "true");
    if (state->is_done && !(request->flags & ETL_READ_FULL))
        return ETL_OK;
    state->has_rowid = etl_json_find(request->state, length, "rowid", &value);
    if (state->has_rowid && !etl_parse_int64(value.data, value.length, &state->rowid))
        return fail_state(reader, "has no valid rowid", err);
    state->has_key = etl_json_find(request->state, length, "key", &state->key);
    if ((state->has_rowid && reader->mode != SQLITE_BY_ROWID) || (state->has_key && reader->mode != SQLITE_BY_KEY) ||
        (!state->has_rowid && !state->has_key && !state->is_done))
        return fail_state(reader, "does not suit the table as it is now", err);
    return ETL_OK;
}

/* ---- slices ---- */

/* "rowid:LOW-HIGH", both inclusive and either one may be missing; numbers may be negative. */
static bool parse_slice(const char *slice, int64_t *ret_low, int64_t *ret_high)
{
    const char *at = slice + strlen(SLICE_PREFIX);
    const char *dash = NULL;
    size_t low_length = 0;

    *ret_low = INT64_MIN;
    *ret_high = INT64_MAX;
    if (strncmp(slice, SLICE_PREFIX, strlen(SLICE_PREFIX)) != 0)
        return false;
    if (*at != '-' || strchr(at + 1, '-')) { /* a low end, unless the only dash, or the first of "--5", comes first */
        dash = strchr(*at == '-' && at[1] != '-' ? at + 1 : at, '-');
        if (!dash)
            return false;
        low_length = (size_t)(dash - at);
        if (low_length && !etl_parse_int64(at, low_length, ret_low))
            return false;
        at = dash;
    }
    at++;
    return !*at || etl_parse_int64(at, strlen(at), ret_high);
}

static etl_status open_slice(struct etl_reader *reader, const char *slice, int64_t *ret_low, int64_t *ret_high,
                             struct etl_error *err)
{
    *ret_low = INT64_MIN;
    *ret_high = INT64_MAX;
    if (!*slice)
        return ETL_OK;
    if (reader->mode != SQLITE_BY_ROWID || !parse_slice(slice, ret_low, ret_high))
        return etl_fail(err, ETL_STATE_INVALID, "table %s has no slice %s: run the stream with --full-refresh",
                        reader->table.name, slice);
    return ETL_OK;
}

/* ---- statements ---- */

static int add_keys(struct etl_buffer *sql, const struct sqlite_table *table, const char *open, const char *close)
{
    int count = 0;

    for (bool found = true; found;) {
        found = false;
        for (size_t i = 0; i < table->count && !found; i++) {
            if (table->columns[i].key_position != count + 1)
                continue;
            etl_buffer_add_text(sql, count ? ", " : open);
            sqlite_add_name(sql, table->columns[i].name);
            count++;
            found = true;
        }
    }
    etl_buffer_add_text(sql, close);
    return count;
}

static int build_select(struct etl_reader *reader, bool has_key, struct etl_buffer *sql)
{
    int keys = 0;

    sqlite_add_columns(sql, reader);
    if (reader->mode == SQLITE_BY_ROWID)
        etl_buffer_add_format(sql, ", %s", reader->table.rowid);
    if (reader->mode == SQLITE_BY_KEY)
        keys = add_keys(sql, &reader->table, ", ", "");
    etl_buffer_add_text(sql, " FROM ");
    sqlite_add_name(sql, reader->table.name);
    if (reader->mode == SQLITE_BY_ROWID)
        etl_buffer_add_format(sql, " WHERE %s BETWEEN ?1 AND ?2 ORDER BY %s", reader->table.rowid, reader->table.rowid);
    if (reader->mode == SQLITE_BY_KEY && has_key) {
        (void)add_keys(sql, &reader->table, " WHERE (", ") > (?");
        for (int i = 1; i < keys; i++)
            etl_buffer_add_text(sql, ", ?");
        etl_buffer_add_text(sql, ")");
    }
    if (reader->mode == SQLITE_BY_KEY)
        (void)add_keys(sql, &reader->table, " ORDER BY ", "");
    return keys;
}

static enum sqlite_read_mode choose_mode(const struct sqlite_table *table)
{
    if (table->rowid)
        return SQLITE_BY_ROWID;
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].key_position)
            return SQLITE_BY_KEY;
    return SQLITE_SCAN;
}

etl_status sqlite_full_open(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    int64_t low = INT64_MIN, high = INT64_MAX;
    struct full_state state = {0};
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;
    const char *text = NULL;
    int keys = 0;

    sqlite_select_columns(reader, request);
    reader->mode = choose_mode(&reader->table);
    ETL_TRY(parse_state(reader, request, &state, err));
    ETL_TRY(open_slice(reader, request->slice, &low, &high, err));
    keys = build_select(reader, state.has_key, &sql);
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(&reader->db, text, &reader->rows, err));
    reader->is_exhausted = state.is_done && (request->flags & ETL_READ_FULL);
    if (state.has_rowid) {
        reader->has_rowid = true;
        reader->rowid = state.rowid;
        reader->is_exhausted = reader->is_exhausted || state.rowid >= high;
        if (state.rowid >= low && !reader->is_exhausted)
            low = state.rowid + 1;
    }
    if (reader->mode == SQLITE_BY_ROWID) {
        sqlite3_bind_int64(reader->rows, 1, low);
        sqlite3_bind_int64(reader->rows, 2, high);
    }
    if (state.has_key) {
        etl_buffer_add(&reader->key, state.key.data, state.key.length);
        if (!bind_key(reader->rows, state.key, keys))
            status = fail_state(reader, "has no valid key", err);
    }
out:
    etl_buffer_fini(&sql);
    return status;
}

etl_status sqlite_full_advance(struct etl_reader *reader, struct etl_error *err)
{
    int end = 0;

    if (reader->mode == SQLITE_BY_ROWID) {
        reader->rowid = sqlite3_column_int64(reader->rows, reader->extra);
        reader->has_rowid = true;
    }
    if (reader->mode != SQLITE_BY_KEY)
        return ETL_OK;
    end = sqlite3_column_count(reader->rows);
    etl_buffer_reset(&reader->key);
    for (int i = reader->extra; i < end; i++) {
        etl_buffer_add_text(&reader->key, i == reader->extra ? "[" : ", ");
        add_key_value(&reader->key, reader->rows, i);
    }
    etl_buffer_add_text(&reader->key, "]");
    return reader->key.failed ? etl_fail_memory(err) : ETL_OK;
}

void sqlite_full_state(struct etl_reader *reader, bool *ret_any)
{
    bool done = reader->is_exhausted && !reader->has_row;

    *ret_any = done || reader->mode != SQLITE_SCAN;
    etl_buffer_add_text(&reader->state, "{\"v\":1,\"mode\":\"full\"");
    if (reader->has_rowid) {
        etl_buffer_add_format(&reader->state, ",\"rowid\":%" PRId64, reader->rowid);
        etl_buffer_add_format(&reader->shown, "rowid %" PRId64, reader->rowid);
    }
    if (reader->key.length) {
        etl_buffer_add_text(&reader->state, ",\"key\":");
        etl_buffer_add(&reader->state, reader->key.data, reader->key.length);
        etl_buffer_add(&reader->shown, reader->key.data, reader->key.length < 200 ? reader->key.length : 0);
    }
    etl_buffer_add_format(&reader->state, ",\"done\":%s}", done ? "true" : "false");
}
