#include "tests/unit/sdk_helpers.h"

#include <sqlite3.h>

static sqlite3 *db;
static const struct etl_commit_table *table;

static void setup(void)
{
    table = etl_commit_table(ETL_SQL_SQLITE);
    cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sqlite3_exec(db, table->create, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
}

static void teardown(void)
{
    sqlite3_close(db);
}

TestSuite(commit_table, .init = setup, .fini = teardown);

static sqlite3_stmt *prepare(const char *sql, const char *slice)
{
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_bind_text(statement, 1, "p", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, "s", -1, SQLITE_STATIC);
    if (slice)
        sqlite3_bind_text(statement, 3, slice, -1, SQLITE_STATIC);
    return statement;
}

/* "epoch seq generation is_final state", "none" without a row */
static const char *row_of(const char *sql, const char *slice)
{
    static char text[200];
    sqlite3_stmt *statement = prepare(sql, slice);
    snprintf(text, sizeof text, "none");
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const char *state = (const char *)sqlite3_column_blob(statement, 4);
        int is_null = sqlite3_column_type(statement, 4) == SQLITE_NULL;
        snprintf(text, sizeof text, "%d %d %d %d %.*s", sqlite3_column_int(statement, 0),
                 sqlite3_column_int(statement, 1), sqlite3_column_int(statement, 2), sqlite3_column_int(statement, 3),
                 is_null ? 4 : sqlite3_column_bytes(statement, 4),
                 is_null ? "NULL"
                 : state ? state
                         : "");
        cr_expect_eq(sqlite3_step(statement), SQLITE_DONE);
    }
    sqlite3_finalize(statement);
    return text;
}

static const char *newest(void)
{
    static char text[50];
    sqlite3_stmt *statement = prepare(table->newest, NULL);
    snprintf(text, sizeof text, "none");
    if (sqlite3_step(statement) == SQLITE_ROW)
        snprintf(text, sizeof text, "%d %d", sqlite3_column_int(statement, 0), sqlite3_column_int(statement, 1));
    sqlite3_finalize(statement);
    return text;
}

/* Rows changed. */
static int advance(const char *slice, int epoch, int previous, int seq, int generation, int is_final, const char *state)
{
    sqlite3_stmt *statement = prepare(table->advance, slice);
    sqlite3_bind_int(statement, 4, epoch);
    sqlite3_bind_int(statement, 5, previous);
    sqlite3_bind_int(statement, 6, seq);
    sqlite3_bind_int(statement, 7, generation);
    sqlite3_bind_int(statement, 8, is_final);
    sqlite3_bind_blob(statement, 9, state, (int)strlen(state), SQLITE_STATIC);
    sqlite3_bind_text(statement, 10, "run", -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 11, 10);
    sqlite3_bind_int64(statement, 12, INT64_C(1767225600000123));
    cr_assert_eq(sqlite3_step(statement), SQLITE_DONE, "%s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    return sqlite3_changes(db);
}

static int change(const char *sql, int generation)
{
    sqlite3_stmt *statement = prepare(sql, NULL);
    sqlite3_bind_int(statement, 3, generation);
    cr_assert_eq(sqlite3_step(statement), SQLITE_DONE, "%s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    return sqlite3_changes(db);
}

static void expect_text(const char *sql, const char *wanted)
{
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    cr_expect_str_eq((const char *)sqlite3_column_text(statement, 0), wanted);
    sqlite3_finalize(statement);
}

Test(commit_table, two_claimers_fence_each_other)
{
    cr_expect_str_eq(row_of(table->look, ""), "none");
    cr_expect_str_eq(newest(), "none");
    cr_expect_str_eq(row_of(table->claim, ""), "1 0 0 0 NULL");
    cr_expect_str_eq(newest(), "none", "a claim is no commit");
    cr_expect_eq(advance("", 1, 0, 1, 0, 1, "one"), 1);
    cr_expect_str_eq(newest(), "0 1");
    cr_expect_str_eq(row_of(table->claim, ""), "2 1 0 1 one");
    cr_expect_eq(advance("", 1, 1, 2, 0, 1, "late"), 0, "the first writer is fenced");
    cr_expect_eq(advance("", 2, 1, 2, 0, 1, ""), 1);
    cr_expect_eq(advance("", 2, 1, 2, 0, 1, "again"), 0, "a seq is used once");
    cr_expect_str_eq(row_of(table->look, ""), "2 2 0 1 ", "an empty state is a state");
    expect_text("SELECT committed_at || ' ' || rows || ' ' || run_id FROM " ETL_COMMIT_TABLE,
                "2026-01-01T00:00:00.000123Z 20 run");
}

Test(commit_table, lines_are_independent)
{
    row_of(table->claim, "a");
    row_of(table->claim, "b");
    cr_expect_eq(advance("a", 1, 0, 1, 0, 1, "A"), 1);
    cr_expect_eq(advance("b", 1, 0, 1, 0, 1, "B"), 1);
    cr_expect_str_eq(row_of(table->claim, "a"), "2 1 0 1 A");
    cr_expect_eq(advance("b", 1, 1, 2, 0, 1, "B2"), 1, "a claim of one slice leaves the other alone");
}

Test(commit_table, generations)
{
    row_of(table->claim, "a");
    row_of(table->claim, "b");
    row_of(table->claim, "gone");
    advance("a", 1, 0, 7, 0, 1, "A");
    advance("b", 1, 0, 7, 0, 1, "B");
    advance("gone", 1, 0, 7, 0, 1, "G");
    /* the writers of generation 1 */
    cr_expect_str_eq(row_of(table->claim, "a"), "2 7 0 1 A", "the old row stays until the first commit");
    row_of(table->claim, "b");
    cr_expect_str_eq(newest(), "0 1");
    cr_expect_eq(advance("a", 2, 7, 1, 1, 0, "A1"), 1);
    cr_expect_str_eq(newest(), "1 0");
    expect_text("SELECT rows FROM " ETL_COMMIT_TABLE " WHERE slice = 'a'", "10");
    cr_expect_eq(advance("gone", 1, 7, 8, 0, 1, "late"), 0, "no slice goes on with an older generation");
    /* killed and resumed */
    cr_expect_str_eq(row_of(table->claim, "a"), "3 1 1 0 A1");
    cr_expect_eq(advance("a", 3, 1, 2, 1, 0, "A2"), 1);
    cr_expect_eq(advance("b", 2, 7, 1, 1, 1, "B1"), 1);
    cr_expect_eq(change(table->finalize, 1), 2);
    cr_expect_eq(change(table->forget, 1), 1);
    cr_expect_str_eq(newest(), "1 1");
    cr_expect_str_eq(row_of(table->look, "gone"), "none");
    cr_expect_str_eq(row_of(table->look, "a"), "3 2 1 1 A2");
    cr_expect_eq(advance("gone", 1, 8, 9, 1, 1, "late"), 0, "a forgotten line is fenced");
}

/* The other dialect says the same: only placeholders, types and the time differ. */
Test(commit_table, postgresql_has_the_same_parameters)
{
    const struct etl_commit_table *other = etl_commit_table(ETL_SQL_POSTGRESQL);
    const char *const pairs[][2] = {{table->claim, other->claim},     {table->look, other->look},
                                    {table->advance, other->advance}, {table->newest, other->newest},
                                    {table->forget, other->forget},   {table->finalize, other->finalize}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (int parameter = 1; parameter <= 13; parameter++) {
            char sqlite_name[8], postgresql_name[8];
            snprintf(sqlite_name, sizeof sqlite_name, "?%d", parameter);
            snprintf(postgresql_name, sizeof postgresql_name, "$%d", parameter);
            cr_expect_eq(strstr(pairs[i][0], sqlite_name) != NULL, strstr(pairs[i][1], postgresql_name) != NULL, "%s",
                         pairs[i][1]);
        }
    }
}
