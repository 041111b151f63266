/* Reading by cursor column: rows from the saved value on, in its order.
 *
 * The snapshot of the read transaction is the upper bound. The lower bound is inclusive, because rows with the saved value may have
 * come since; with ETL_READ_EXACT_TIES the state keeps hashes of the rows already read at that value ("seen") and leaves those out. A
 * time more than a day ahead comes from a bad clock: the row is read, but the saved value does not follow it, otherwise it would
 * hide every later row; such rows are kept apart ("ahead").
 *
 * Numbers and dates are compared as SQLite stores them. Timestamps have several text forms of one instant ("...:00Z" sorts behind
 * "...:00.5Z"), so they are compared as microseconds by a function; a bound on the date in front lets an index help.
 *
 * State: {"v":1,"mode":"cursor","column":C,"type":T,"value":TEXT or null,"seen":[...],"ahead":[...]}.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/sqlite/sqlite_source.h"

#define DAY_US      (INT64_C(86400) * 1000000)
#define SEEN_MAX    50000
#define HASH_LENGTH 16 /* characters: 96 bits in base 64 */

enum cursor_class { CURSOR_NUMBER, CURSOR_TEXT, CURSOR_DATE, CURSOR_TIME };

static const char *const class_names[] = {"number", "text", "date", "timestamp"};

/* A value of the cursor column. */
struct value {
    int storage; /* SQLITE_INTEGER (also times, in microseconds), SQLITE_FLOAT, SQLITE_TEXT; 0 = none */
    int64_t integer;
    double real;
    struct etl_buffer text;
};

struct hash {
    char text[HASH_LENGTH];
};

struct hashes {
    struct hash *items;
    size_t count, capacity;
};

/* What the previous state had read at or beyond its value. Sorted by hash. */
struct prior {
    struct hash hash;
    bool is_ahead, is_used, is_passed;
};

struct sqlite_cursor {
    enum cursor_class class;
    char *column;
    bool is_utc;
    bool exact;
    struct value saved;
    struct value limit;  /* a day from now */
    struct hashes ties;  /* rows read at the saved value */
    struct hashes ahead; /* rows read beyond the limit */
    struct prior *prior;
    size_t n_prior;
    struct prior *present; /* of the present row, if it is known */
    uint64_t rows_ahead;
};

/* ---- values ---- */

static int compare(const struct value *a, const struct value *b)
{
    size_t length = a->text.length < b->text.length ? a->text.length : b->text.length;
    double x = a->storage == SQLITE_INTEGER ? (double)a->integer : a->real;
    double y = b->storage == SQLITE_INTEGER ? (double)b->integer : b->real;
    int order = 0;

    if (a->storage == SQLITE_TEXT) {
        order = length ? memcmp(a->text.data, b->text.data, length) : 0;
        return order ? order : (a->text.length > b->text.length) - (a->text.length < b->text.length);
    }
    if (a->storage == SQLITE_INTEGER && b->storage == SQLITE_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    return (x > y) - (x < y);
}

static bool set_text(struct value *value, const char *text, size_t length)
{
    value->storage = SQLITE_TEXT;
    etl_buffer_reset(&value->text);
    etl_buffer_add(&value->text, text, length);
    return !value->text.failed;
}

static bool read_value(sqlite3_stmt *row, int index, struct value *value)
{
    value->storage = sqlite3_column_type(row, index);
    if (value->storage == SQLITE_INTEGER)
        value->integer = sqlite3_column_int64(row, index);
    else if (value->storage == SQLITE_FLOAT)
        value->real = sqlite3_column_double(row, index);
    else
        return set_text(value, (const char *)sqlite3_column_text(row, index), (size_t)sqlite3_column_bytes(row, index));
    return true;
}

static bool parse_time(const char *text, size_t length, int64_t *ret_us)
{
    bool has_zone = false;
    int32_t days = 0;

    if (etl_parse_timestamp(text, length, ret_us, &has_zone))
        return true;
    if (!etl_parse_date(text, length, &days))
        return false;
    *ret_us = days * DAY_US;
    return true;
}

static bool parse_value(const struct sqlite_cursor *cursor, const char *text, size_t length, struct value *value)
{
    int32_t days = 0;

    switch (cursor->class) {
    case CURSOR_NUMBER:
        value->storage = SQLITE_INTEGER;
        if (etl_parse_int64(text, length, &value->integer))
            return true;
        value->storage = SQLITE_FLOAT;
        return etl_parse_double(text, length, &value->real);
    case CURSOR_TIME: value->storage = SQLITE_INTEGER; return parse_time(text, length, &value->integer);
    case CURSOR_DATE: return etl_parse_date(text, length, &days) && set_text(value, text, length);
    case CURSOR_TEXT: break;
    }
    return set_text(value, text, length);
}

static void add_value(struct etl_buffer *out, const struct sqlite_cursor *cursor, const struct value *value)
{
    char buffer[ETL_VALUE_TEXT_MAX];

    if (cursor->class == CURSOR_TIME)
        etl_buffer_add(out, buffer, etl_format_timestamp(buffer, value->integer, cursor->is_utc));
    else if (value->storage == SQLITE_INTEGER)
        etl_buffer_add(out, buffer, etl_format_int64(buffer, value->integer));
    else if (value->storage == SQLITE_FLOAT)
        etl_buffer_add(out, buffer, etl_format_double(buffer, value->real));
    else
        etl_buffer_add(out, value->text.data, value->text.length);
}

static int bind_value(sqlite3_stmt *rows, int index, const struct value *value)
{
    if (value->storage == SQLITE_INTEGER)
        return sqlite3_bind_int64(rows, index, value->integer);
    if (value->storage == SQLITE_FLOAT)
        return sqlite3_bind_double(rows, index, value->real);
    return sqlite3_bind_text64(rows, index, value->text.data ? value->text.data : "", value->text.length,
                               SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* Moves a lower bound back; false when the class cannot. */
static bool look_back(const struct sqlite_cursor *cursor, struct value *value, int64_t lookback)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    int64_t steps = lookback;
    int32_t days = 0;

    if (lookback <= 0)
        return true;
    if (cursor->class == CURSOR_DATE) {
        steps = (lookback - 1) / 86400 + 1;
        if (!etl_parse_date(value->text.data, value->text.length, &days) || steps > days + INT64_C(719162))
            return set_text(value, "", 0);
        return set_text(value, buffer, etl_format_date(buffer, days - (int32_t)steps));
    }
    if (cursor->class == CURSOR_TIME)
        steps = lookback > INT64_MAX / 1000000 ? INT64_MAX : lookback * 1000000;
    if (value->storage == SQLITE_INTEGER)
        value->integer = value->integer < INT64_MIN + steps ? INT64_MIN : value->integer - steps;
    else
        value->real -= (double)steps;
    return cursor->class != CURSOR_TEXT;
}

/* ---- etlhost_time ---- */

static void time_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    int64_t us = 0;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_TEXT &&
        parse_time((const char *)sqlite3_value_text(argv[0]), (size_t)sqlite3_value_bytes(argv[0]), &us))
        sqlite3_result_int64(context, us);
}

etl_status sqlite_register_time(struct sqlite_db *db, struct etl_error *err)
{
    int rc = sqlite3_create_function(db->handle, "etlhost_time", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                     time_function, NULL, NULL);

    return rc == SQLITE_OK ? ETL_OK : sqlite_fail(db, rc, "register function", err);
}

/* ---- hashes of rows ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;

    for (; length >= 8; length -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    for (; length > 0; length--, bytes++)
        hash = (hash ^ *bytes) * UINT64_C(0x100000001B3);
    hash ^= hash >> 32;
    return hash * UINT64_C(0xD6E8FEB86659FD93);
}

static uint64_t mix_cell(uint64_t hash, sqlite3_stmt *row, int index)
{
    int storage = sqlite3_column_type(row, index);
    int64_t integer = 0;
    double real = 0;
    uint64_t length = 0;

    hash = mix(hash, &storage, sizeof storage);
    switch (storage) {
    case SQLITE_INTEGER: integer = sqlite3_column_int64(row, index); return mix(hash, &integer, sizeof integer);
    case SQLITE_FLOAT: real = sqlite3_column_double(row, index); return mix(hash, &real, sizeof real);
    case SQLITE_NULL: return hash;
    default:
        length = (uint64_t)sqlite3_column_bytes(row, index);
        hash = mix(hash, &length, sizeof length);
        return mix(hash, sqlite3_column_blob(row, index), (size_t)length);
    }
}

/* Over the result columns behind the cursor: what tells the row from others. */
static struct hash hash_row(const struct etl_reader *reader)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t a = UINT64_C(0x243F6A8885A308D3), b = UINT64_C(0x13198A2E03707344);
    int end = sqlite3_column_count(reader->rows);
    struct hash hash;

    for (int i = reader->extra; i < end; i++) {
        a = mix_cell(a, reader->rows, i);
        b = mix_cell(b, reader->rows, i);
    }
    for (int i = 0; i < HASH_LENGTH; i++) {
        uint64_t *word = i < 10 ? &a : &b;
        hash.text[i] = digits[*word & 63];
        *word >>= 6;
    }
    return hash;
}

static int compare_prior(const void *a, const void *b)
{
    return memcmp(((const struct prior *)a)->hash.text, ((const struct prior *)b)->hash.text, HASH_LENGTH);
}

/* First unused entry with that hash, or NULL. Equal rows have equal hashes, so each entry stands for one row. */
static struct prior *find_prior(struct sqlite_cursor *cursor, const struct hash *hash)
{
    size_t low = 0, high = cursor->n_prior;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(cursor->prior[middle].hash.text, hash->text, HASH_LENGTH) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < cursor->n_prior && memcmp(cursor->prior[low].hash.text, hash->text, HASH_LENGTH) == 0; low++)
        if (!cursor->prior[low].is_used)
            return &cursor->prior[low];
    return NULL;
}

static etl_status add_hash(struct etl_reader *reader, struct hashes *hashes, const struct hash *hash,
                           struct etl_error *err)
{
    if (reader->cursor->ties.count + reader->cursor->ahead.count >= SEEN_MAX)
        return etl_fail(
            err, ETL_CONFIG,
            "table %s: more than %d rows have the same value in cursor column %s; appending cannot tell the new ones: "
            "use upsert with a key, or another cursor column",
            reader->table.name, SEEN_MAX, reader->cursor->column);
    if (hashes->count == hashes->capacity) {
        size_t capacity = hashes->capacity ? hashes->capacity * 2 : 64;
        struct hash *grown = realloc(hashes->items, capacity * sizeof *grown);
        if (!grown)
            return etl_fail_memory(err);
        hashes->items = grown;
        hashes->capacity = capacity;
    }
    hashes->items[hashes->count++] = *hash;
    return ETL_OK;
}

/* ---- state ---- */

static etl_status fail_state(const struct etl_reader *reader, const char *problem, struct etl_error *err)
{
    return etl_fail(err, ETL_STATE_INVALID, "table %s: the saved state %s: run the stream with --full-refresh",
                    reader->table.name, problem);
}

static bool equals(struct etl_bytes raw, const char *text)
{
    char *copy = etl_json_to_string(raw);
    bool equal = copy && strcmp(copy, text) == 0;

    free(copy);
    return equal;
}

/* Takes the hashes of one list of the state; those of "seen" stay ties until the saved value moves. */
static etl_status take_hashes(struct etl_reader *reader, struct etl_bytes list, bool is_ahead, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    struct etl_json json;
    etl_status status = ETL_OK;

    etl_json_init(&json, list.data, list.length, 2);
    if (etl_json_next(&json) != ETL_JSON_BEGIN_ARRAY)
        status = fail_state(reader, "is damaged", err);
    while (status == ETL_OK && etl_json_next(&json) == ETL_JSON_STRING) {
        struct etl_bytes text = etl_json_text(&json);
        struct prior *entry = &cursor->prior[cursor->n_prior];
        if (text.length != HASH_LENGTH || cursor->n_prior >= SEEN_MAX) {
            status = fail_state(reader, "is damaged", err);
            break;
        }
        memcpy(entry->hash.text, text.data, HASH_LENGTH);
        entry->is_ahead = is_ahead;
        cursor->n_prior++;
        if (!is_ahead)
            status = add_hash(reader, &cursor->ties, &entry->hash, err);
    }
    etl_json_fini(&json);
    return status;
}

static etl_status parse_seen(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    struct etl_bytes list = {NULL, 0};
    size_t length = (size_t)request->state_len;
    etl_status status = ETL_OK;

    if (!cursor->exact)
        return ETL_OK;
    if (!etl_json_find(request->state, length, "seen", &list))
        return fail_state(reader, "was written for upsert, and appending needs to know the rows at its value", err);
    cursor->prior = calloc(SEEN_MAX + 1, sizeof *cursor->prior);
    if (!cursor->prior)
        return etl_fail_memory(err);
    ETL_TRY(take_hashes(reader, list, false, err));
    if (etl_json_find(request->state, length, "ahead", &list))
        ETL_TRY(take_hashes(reader, list, true, err));
    qsort(cursor->prior, cursor->n_prior, sizeof *cursor->prior, compare_prior);
out:
    return status;
}

static etl_status parse_state(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    size_t length = (size_t)request->state_len;
    struct etl_bytes raw = {NULL, 0};
    etl_status status = ETL_OK;
    bool from_date = false;
    char *text = NULL;

    if (request->state_version > 1)
        return fail_state(reader, "is from a newer version of the plugin", err);
    if (!etl_json_find(request->state, length, "mode", &raw) || !equals(raw, "cursor"))
        return fail_state(reader, "is not from reading by a cursor column", err);
    if (!etl_json_find(request->state, length, "column", &raw) || !equals(raw, cursor->column))
        return fail_state(reader, "is of another cursor column", err);
    if (!etl_json_find(request->state, length, "type", &raw))
        return fail_state(reader, "has no type", err);
    from_date = cursor->class == CURSOR_TIME && equals(raw, "date");
    if (!from_date && !equals(raw, class_names[cursor->class]))
        return fail_state(reader, "is of a cursor column that had another type", err);
    if (!etl_json_find(request->state, length, "value", &raw))
        return fail_state(reader, "has no value", err);
    if (raw.length != 4 || memcmp(raw.data, "null", 4) != 0) {
        text = etl_json_to_string(raw);
        if (!text || !parse_value(cursor, text, strlen(text), &cursor->saved))
            status = fail_state(reader, "has no valid value", err);
    }
    free(text);
    return status == ETL_OK ? parse_seen(reader, request, err) : status;
}

static void add_list(struct etl_buffer *json, const char *name, const struct hashes *hashes)
{
    etl_buffer_add_format(json, ",\"%s\":[", name);
    for (size_t i = 0; i < hashes->count; i++)
        etl_buffer_add_format(json, "%s\"%.16s\"", i ? "," : "", hashes->items[i].text);
}

static void add_prior_ahead(struct etl_buffer *json, const struct sqlite_cursor *cursor)
{
    const char *separator = cursor->ahead.count ? "," : "";

    for (size_t i = 0; i < cursor->n_prior; i++) {
        if (!cursor->prior[i].is_ahead || cursor->prior[i].is_passed)
            continue;
        etl_buffer_add_format(json, "%s\"%.16s\"", separator, cursor->prior[i].hash.text);
        separator = ",";
    }
}

void sqlite_cursor_state(struct etl_reader *reader, bool *ret_any)
{
    const struct sqlite_cursor *cursor = reader->cursor;
    struct etl_buffer *json = &reader->state;

    *ret_any = true;
    etl_buffer_add_text(json, "{\"v\":1,\"mode\":\"cursor\",\"column\":");
    etl_json_add_string(json, cursor->column, strlen(cursor->column));
    etl_buffer_add_format(json, ",\"type\":\"%s\",\"value\":", class_names[cursor->class]);
    if (cursor->saved.storage) {
        add_value(&reader->shown, cursor, &cursor->saved);
        etl_json_add_string(json, reader->shown.data, reader->shown.length);
    } else {
        etl_buffer_add_text(json, "null");
    }
    if (cursor->exact) {
        add_list(json, "seen", &cursor->ties);
        etl_buffer_add_text(json, "]");
        add_list(json, "ahead", &cursor->ahead);
        add_prior_ahead(json, cursor);
        etl_buffer_add_text(json, "]");
    }
    etl_buffer_add_text(json, "}");
    if (reader->is_exhausted && !reader->has_row && cursor->rows_ahead)
        etl_log(reader->source->host, ETL_LOG_WARN,
                "table %s: %" PRIu64
                " rows have a value more than a day ahead in cursor column %s; they were read, and will be read "
                "again until that time has come",
                reader->table.name, cursor->rows_ahead, cursor->column);
}

/* ---- rows ---- */

bool sqlite_cursor_is_known(struct etl_reader *reader)
{
    struct sqlite_cursor *cursor = reader->cursor;
    struct hash hash;

    cursor->present = NULL;
    if (cursor->n_prior == 0)
        return false;
    hash = hash_row(reader);
    cursor->present = find_prior(cursor, &hash);
    if (cursor->present)
        cursor->present->is_used = true;
    return cursor->present != NULL;
}

static bool is_beyond_limit(const struct sqlite_cursor *cursor, const struct value *value)
{
    return cursor->limit.storage == value->storage && compare(value, &cursor->limit) > 0;
}

/* The present row has been appended, or is known: the saved value follows it. */
etl_status sqlite_cursor_advance(struct etl_reader *reader, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    struct prior *known = cursor->present;
    struct value value = {0};
    struct hash hash = {{0}};
    etl_status status = ETL_OK;
    int order = 1;

    cursor->present = NULL;
    if (!read_value(reader->rows, reader->extra, &value)) {
        status = etl_fail_memory(err);
        goto out;
    }
    if (cursor->exact)
        hash = hash_row(reader);
    if (is_beyond_limit(cursor, &value)) {
        cursor->rows_ahead += known == NULL;
        if (cursor->exact && !known)
            status = add_hash(reader, &cursor->ahead, &hash, err);
        goto out;
    }
    order = cursor->saved.storage ? compare(&value, &cursor->saved) : 1;
    if (order < 0) /* read again by lookback */
        goto out;
    if (known && known->is_ahead)
        known->is_passed = true;
    if (order > 0) {
        struct value former = cursor->saved;
        cursor->saved = value;
        value = former;
        cursor->ties.count = 0;
    }
    if (cursor->exact && (order > 0 || !known || known->is_ahead))
        status = add_hash(reader, &cursor->ties, &hash, err);
out:
    etl_buffer_fini(&value.text);
    return status;
}

/* ---- opening ---- */

static etl_status choose_class(struct etl_reader *reader, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    const struct sqlite_source_column *column = NULL;
    enum sqlite_affinity affinity = SQLITE_AFF_BLOB;

    for (size_t i = 0; i < reader->count; i++)
        if (strcmp(reader->columns[i].name, cursor->column) == 0)
            column = &reader->columns[i];
    if (!column)
        return etl_fail(err, ETL_NOT_FOUND, "table %s has no column %s, which is to be the cursor", reader->table.name,
                        cursor->column);
    affinity = sqlite_affinity_of(reader->table.columns[sqlite_table_find(&reader->table, cursor->column)].declared);
    cursor->is_utc = column->type.is_utc;
    switch (column->type.kind) {
    case ETL_KIND_INT:
    case ETL_KIND_DOUBLE: cursor->class = CURSOR_NUMBER; return ETL_OK;
    case ETL_KIND_DATE: cursor->class = CURSOR_DATE; return ETL_OK;
    case ETL_KIND_TIMESTAMP: cursor->class = CURSOR_TIME; return ETL_OK;
    case ETL_KIND_TIME:
    case ETL_KIND_UUID:
    case ETL_KIND_STRING: cursor->class = CURSOR_TEXT; return ETL_OK;
    case ETL_KIND_DECIMAL:
        cursor->class = CURSOR_NUMBER;
        if (affinity != SQLITE_AFF_TEXT && affinity != SQLITE_AFF_BLOB)
            return ETL_OK;
        break;
    case ETL_KIND_BOOL:
    case ETL_KIND_UINT:
    case ETL_KIND_JSON:
    case ETL_KIND_BINARY:
    case ETL_KIND_STRUCT:
    case ETL_KIND_LIST: break;
    }
    return etl_fail(err, ETL_CONFIG,
                    "table %s: column %s cannot be a cursor, because SQLite does not sort it by value: choose one "
                    "with integers, dates or timestamps",
                    reader->table.name, cursor->column);
}

static void set_limit(struct sqlite_cursor *cursor)
{
    char buffer[ETL_VALUE_TEXT_MAX];
    struct timespec now = {0, 0};
    int64_t us = 0;

    clock_gettime(CLOCK_REALTIME, &now);
    us = (int64_t)now.tv_sec * 1000000 + DAY_US;
    if (cursor->class == CURSOR_TIME) {
        cursor->limit.storage = SQLITE_INTEGER;
        cursor->limit.integer = us;
    } else if (cursor->class == CURSOR_DATE) {
        (void)set_text(&cursor->limit, buffer, etl_format_date(buffer, (int32_t)(us / DAY_US)));
    }
}

static etl_status copy_value(const struct value *from, struct value *to, struct etl_error *err)
{
    *to = (struct value){.storage = from->storage, .integer = from->integer, .real = from->real};
    if (from->storage == SQLITE_TEXT && !set_text(to, from->text.data ? from->text.data : "", from->text.length))
        return etl_fail_memory(err);
    return ETL_OK;
}

/* The inclusive bounds of this read; storage 0 where there is none. */
static etl_status find_bounds(struct etl_reader *reader, const struct etl_read_request *request, struct value *low,
                              struct value *high, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    etl_status status = ETL_OK;

    if (cursor->saved.storage) {
        ETL_TRY(copy_value(&cursor->saved, low, err));
        if (request->cursor_lookback > 0 && cursor->exact)
            status =
                etl_fail(err, ETL_CONFIG, "table %s: cursor_lookback reads rows again, so it needs upsert with a key",
                         reader->table.name);
        else if (!look_back(cursor, low, request->cursor_lookback))
            status = etl_fail(err, ETL_CONFIG,
                              "table %s: cursor_lookback needs a cursor column of numbers, dates or timestamps",
                              reader->table.name);
        ETL_TRY(status);
    } else if (*request->cursor_from && !parse_value(cursor, request->cursor_from, strlen(request->cursor_from), low)) {
        status = etl_fail(err, ETL_CONFIG, "table %s: cursor_from \"%s\" is not a %s", reader->table.name,
                          request->cursor_from, class_names[cursor->class]);
        goto out;
    }
    if (*request->cursor_until && !parse_value(cursor, request->cursor_until, strlen(request->cursor_until), high))
        status = etl_fail(err, ETL_CONFIG, "table %s: cursor_until \"%s\" is not a %s", reader->table.name,
                          request->cursor_until, class_names[cursor->class]);
out:
    return status;
}

/* The expression that is compared, also the first result column behind the reader's. */
static void add_expression(struct etl_buffer *sql, const struct sqlite_cursor *cursor)
{
    etl_buffer_add_text(sql, cursor->class == CURSOR_TIME ? "etlhost_time(" : "");
    sqlite_add_name(sql, cursor->column);
    if (cursor->class == CURSOR_TIME)
        etl_buffer_add_text(sql, ")");
    else if (cursor->class != CURSOR_NUMBER)
        etl_buffer_add_text(sql, " COLLATE BINARY");
}

/* What tells one row from another: the primary key, or all columns. */
static void add_identity(struct etl_buffer *sql, const struct etl_reader *reader)
{
    bool has_key = false;

    if (!reader->cursor->exact)
        return;
    for (size_t i = 0; i < reader->table.count; i++)
        has_key = has_key || reader->table.columns[i].key_position;
    for (size_t i = 0; i < reader->table.count; i++) {
        if (reader->table.columns[i].is_hidden || (has_key && !reader->table.columns[i].key_position))
            continue;
        etl_buffer_add_text(sql, ", ");
        sqlite_add_name(sql, reader->table.columns[i].name);
    }
}

/* SQLite sorts NULL before numbers before text before blobs: these bounds leave out values that are not of the class. */
static void add_class_bounds(struct etl_buffer *sql, const struct sqlite_cursor *cursor)
{
    add_expression(sql, cursor);
    if (cursor->class == CURSOR_NUMBER)
        etl_buffer_add_text(sql, " < ''");
    else if (cursor->class == CURSOR_TIME)
        etl_buffer_add_text(sql, " IS NOT NULL");
    else
        etl_buffer_add_text(sql, " BETWEEN '' AND x''"); /* no text sorts like an empty blob */
}

/* Text of the day before `low`: no text form of a later instant sorts before it, whatever its zone. */
static size_t format_floor(char *buffer, const struct value *low)
{
    int64_t days = low->integer / DAY_US - 2;

    return days < -719162 ? 0 : etl_format_date(buffer, (int32_t)days);
}

static etl_status prepare_rows(struct etl_reader *reader, const struct value *low, const struct value *high,
                               struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    char floor_text[ETL_VALUE_TEXT_MAX];
    struct etl_buffer sql = {0};
    etl_status status = ETL_OK;
    const char *text = NULL;

    sqlite_add_columns(&sql, reader);
    etl_buffer_add_text(&sql, ", ");
    add_expression(&sql, cursor);
    add_identity(&sql, reader);
    etl_buffer_add_text(&sql, " FROM ");
    sqlite_add_name(&sql, reader->table.name);
    etl_buffer_add_text(&sql, " WHERE ");
    add_class_bounds(&sql, cursor);
    if (low->storage) {
        etl_buffer_add_text(&sql, " AND ");
        add_expression(&sql, cursor);
        etl_buffer_add_text(&sql, " >= ?1");
    }
    if (low->storage && cursor->class == CURSOR_TIME) {
        etl_buffer_add_text(&sql, " AND ");
        sqlite_add_name(&sql, cursor->column);
        etl_buffer_add_text(&sql, " >= ?3");
    }
    if (high->storage) {
        etl_buffer_add_text(&sql, " AND ");
        add_expression(&sql, cursor);
        etl_buffer_add_text(&sql, " <= ?2");
    }
    etl_buffer_add_text(&sql, " ORDER BY ");
    add_expression(&sql, cursor);
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(&reader->db, text, &reader->rows, err));
    if (low->storage) {
        bind_value(reader->rows, 1, low);
        if (cursor->class == CURSOR_TIME)
            sqlite3_bind_text64(reader->rows, 3, floor_text, format_floor(floor_text, low), SQLITE_TRANSIENT,
                                SQLITE_UTF8);
    }
    if (high->storage)
        bind_value(reader->rows, 2, high);
out:
    etl_buffer_fini(&sql);
    return status;
}

/* Rows without a usable cursor value can never be read by it: the user should know. */
static etl_status count_skipped(struct etl_reader *reader, bool is_first, struct etl_error *err)
{
    struct sqlite_cursor *cursor = reader->cursor;
    int64_t column = sqlite_table_find(&reader->table, cursor->column);
    struct etl_buffer sql = {0};
    sqlite3_stmt *row = NULL;
    etl_status status = ETL_OK;
    const char *text = NULL;

    if (!is_first && reader->table.columns[column].not_null)
        return ETL_OK;
    etl_buffer_add_text(&sql, "SELECT count(*) FROM ");
    sqlite_add_name(&sql, reader->table.name);
    etl_buffer_add_text(&sql, " WHERE ");
    sqlite_add_name(&sql, cursor->column);
    etl_buffer_add_text(&sql, " IS NULL");
    if (is_first) { /* looks at every row, so only once */
        etl_buffer_add_text(&sql, " OR NOT (");
        add_class_bounds(&sql, cursor);
        etl_buffer_add_text(&sql, ")");
    }
    ETL_TRY(sqlite_text(&sql, &text, err));
    ETL_TRY(sqlite_prepare(&reader->db, text, &row, err));
    if (sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int64(row, 0) > 0)
        etl_log(reader->source->host, ETL_LOG_WARN,
                "table %s: %lld rows are skipped because cursor column %s is NULL or not a %s", reader->table.name,
                (long long)sqlite3_column_int64(row, 0), cursor->column, class_names[cursor->class]);
out:
    sqlite3_finalize(row);
    etl_buffer_fini(&sql);
    return status;
}

etl_status sqlite_cursor_open(struct etl_reader *reader, const struct etl_read_request *request, struct etl_error *err)
{
    struct value low = {0}, high = {0};
    etl_status status = ETL_OK;

    if (*request->slice)
        return etl_fail(err, ETL_UNSUPPORTED, "table %s: slices are for full reads", request->stream);
    reader->mode = SQLITE_BY_CURSOR;
    reader->cursor = calloc(1, sizeof *reader->cursor);
    if (!reader->cursor)
        return etl_fail_memory(err);
    reader->cursor->exact = (request->flags & ETL_READ_EXACT_TIES) != 0;
    ETL_TRY(sqlite_copy(request->cursor_column, &reader->cursor->column, err));
    ETL_TRY(choose_class(reader, err));
    sqlite_select_columns(reader, request);
    set_limit(reader->cursor);
    if (request->state)
        ETL_TRY(parse_state(reader, request, err));
    ETL_TRY(find_bounds(reader, request, &low, &high, err));
    ETL_TRY(prepare_rows(reader, &low, &high, err));
    ETL_TRY(count_skipped(reader, !reader->cursor->saved.storage, err));
out:
    etl_buffer_fini(&low.text);
    etl_buffer_fini(&high.text);
    return status;
}

void sqlite_cursor_free(struct sqlite_cursor *cursor)
{
    if (!cursor)
        return;
    etl_buffer_fini(&cursor->saved.text);
    etl_buffer_fini(&cursor->limit.text);
    free(cursor->ties.items);
    free(cursor->ahead.items);
    free(cursor->prior);
    free(cursor->column);
    free(cursor);
}
