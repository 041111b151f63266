/* Which columns a stream has. After the key they go round the cycle below; the second round has the names with _2 and so on. */
#include "plugins/synth/synth.h"

#include <stdio.h>

enum { CYCLE = 11 };

static const struct {
    const char *name, *format;
} kinds[SYNTH_KINDS] = {
    [SYNTH_ID] = {"id", "u"},
    [SYNTH_CUSTOMER] = {"customer_id", "l"},
    [SYNTH_AMOUNT] = {"amount", "d:18,2"},
    [SYNTH_CREATED] = {"created_at", "tsu:UTC"},
    [SYNTH_RATE] = {"rate", "g"},
    [SYNTH_UPDATED] = {"updated_at", "tsu:UTC"},
    [SYNTH_VERSION] = {"version", "i"},
    [SYNTH_OP] = {"_op", "C"},
    [SYNTH_PAID] = {"paid", "b"},
    [SYNTH_STATUS] = {"status", "u"},
    [SYNTH_CURRENCY] = {"currency", "u"},
    [SYNTH_DUE] = {"due_on", "tdD"},
    [SYNTH_NAME] = {"name", "u"},
    [SYNTH_ADDRESS] = {"address", "+s"},
    [SYNTH_ITEMS] = {"items", "+l"},
    [SYNTH_METADATA] = {"metadata", "u"},
};

static const enum synth_kind flat[CYCLE] = {SYNTH_CUSTOMER, SYNTH_AMOUNT, SYNTH_CREATED, SYNTH_PAID,
                                            SYNTH_STATUS,   SYNTH_RATE,   SYNTH_UPDATED, SYNTH_VERSION,
                                            SYNTH_CURRENCY, SYNTH_DUE,    SYNTH_NAME};
static const enum synth_kind nested[CYCLE] = {SYNTH_CUSTOMER, SYNTH_AMOUNT, SYNTH_CREATED, SYNTH_PAID,
                                              SYNTH_STATUS,   SYNTH_RATE,   SYNTH_UPDATED, SYNTH_VERSION,
                                              SYNTH_ADDRESS,  SYNTH_ITEMS,  SYNTH_METADATA};

uint64_t synth_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

struct synth_column synth_column_at(const struct synth_settings *settings, int64_t stream, int64_t index)
{
    struct synth_column column = {.kind = SYNTH_ID};
    if (index == settings->columns)
        column = (struct synth_column){.kind = SYNTH_NAME, .is_extra = true};
    else if (index > settings->columns)
        column.kind = SYNTH_OP;
    else if (index > 0)
        column.kind = (settings->nested ? nested : flat)[(index - 1) % CYCLE];
    column.salt = synth_mix((uint64_t)settings->seed ^ synth_mix((uint64_t)stream << 20 ^ (uint64_t)index));
    return column;
}

size_t synth_width(enum synth_kind kind)
{
    switch (kind) {
    case SYNTH_ID: return SYNTH_ID_LENGTH;
    case SYNTH_AMOUNT: return 16;
    case SYNTH_VERSION: return 4;
    case SYNTH_CUSTOMER:
    case SYNTH_CREATED:
    case SYNTH_RATE:
    case SYNTH_UPDATED: return 8;
    case SYNTH_OP:
    case SYNTH_PAID:
    case SYNTH_STATUS:
    case SYNTH_CURRENCY:
    case SYNTH_DUE:
    case SYNTH_NAME:
    case SYNTH_ADDRESS:
    case SYNTH_ITEMS:
    case SYNTH_METADATA:
    case SYNTH_KINDS: break;
    }
    return 0;
}

static etl_status add_address(struct ArrowSchema *root, const char *name, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema address = {0};
    ETL_TRY(etl_schema_init_struct(&address, name, err));
    address.flags |= ARROW_FLAG_NULLABLE;
    ETL_TRY(etl_schema_add_column(&address, "city", "u", NULL, err));
    ETL_TRY(etl_schema_add_column(&address, "number", "l", NULL, err));
    ETL_TRY(etl_schema_add(root, &address, err));
out:
    etl_schema_release(&address);
    return status;
}

static etl_status add_items(struct ArrowSchema *root, const char *name, struct etl_error *err)
{
    static const struct etl_type text = {.kind = ETL_KIND_STRING};
    etl_status status = ETL_OK;
    struct ArrowSchema item = {0}, items = {0};
    ETL_TRY(etl_schema_init_leaf(&item, "item", &text, err));
    ETL_TRY(etl_schema_init_list(&items, name, &item, err));
    items.flags |= ARROW_FLAG_NULLABLE;
    ETL_TRY(etl_schema_add(root, &items, err));
out:
    return status;
}

static etl_status add_required(struct ArrowSchema *root, const char *name, const char *format, struct etl_error *err)
{
    etl_status status = ETL_OK;
    ETL_TRY(etl_schema_add_column(root, name, format, NULL, err));
    root->children[root->n_children - 1]->flags &= ~(int64_t)ARROW_FLAG_NULLABLE;
out:
    return status;
}

etl_status synth_add_column(struct ArrowSchema *root, const struct synth_settings *settings, int64_t index,
                            struct etl_error *err)
{
    struct synth_column column = synth_column_at(settings, 0, index);
    int64_t round = index > 0 && !column.is_extra ? (index - 1) / CYCLE : 0;
    char name[40];
    if (column.is_extra)
        snprintf(name, sizeof name, "extra");
    else if (round > 0 && column.kind != SYNTH_OP)
        snprintf(name, sizeof name, "%s_%d", kinds[column.kind].name, (int)round + 1);
    else
        snprintf(name, sizeof name, "%s", kinds[column.kind].name);
    if (column.kind == SYNTH_ADDRESS)
        return add_address(root, name, err);
    if (column.kind == SYNTH_ITEMS)
        return add_items(root, name, err);
    if (column.kind == SYNTH_ID || column.kind == SYNTH_OP)
        return add_required(root, name, kinds[column.kind].format, err);
    return etl_schema_add_column(root, name, kinds[column.kind].format,
                                 column.kind == SYNTH_METADATA ? "arrow.json" : NULL, err);
}
