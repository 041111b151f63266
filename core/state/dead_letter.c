/* Dead letters: records set aside, stored before the unit they belong to commits (staged) and counted once its checkpoint is saved. A crash in
 * between leaves staged letters, which the next run settles after it has learnt whether the unit happened. */
#include "core/state/internal.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                                        \
    "id, pipeline, stream, slice, run_id, seq, column_name, reason, location, record, is_json, created_at, "           \
    "generation, is_staged"

etl_status dead_letter_write(struct state_store *store, const char *pipeline, uint64_t generation, bool is_staged,
                             const struct state_dead_letter *letter, struct etl_error *err)
{
    static const char sql[] =
        "INSERT INTO dead_letter(pipeline, stream, slice, generation, seq, is_staged, run_id, column_name, reason, "
        "location,"
        " record, is_json, created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    if (letter->seq > INT64_MAX || generation > INT64_MAX)
        return etl_fail(err, ETL_MISUSE, "state store: a number of a dead letter is out of range");
    return db_run(store->db, sql,
                  DB_VALUES(db_text(pipeline), db_text(letter->stream), db_text(letter->slice),
                            db_number((int64_t)generation), db_number((int64_t)letter->seq), db_number(is_staged),
                            db_text(letter->run_id), db_text(letter->column), db_text(letter->reason),
                            db_text(letter->location), db_bytes(letter->record, letter->record_len),
                            db_number(letter->is_json), db_number(letter->created_at_us)),
                  err);
}

static etl_status current_generation(struct state_store *store, const char *pipeline, const char *stream,
                                     uint64_t *ret_generation, struct etl_error *err)
{
    struct db_statement *row = NULL;
    bool found = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, "SELECT generation FROM stream WHERE pipeline = ?1 AND stream = ?2",
                     DB_VALUES(db_text(pipeline), db_text(stream)), &row, err));
    ETL_TRY(db_next(store->db, row, &found, err));
    *ret_generation = found ? (uint64_t)db_column_number(row, 0) : 0;
out:
    db_done(row);
    return status;
}

etl_status state_dead_letter_add(struct state_store *store, const struct state_lease *lease,
                                 const struct state_dead_letter *letters, size_t count, struct etl_error *err)
{
    uint64_t generation = 0;
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(lease_check(store, lease, err));
    for (size_t i = 0; i < count; i++) {
        ETL_TRY(current_generation(store, lease->pipeline, letters[i].stream, &generation, err));
        ETL_TRY(dead_letter_write(store, lease->pipeline, generation, true, &letters[i], err));
    }
out:
    return db_end(store->db, status, err);
}

etl_status state_dead_letter_settle(struct state_store *store, const struct state_lease *lease, const char *stream,
                                    const char *slice, uint64_t committed_seq, struct etl_error *err)
{
    static const char drop[] =
        "DELETE FROM dead_letter WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND seq > ?4 AND"
        " is_staged = 1";
    static const char keep[] =
        "UPDATE dead_letter SET is_staged = 0 WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND"
        " is_staged = 1";
    int64_t seq = committed_seq > INT64_MAX ? INT64_MAX : (int64_t)committed_seq;
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    ETL_TRY(lease_check(store, lease, err));
    ETL_TRY(db_run(store->db, drop,
                   DB_VALUES(db_text(lease->pipeline), db_text(stream), db_text(slice), db_number(seq)), err));
    ETL_TRY(db_run(store->db, keep, DB_VALUES(db_text(lease->pipeline), db_text(stream), db_text(slice)), err));
out:
    return db_end(store->db, status, err);
}

void dead_letter_fini(struct state_dead_letter *letter)
{
    free(letter->pipeline);
    free(letter->stream);
    free(letter->slice);
    free(letter->run_id);
    free(letter->column);
    free(letter->reason);
    free(letter->location);
    free(letter->record);
}

static etl_status read_letter(struct db_statement *row, struct state_dead_letter *letter, struct etl_error *err)
{
    etl_status status = ETL_OK;
    letter->id = db_column_number(row, 0);
    ETL_TRY(db_column_bytes(row, 1, &letter->pipeline, NULL, err));
    ETL_TRY(db_column_bytes(row, 2, &letter->stream, NULL, err));
    ETL_TRY(db_column_bytes(row, 3, &letter->slice, NULL, err));
    ETL_TRY(db_column_bytes(row, 4, &letter->run_id, NULL, err));
    letter->seq = (uint64_t)db_column_number(row, 5);
    ETL_TRY(db_column_bytes(row, 6, &letter->column, NULL, err));
    ETL_TRY(db_column_bytes(row, 7, &letter->reason, NULL, err));
    ETL_TRY(db_column_bytes(row, 8, &letter->location, NULL, err));
    ETL_TRY(db_column_bytes(row, 9, &letter->record, &letter->record_len, err));
    letter->is_json = db_column_number(row, 10) != 0;
    letter->created_at_us = db_column_number(row, 11);
out:
    return status;
}

etl_status dead_letter_each(struct state_store *store, const char *pipeline, const char *stream, int64_t after_id,
                            uint64_t limit, bool staged, dead_letter_emit emit, void *arg, struct etl_error *err)
{
    static const char sql[] =
        "SELECT " COLUMNS
        " FROM dead_letter WHERE id > ?1 AND (?7 = 0 OR pipeline = ?2) AND (?3 = 0 OR stream = ?4) AND"
        " (is_staged = 0 OR ?6 = 1) ORDER BY id LIMIT ?5";
    struct db_statement *row = NULL;
    bool more = false;
    etl_status status = ETL_OK;
    ETL_TRY(db_query(store->db, sql,
                     DB_VALUES(db_number(after_id), db_text(pipeline), db_number(stream != NULL), db_text(stream),
                               db_number(limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit), db_number(staged),
                               db_number(pipeline != NULL)),
                     &row, err));
    for (;;) {
        struct state_dead_letter letter = {0};
        ETL_TRY(db_next(store->db, row, &more, err));
        if (!more)
            break;
        status = read_letter(row, &letter, err);
        if (status == ETL_OK)
            status = emit(arg, &letter, (uint64_t)db_column_number(row, 12), db_column_number(row, 13) != 0);
        dead_letter_fini(&letter);
        ETL_TRY(status);
    }
out:
    db_done(row);
    return status;
}

struct plain_emit {
    state_emit_dead_letter emit;
    void *arg;
};

static etl_status emit_plain(void *arg, const struct state_dead_letter *letter, uint64_t generation, bool is_staged)
{
    const struct plain_emit *plain = arg;
    (void)generation;
    (void)is_staged;
    return plain->emit(plain->arg, letter);
}

etl_status state_dead_letter_list(struct state_store *store, const char *pipeline, const char *stream, int64_t after_id,
                                  uint64_t limit, state_emit_dead_letter emit, void *arg, struct etl_error *err)
{
    struct plain_emit plain = {.emit = emit, .arg = arg};
    etl_status status = db_begin(store->db, DB_READ, err);
    if (status != ETL_OK)
        return status;
    status = dead_letter_each(store, pipeline, stream, after_id, limit, false, emit_plain, &plain, err);
    return db_end(store->db, status, err);
}

etl_status state_dead_letter_delete(struct state_store *store, const char *pipeline, const int64_t *ids, size_t count,
                                    struct etl_error *err)
{
    etl_status status = db_begin(store->db, DB_WRITE, err);
    if (status != ETL_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        ETL_TRY(db_run(store->db, "DELETE FROM dead_letter WHERE id = ?1 AND pipeline = ?2",
                       DB_VALUES(db_number(ids[i]), db_text(pipeline)), err));
out:
    return db_end(store->db, status, err);
}
