/* Export and import of pipelines as one JSON document. Export reads one snapshot; import is one transaction, so that a refused document
 * changes nothing. */
#include "core/state/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state/document.h"

#define DOCUMENT_VERSION 1
#define PATH_SIZE        160

/* ---- export ---- */

static etl_status append(json_t *list, json_t *item, struct etl_error *err)
{
    return json_array_append_new(list, item) == 0 ? ETL_OK : etl_fail_memory(err);
}

static etl_status emit_checkpoint(void *arg, const struct state_checkpoint *checkpoint)
{
    json_t *object = NULL;
    etl_status status = document_write(document_checkpoint, checkpoint, &object, NULL);
    return status == ETL_OK ? append(arg, object, NULL) : status;
}

static etl_status emit_letter(void *arg, const struct state_dead_letter *letter, uint64_t generation, bool is_staged)
{
    struct letter_record record = {.value = *letter, .generation = generation, .is_staged = is_staged};
    json_t *object = NULL;
    etl_status status = document_write(document_letter, &record, &object, NULL);
    return status == ETL_OK ? append(arg, object, NULL) : status;
}

static etl_status export_stream(struct state_store *store, const char *pipeline, char *stream, json_t *list,
                                struct etl_error *err)
{
    struct stream_record record = {.stream = stream};
    json_t *object = NULL;
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(stream_read(store, pipeline, stream, &found, &record.value, err));
    ETL_TRY(document_write(document_stream, &record, &object, err));
    ETL_TRY(append(list, object, err));
    ETL_TRY(
        checkpoint_each(store, pipeline, stream, false, emit_checkpoint, json_object_get(object, "checkpoints"), err));
    ETL_TRY(dead_letter_each(store, pipeline, stream, INT64_MIN, 0, true, emit_letter,
                             json_object_get(object, "dead_letters"), err));
out:
    state_stream_fini(&record.value);
    return status == ETL_NOMEM ? etl_fail_memory(err) : status;
}

static etl_status export_pipeline(struct state_store *store, char *pipeline, uint64_t epoch, json_t *list,
                                  struct etl_error *err)
{
    static const char sql[] =
        "SELECT stream FROM stream WHERE pipeline = ?1 UNION SELECT stream FROM checkpoint WHERE pipeline = ?1"
        " UNION SELECT stream FROM dead_letter WHERE pipeline = ?1 ORDER BY 1";
    struct pipeline_record record = {.pipeline = pipeline, .epoch = epoch};
    struct db_statement *row = NULL;
    json_t *object = NULL;
    bool more = false;
    etl_status status = ETL_OK;
    ETL_TRY(document_write(document_pipeline, &record, &object, err));
    ETL_TRY(append(list, object, err));
    ETL_TRY(db_query(store->db, sql, DB_VALUES(db_text(pipeline)), &row, err));
    for (;;) {
        char *stream = NULL;
        ETL_TRY(db_next(store->db, row, &more, err));
        if (!more)
            break;
        ETL_TRY(db_column_bytes(row, 0, &stream, NULL, err));
        status = export_stream(store, pipeline, stream, json_object_get(object, "streams"), err);
        free(stream);
        ETL_TRY(status);
    }
out:
    db_done(row);
    return status;
}

static etl_status export_all(struct state_store *store, const char *pipeline, json_t *list, struct etl_error *err)
{
    static const char sql[] =
        "SELECT n.pipeline, coalesce(l.epoch, 0) FROM (SELECT pipeline FROM lease UNION SELECT pipeline FROM stream "
        "UNION"
        " SELECT pipeline FROM checkpoint UNION SELECT pipeline FROM dead_letter) AS n LEFT JOIN lease AS l"
        " ON l.pipeline = n.pipeline WHERE ?1 = 0 OR n.pipeline = ?2 ORDER BY 1";
    struct db_statement *row = NULL;
    bool more = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql, DB_VALUES(db_number(pipeline != NULL), db_text(pipeline)), &row, err));
    for (;;) {
        char *name = NULL;
        ETL_TRY(db_next(store->db, row, &more, err));
        if (!more)
            break;
        ETL_TRY(db_column_bytes(row, 0, &name, NULL, err));
        status = export_pipeline(store, name, (uint64_t)db_column_number(row, 1), list, err);
        free(name);
        ETL_TRY(status);
    }
    if (pipeline != NULL && json_array_size(list) == 0)
        status = etl_fail(err, ETL_NOT_FOUND, "the state store knows no pipeline %s", pipeline);
out:
    db_done(row);
    return status;
}

etl_status state_export(struct state_store *store, const char *pipeline, json_t **ret_document, struct etl_error *err)
{
    json_t *document = json_pack("{s:i, s:[]}", "etlhost_state", DOCUMENT_VERSION, "pipelines");
    if (document == NULL)
        return etl_fail_memory(err);
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status == ETL_OK) {
        status = export_all(store, pipeline, json_object_get(document, "pipelines"), err);
        status = db_end(store->db, status, err);
    }
    if (status == ETL_OK)
        *ret_document = document;
    else
        json_decref(document);
    return status;
}

/* ---- import ---- */

/* Refuses a second item of the same name in one list. */
static etl_status add_name(json_t *names, const char *name, const char *path, struct etl_error *err)
{
    if (json_object_get(names, name) != NULL)
        return etl_fail(err, ETL_CONFIG, "state document: %s: \"%s\" is there twice", path, name);
    return json_object_set_new(names, name, json_true()) == 0 ? ETL_OK : etl_fail_memory(err);
}

/* Removes the store's line if the document's checkpoint is not older. */
static etl_status replace_line(struct state_store *store, const char *pipeline,
                               const struct state_checkpoint *checkpoint, const char *path, struct etl_error *err)
{
    static const char newest[] =
        "SELECT generation, seq FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3"
        " ORDER BY generation DESC, seq DESC LIMIT 1";
    static const char drop[] = "DELETE FROM checkpoint WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3";
    struct db_statement *row = NULL;
    bool found = false;
    uint64_t generation = 0, seq = 0;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, newest,
                     DB_VALUES(db_text(pipeline), db_text(checkpoint->stream), db_text(checkpoint->slice)), &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    if (!found)
        goto out;
    generation = (uint64_t)db_column_number(row, 0);
    seq = (uint64_t)db_column_number(row, 1);
    db_done(row);
    row = NULL;
    if (generation > checkpoint->generation || (generation == checkpoint->generation && seq > checkpoint->seq)) {
        status = etl_fail(
            err, ETL_CONFLICT,
            "state document: %s: pipeline %s, stream %s: the store holds a newer checkpoint (%llu, the document %llu)",
            path, pipeline, checkpoint->stream, (unsigned long long)seq, (unsigned long long)checkpoint->seq);
        goto out;
    }
    status = db_run(store->db, drop,
                    DB_VALUES(db_text(pipeline), db_text(checkpoint->stream), db_text(checkpoint->slice)), err);
out:
    db_done(row);
    return status;
}

struct import {
    struct state_store *store;
    const char *pipeline, *stream;
    int64_t last_letter; /* the newest one that was there before */
};

static etl_status import_checkpoint(const struct import *import, const json_t *object, json_t *names, const char *path,
                                    struct etl_error *err)
{
    struct state_checkpoint checkpoint = {0};
    etl_status status = ETL_OK;
    ETL_TRY(document_read(document_checkpoint, object, path, &checkpoint, err));
    checkpoint.stream = strdup(import->stream);
    if (checkpoint.stream == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    if (checkpoint.state_len > ETL_STATE_MAX_BYTES) {
        status =
            etl_fail(err, ETL_CONFIG, "state document: %s.state: is larger than %d bytes", path, ETL_STATE_MAX_BYTES);
        goto out;
    }
    ETL_TRY(add_name(names, checkpoint.slice, path, err));
    ETL_TRY(replace_line(import->store, import->pipeline, &checkpoint, path, err));
    ETL_TRY(checkpoint_write(import->store, import->pipeline, checkpoint.epoch, &checkpoint, err));
out:
    state_checkpoint_fini(&checkpoint);
    return status;
}

/* A letter that the store had before is not added again; two equal ones in the document are two letters. */
static etl_status has_letter(const struct import *import, const struct letter_record *letter, bool *ret_found,
                             struct etl_error *err)
{
    static const char sql[] =
        "SELECT 1 FROM dead_letter WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND seq = ?4 AND id <= ?5 AND"
        " generation = ?6 AND run_id = ?7 AND column_name = ?8 AND reason = ?9 AND location = ?10 AND record = ?11 AND"
        " created_at = ?12";
    const struct state_dead_letter *value = &letter->value;
    struct db_statement *row = NULL;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(import->store->db, sql,
                     DB_VALUES(db_text(import->pipeline), db_text(import->stream), db_text(value->slice),
                               db_number((int64_t)value->seq), db_number(import->last_letter),
                               db_number((int64_t)letter->generation), db_text(value->run_id), db_text(value->column),
                               db_text(value->reason), db_text(value->location),
                               db_bytes(value->record, value->record_len), db_number(value->created_at_us)),
                     &row, err));
    ETL_TRY(db_next(import->store->db, row, ret_found, err));
out:
    db_done(row);
    return status;
}

static etl_status import_letter(const struct import *import, const json_t *object, const char *path,
                                struct etl_error *err)
{
    struct letter_record letter = {0};
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(document_read(document_letter, object, path, &letter, err));
    letter.value.stream = strdup(import->stream);
    if (letter.value.stream == NULL) {
        status = etl_fail_memory(err);
        goto out;
    }
    ETL_TRY(has_letter(import, &letter, &found, err));
    if (!found)
        ETL_TRY(dead_letter_write(import->store, import->pipeline, letter.generation, letter.is_staged, &letter.value,
                                  err));
out:
    dead_letter_fini(&letter.value);
    return status;
}

/* The texts that hold JSON are JSON. */
static etl_status check_json(const char *text, json_type type, const char *path, const char *name,
                             struct etl_error *err)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool valid = value != NULL && json_typeof(value) == type;
    const char *key = NULL;
    json_t *item = NULL;
    size_t i = 0;
    if (valid && strcmp(name, "name_map") == 0)
        json_object_foreach(value, key, item) valid = valid && json_is_string(item);
    if (valid && type == JSON_ARRAY)
        json_array_foreach(value, i, item) valid = valid && json_is_string(item);
    json_decref(value);
    if (!valid)
        return etl_fail(err, ETL_CONFIG, "state document: %s.%s: must hold the text of a JSON %s", path, name,
                        type == JSON_ARRAY ? "array of strings" : "object");
    return ETL_OK;
}

static etl_status import_stream_row(const struct import *import, const struct state_stream *value, const char *path,
                                    struct etl_error *err)
{
    struct state_stream old = {0};
    bool found = false;
    etl_status status = ETL_OK;
    if (value->schema[0] != '\0')
        ETL_TRY(check_json(value->schema, JSON_OBJECT, path, "schema", err));
    ETL_TRY(check_json(value->name_map, JSON_OBJECT, path, "name_map", err));
    ETL_TRY(check_json(value->slices, JSON_ARRAY, path, "slices", err));
    ETL_TRY(stream_read(import->store, import->pipeline, import->stream, &found, &old, err));
    if (found && old.generation > value->generation) {
        status = etl_fail(
            err, ETL_CONFLICT,
            "state document: %s: pipeline %s, stream %s: the store holds a newer generation (%llu, the document %llu)",
            path, import->pipeline, import->stream, (unsigned long long)old.generation,
            (unsigned long long)value->generation);
        goto out;
    }
    ETL_TRY(stream_write(import->store, import->pipeline, import->stream, value, err));
out:
    state_stream_fini(&old);
    return status;
}

static etl_status import_lists(const struct import *import, const json_t *object, const char *path,
                               struct etl_error *err)
{
    etl_status status = ETL_OK;
    const json_t *list = json_object_get(object, "checkpoints");
    char item[PATH_SIZE];
    json_t *names = json_object();
    if (names == NULL)
        return etl_fail_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        snprintf(item, sizeof(item), "%.100s.checkpoints[%zu]", path, i);
        ETL_TRY(import_checkpoint(import, json_array_get(list, i), names, item, err));
    }
    list = json_object_get(object, "dead_letters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        snprintf(item, sizeof(item), "%.100s.dead_letters[%zu]", path, i);
        ETL_TRY(import_letter(import, json_array_get(list, i), item, err));
    }
out:
    json_decref(names);
    return status;
}

static etl_status import_stream(struct import *import, const json_t *object, json_t *names, const char *path,
                                struct etl_error *err)
{
    struct stream_record record = {0};
    etl_status status = ETL_OK;
    ETL_TRY(document_read(document_stream, object, path, &record, err));
    if (record.stream[0] == '\0') {
        status = etl_fail(err, ETL_CONFIG, "state document: %s.stream: must not be empty", path);
        goto out;
    }
    ETL_TRY(add_name(names, record.stream, path, err));
    import->stream = record.stream;
    ETL_TRY(import_stream_row(import, &record.value, path, err));
    ETL_TRY(import_lists(import, object, path, err));
out:
    state_stream_fini(&record.value);
    free(record.stream);
    return status;
}

/* The store must not know lines of the pipeline that the document lacks: they are newer than the document. */
static etl_status check_lines(const struct import *import, const json_t *streams, const char *path,
                              struct etl_error *err)
{
    static const char sql[] =
        "SELECT count(*) FROM (SELECT DISTINCT stream, slice FROM checkpoint WHERE pipeline = ?1)";
    struct db_statement *row = NULL;
    bool found = false;
    int64_t lines = 0;
    etl_status status = ETL_OK;
    for (size_t i = 0; i < json_array_size(streams); i++)
        lines += (int64_t)json_array_size(json_object_get(json_array_get(streams, i), "checkpoints"));
    ETL_TRY(db_query(import->store->db, sql, DB_VALUES(db_text(import->pipeline)), &row, err));
    ETL_TRY(db_next(import->store->db, row, &found, err));
    if (db_column_number(row, 0) != lines)
        status =
            etl_fail(err, ETL_CONFLICT,
                     "state document: %s: pipeline %s: the store holds checkpoints of streams that the document lacks",
                     path, import->pipeline);
out:
    db_done(row);
    return status;
}

static etl_status last_letter(struct state_store *store, int64_t *ret_id, struct etl_error *err)
{
    struct db_statement *row = NULL;
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, "SELECT coalesce(max(id), 0) FROM dead_letter", NULL, 0, &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    *ret_id = db_column_number(row, 0);
out:
    db_done(row);
    return status;
}

static etl_status import_pipeline(struct state_store *store, const json_t *object, json_t *names, const char *path,
                                  struct etl_error *err)
{
    struct pipeline_record record = {0};
    const json_t *streams = json_object_get(object, "streams");
    char item[PATH_SIZE];
    etl_status status = ETL_OK;
    json_t *stream_names = json_object();
    struct import import = {.store = store};
    if (stream_names == NULL)
        return etl_fail_memory(err);
    ETL_TRY(document_read(document_pipeline, object, path, &record, err));
    if (record.pipeline[0] == '\0') {
        status = etl_fail(err, ETL_CONFIG, "state document: %s.pipeline: must not be empty", path);
        goto out;
    }
    if (record.epoch > INT64_MAX / 2) {
        status = etl_fail(err, ETL_CONFIG, "state document: %s.epoch: is too large", path);
        goto out;
    }
    import.pipeline = record.pipeline;
    ETL_TRY(add_name(names, record.pipeline, path, err));
    ETL_TRY(last_letter(store, &import.last_letter, err));
    ETL_TRY(lease_claim(store, record.pipeline, record.epoch, err));
    for (size_t i = 0; i < json_array_size(streams); i++) {
        snprintf(item, sizeof(item), "%.100s.streams[%zu]", path, i);
        ETL_TRY(import_stream(&import, json_array_get(streams, i), stream_names, item, err));
    }
    ETL_TRY(check_lines(&import, streams, path, err));
out:
    json_decref(stream_names);
    free(record.pipeline);
    return status;
}

static etl_status check_envelope(const json_t *document, struct etl_error *err)
{
    const json_t *version = json_object_get(document, "etlhost_state");
    if (!json_is_object(document) || version == NULL)
        return etl_fail(err, ETL_CONFIG, "state document: must be an object with \"etlhost_state\": %d",
                        DOCUMENT_VERSION);
    if (!json_is_integer(version) || json_integer_value(version) != DOCUMENT_VERSION)
        return etl_fail(err, ETL_CONFIG, "state document: etlhost_state: this etlhost knows version %d only",
                        DOCUMENT_VERSION);
    if (!json_is_array(json_object_get(document, "pipelines")))
        return etl_fail(err, ETL_CONFIG, "state document: pipelines: must be an array");
    if (json_object_size(document) != 2)
        return etl_fail(err, ETL_CONFIG, "state document: must have the keys \"etlhost_state\" and \"pipelines\" only");
    return ETL_OK;
}

etl_status state_import(struct state_store *store, json_t *document, struct etl_error *err)
{
    const json_t *list = json_object_get(document, "pipelines");
    char item[PATH_SIZE];
    etl_status status = check_envelope(document, err);
    if (status != ETL_OK)
        return status;
    json_t *names = json_object();
    if (names == NULL)
        return etl_fail_memory(err);
    status = db_begin(store->db, DB_WRITE, err);
    if (status == ETL_OK) {
        for (size_t i = 0; i < json_array_size(list) && status == ETL_OK; i++) {
            snprintf(item, sizeof(item), "pipelines[%zu]", i);
            status = import_pipeline(store, json_array_get(list, i), names, item, err);
        }
        status = db_end(store->db, status, err);
    }
    json_decref(names);
    return status;
}
