/* The blocks: columns of words, flags and nested values that are built once per reader and then shared by all its batches. Element i of a block is
 * a function of the seed, the kind and i modulo SYNTH_BLOCK_ROWS, so that a batch from any key is one slice. */
#include "plugins/synth/synth.h"

#include <stdio.h>
#include <string.h>

#include <etlhost/sdk/batch_builder.h>

static const char *const statuses[] = {"created",   "pending",  "paid",   "shipped",
                                       "delivered", "refunded", "failed", "canceled"};
static const char *const currencies[] = {"EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "BRL"};
static const char *const first_names[] = {
    "Ada",         "Bj\303\266rn", "Chlo\303\251", "Dmitri", "Elif", "Fatima", "Gon\303\247alo", "Hana",
    "In\303\251s", "Jo\303\243o",  "Kofi",         "Lucia",  "Mei",  "Noah",   "Oluwaseun",      "Zo\303\253"};
static const char *const last_names[] = {
    "Almeida", "Brown",  "Chen",     "Dubois",       "Eriksson",      "Fischer", "Garc\303\255a", "Haddad",
    "Ivanova", "Jensen", "Kowalski", "L\303\263pez", "M\303\274ller", "Nguyen",  "O'Brien",       "\346\235\216"};
static const char *const cities[] = {"Berlin", "Lyon", "Porto", "Osaka", "Lagos", "Lima", "Austin", "Malm\303\266"};
static const char *const products[] = {"lamp", "desk", "chair", "rug", "shelf", "clock", "vase", "mug"};

static etl_status append_word(struct etl_column *column, const char *word, struct etl_error *err)
{
    return etl_append_bytes(column, word, strlen(word), err);
}

static etl_status append_name(struct etl_column *column, uint64_t bits, struct etl_error *err)
{
    char text[64];
    snprintf(text, sizeof text, "%s %s", first_names[bits & 15], last_names[bits >> 4 & 15]);
    return append_word(column, text, err);
}

static etl_status append_address(struct etl_column *column, uint64_t bits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(append_word(etl_column_child(column, 0), cities[bits & 7], err));
    ETL_TRY(etl_append_int(etl_column_child(column, 1), (int64_t)(bits >> 3 & 1023), err));
    ETL_TRY(etl_append_struct_end(column, err));
out:
    return status;
}

static etl_status append_items(struct etl_column *column, uint64_t bits, struct etl_error *err)
{
    etl_status status = ETL_OK;
    for (uint64_t count = bits & 3; count > 0; count--)
        ETL_TRY(append_word(etl_column_child(column, 0), products[bits >> (2 + 3 * count) & 7], err));
    ETL_TRY(etl_append_list_end(column, err));
out:
    return status;
}

static etl_status append_metadata(struct etl_column *column, uint64_t bits, struct etl_error *err)
{
    char text[96];
    snprintf(text, sizeof text, "{\"channel\":\"%s\",\"attempts\":%u,\"tags\":[\"%s\"]}", bits & 1 ? "web" : "app",
             (unsigned)(bits >> 1 & 7), products[bits >> 4 & 7]);
    return append_word(column, text, err);
}

static etl_status append_value(struct etl_column *column, enum synth_kind kind, uint64_t bits, struct etl_error *err)
{
    switch (kind) {
    case SYNTH_PAID: return etl_append_bool(column, bits & 1, err);
    case SYNTH_STATUS: return append_word(column, statuses[bits & 7], err);
    case SYNTH_CURRENCY: return append_word(column, currencies[bits & 7], err);
    case SYNTH_DUE: return etl_append_int(column, 18262 + (int64_t)(bits & 4095), err); /* from 2020 on */
    case SYNTH_NAME: return append_name(column, bits, err);
    case SYNTH_ADDRESS: return append_address(column, bits, err);
    case SYNTH_ITEMS: return append_items(column, bits, err);
    case SYNTH_METADATA: return append_metadata(column, bits, err);
    case SYNTH_ID:
    case SYNTH_CUSTOMER:
    case SYNTH_AMOUNT:
    case SYNTH_CREATED:
    case SYNTH_RATE:
    case SYNTH_UPDATED:
    case SYNTH_VERSION:
    case SYNTH_OP:
    case SYNTH_KINDS: break;
    }
    return etl_fail(err, ETL_INTERNAL, "column kind %d has no block", (int)kind);
}

/* The index of a column of that kind in a stream that has it: the schema comes from where the stream's does. */
static etl_status block_schema(enum synth_kind kind, struct ArrowSchema *ret_schema, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct synth_settings settings = {.columns = 12, .nested = kind >= SYNTH_ADDRESS};
    int64_t index = 0;
    while (index < settings.columns && synth_column_at(&settings, 0, index).kind != kind)
        index++;
    ETL_TRY(etl_schema_init_struct(ret_schema, "", err));
    ETL_TRY(synth_add_column(ret_schema, &settings, index, err));
out:
    if (status != ETL_OK)
        etl_schema_release(ret_schema);
    return status;
}

etl_status synth_block_build(enum synth_kind kind, uint64_t seed, int64_t null_percent, struct ArrowArray *ret_block,
                             struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema schema = {0};
    struct ArrowArray root = {0};
    struct etl_builder *builder = NULL;
    ETL_TRY(block_schema(kind, &schema, err));
    ETL_TRY(etl_builder_new(&schema, &builder, err));
    for (int64_t i = 0; i < SYNTH_BLOCK_ROWS + SYNTH_BATCH_MAX; i++) {
        uint64_t bits = synth_mix(seed ^ synth_mix((uint64_t)(i % SYNTH_BLOCK_ROWS) << 8 | (uint64_t)kind));
        if ((int64_t)((bits >> 40) % 100) < null_percent)
            ETL_TRY(etl_append_null(etl_builder_column(builder, 0), err));
        else
            ETL_TRY(append_value(etl_builder_column(builder, 0), kind, bits, err));
        ETL_TRY(etl_builder_end_row(builder, err));
    }
    ETL_TRY(etl_builder_finish(builder, &root, err));
    etl_array_move(root.children[0], ret_block);
out:
    etl_array_release(&root);
    etl_builder_free(builder);
    etl_schema_release(&schema);
    return status;
}
