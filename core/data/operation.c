/* From words to operations. Exports of Debezium (c, r, u, d), of databases (INSERT, UPDATE, DELETE) and soft-delete flags are understood. */
#include "core/data/operation.h"

#include "core/data/array.h"
#include <strings.h>

static const struct {
    const char *word;
    uint8_t operation;
} words[] = {
    {"c", ETL_OP_UPSERT},      {"i", ETL_OP_UPSERT},      {"r", ETL_OP_UPSERT},       {"u", ETL_OP_UPSERT},
    {"d", ETL_OP_DELETE},      {"insert", ETL_OP_UPSERT}, {"create", ETL_OP_UPSERT},  {"update", ETL_OP_UPSERT},
    {"upsert", ETL_OP_UPSERT}, {"delete", ETL_OP_DELETE}, {"deleted", ETL_OP_DELETE},
};

static bool from_word(struct etl_bytes text, uint8_t *ret_operation)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].word) == text.length && strncasecmp(words[i].word, text.data, text.length) == 0) {
            *ret_operation = words[i].operation;
            return true;
        }
    return false;
}

etl_status operation_check_type(const struct etl_view *column, struct etl_error *err)
{
    char name[ETL_TYPE_NAME_MAX];
    if (column->type.kind == ETL_KIND_STRING || column->type.kind == ETL_KIND_BOOL)
        return ETL_OK;
    return etl_fail(err, ETL_CONFIG,
                    "operation column %s is %s; it must hold text (insert, update, delete) or booleans", column->name,
                    etl_type_name(&column->type, name));
}

static etl_status fill(const struct etl_view *column, int64_t rows, uint8_t *operations, struct etl_error *err)
{
    bool is_text = column->type.kind == ETL_KIND_STRING;
    for (int64_t row = 0; row < rows; row++) {
        operations[row] = ETL_OP_UPSERT;
        if (etl_view_is_null(column, row))
            continue;
        if (!is_text) {
            operations[row] = etl_view_bool(column, row) ? ETL_OP_DELETE : ETL_OP_UPSERT;
        } else if (!from_word(etl_view_bytes(column, row), &operations[row])) {
            struct etl_bytes text = etl_view_bytes(column, row);
            return etl_fail(err, ETL_DATA,
                            "operation column %s: \"%.*s\" is none of c, i, r, u, d, insert, create, update, upsert, "
                            "delete, deleted",
                            column->name, (int)(text.length < 40 ? text.length : 40), text.data);
        }
    }
    return ETL_OK;
}

etl_status operation_make(const struct etl_view *column, int64_t rows, struct ArrowArray *ret_array,
                          struct etl_error *err)
{
    struct ArrowArray array = {0};
    uint8_t *operations = NULL;
    etl_status status = ETL_OK;
    ETL_TRY(array_init(&array, rows, 2, 0, err));
    operations = array_buffer(&array, 1, rows ? (size_t)rows : 1, err);
    if (!operations) {
        status = ETL_NOMEM;
        goto out;
    }
    if (column)
        ETL_TRY(fill(column, rows, operations, err));
    else
        memset(operations, ETL_OP_UPSERT, (size_t)rows);
    etl_array_move(&array, ret_array);
out:
    etl_array_release(&array);
    return status;
}
