/* SQL text of the commit table. The two dialects differ in placeholders, types and the rendering of the time.
 *
 * A claim touches nothing but the epoch: until the first commit of a new generation the row keeps describing the old one. A commit
 * is fenced three times: by the epoch of its own row, by the seq it builds on, and by any slice of the stream that already
 * holds a newer generation. */
#include <etlhost/sdk/commit_table.h>

#define KEY     "pipeline, stream, slice"
#define COLUMNS "epoch, seq, generation, is_final, state"

static const struct etl_commit_table sqlite_table = {
    .create = "CREATE TABLE IF NOT EXISTS " ETL_COMMIT_TABLE " ("
              "pipeline TEXT NOT NULL, stream TEXT NOT NULL, slice TEXT NOT NULL, "
              "epoch INTEGER NOT NULL, seq INTEGER NOT NULL, generation INTEGER NOT NULL, is_final INTEGER NOT NULL, "
              "state BLOB, run_id TEXT, rows INTEGER NOT NULL, committed_at TEXT, "
              "PRIMARY KEY (" KEY "))",
    .claim = "INSERT INTO " ETL_COMMIT_TABLE " (" KEY ", epoch, seq, generation, is_final, rows) "
             "VALUES (?1, ?2, ?3, 1, 0, 0, 0, 0) "
             "ON CONFLICT (" KEY ") DO UPDATE SET epoch = epoch + 1 "
             "RETURNING " COLUMNS,
    .look = "SELECT " COLUMNS " FROM " ETL_COMMIT_TABLE " WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3",
    .advance = "UPDATE " ETL_COMMIT_TABLE " SET seq = ?6, "
               "rows = CASE WHEN generation = ?7 THEN rows ELSE 0 END + ?11, "
               "generation = ?7, is_final = ?8, state = ?9, run_id = ?10, "
               "committed_at = strftime('%Y-%m-%dT%H:%M:%S', ?12 / 1000000, 'unixepoch') || "
               "printf('.%06dZ', ?12 % 1000000) "
               "WHERE pipeline = ?1 AND stream = ?2 AND slice = ?3 AND epoch = ?4 AND seq = ?5 AND NOT EXISTS ("
               "SELECT 1 FROM " ETL_COMMIT_TABLE " AS other "
               "WHERE other.pipeline = ?1 AND other.stream = ?2 AND other.generation > ?7)",
    .newest = "SELECT generation, is_final FROM " ETL_COMMIT_TABLE
              " WHERE pipeline = ?1 AND stream = ?2 AND state IS NOT NULL "
              "ORDER BY generation DESC, is_final DESC LIMIT 1",
    .forget = "DELETE FROM " ETL_COMMIT_TABLE " WHERE pipeline = ?1 AND stream = ?2 AND generation < ?3",
    .finalize = "UPDATE " ETL_COMMIT_TABLE " SET is_final = 1 "
                "WHERE pipeline = ?1 AND stream = ?2 AND generation = ?3 AND state IS NOT NULL",
};

static const struct etl_commit_table postgresql_table = {
    .create = "CREATE TABLE IF NOT EXISTS " ETL_COMMIT_TABLE " ("
              "pipeline text NOT NULL, stream text NOT NULL, slice text NOT NULL, "
              "epoch bigint NOT NULL, seq bigint NOT NULL, generation bigint NOT NULL, is_final smallint NOT NULL, "
              "state bytea, run_id text, rows bigint NOT NULL, committed_at timestamptz, "
              "PRIMARY KEY (" KEY "))",
    .claim = "INSERT INTO " ETL_COMMIT_TABLE " (" KEY ", epoch, seq, generation, is_final, rows) "
             "VALUES ($1, $2, $3, 1, 0, 0, 0, 0) "
             "ON CONFLICT (" KEY ") DO UPDATE SET epoch = " ETL_COMMIT_TABLE ".epoch + 1 "
             "RETURNING " COLUMNS,
    .look = "SELECT " COLUMNS " FROM " ETL_COMMIT_TABLE " WHERE pipeline = $1 AND stream = $2 AND slice = $3",
    .advance = "UPDATE " ETL_COMMIT_TABLE " SET seq = $6::bigint, "
               "rows = CASE WHEN generation = $7::bigint THEN rows ELSE 0 END + $11::bigint, "
               "generation = $7::bigint, is_final = $8::smallint, state = $9::bytea, run_id = $10::text, "
               "committed_at = timestamptz 'epoch' + $12::bigint * interval '1 microsecond' "
               "WHERE pipeline = $1 AND stream = $2 AND slice = $3 AND epoch = $4::bigint AND seq = $5::bigint "
               "AND NOT EXISTS (SELECT 1 FROM " ETL_COMMIT_TABLE " AS other "
               "WHERE other.pipeline = $1 AND other.stream = $2 AND other.generation > $7::bigint)",
    .newest = "SELECT generation, is_final FROM " ETL_COMMIT_TABLE
              " WHERE pipeline = $1 AND stream = $2 AND state IS NOT NULL "
              "ORDER BY generation DESC, is_final DESC LIMIT 1",
    .forget = "DELETE FROM " ETL_COMMIT_TABLE " WHERE pipeline = $1 AND stream = $2 AND generation < $3::bigint",
    .finalize = "UPDATE " ETL_COMMIT_TABLE " SET is_final = 1 "
                "WHERE pipeline = $1 AND stream = $2 AND generation = $3::bigint AND state IS NOT NULL",
};

const struct etl_commit_table *etl_commit_table(enum etl_sql_dialect dialect)
{
    return dialect == ETL_SQL_POSTGRESQL ? &postgresql_table : &sqlite_table;
}
