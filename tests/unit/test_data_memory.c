/* Lets every single allocation of core/data fail once: each function must answer with an error, release what it was given and leak nothing. A plain
 * program, because it takes the place of malloc. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#include "core/data/batch.h"
#include "core/data/fit.h"
#include "core/data/schema_change.h"
#include "core/data/transform.h"

enum { SKIPPED = 77 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
int main(void)
{
    return SKIPPED;
}
#else

/* The libraries must find these, too. */
#pragma GCC visibility push(default)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void __libc_free(void *pointer);

/* volatile: the compiler takes it for granted that malloc changes no variable. */
static volatile long countdown = -1; /* of allocations until one fails; negative = never */
static volatile long live;

static int fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *malloc(size_t size)
{
    void *pointer = fails() ? NULL : __libc_malloc(size);
    live += pointer != NULL;
    return pointer;
}

void *calloc(size_t count, size_t size)
{
    void *pointer = fails() ? NULL : __libc_calloc(count, size);
    live += pointer != NULL;
    return pointer;
}

void *realloc(void *old, size_t size)
{
    void *pointer = fails() ? NULL : __libc_realloc(old, size);
    live += pointer != NULL && old == NULL;
    return pointer;
}

void *__libc_memalign(size_t alignment, size_t size);

void *aligned_alloc(size_t alignment, size_t size)
{
    void *pointer = fails() ? NULL : __libc_memalign(alignment, size);
    live += pointer != NULL;
    return pointer;
}

void free(void *pointer)
{
    live -= pointer != NULL;
    __libc_free(pointer);
}

#pragma GCC visibility pop

static struct ArrowSchema from, to;

static etl_status make_schemas(struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema item = {0}, list = {0}, nested = {0};
    struct etl_type text = {.kind = ETL_KIND_STRING};
    ETL_TRY(etl_schema_init_struct(&from, "", err));
    ETL_TRY(etl_schema_add_column(&from, "a", "l", NULL, err));
    ETL_TRY(etl_schema_add_column(&from, "b", "u", NULL, err));
    ETL_TRY(etl_schema_init_leaf(&item, "item", &text, err));
    ETL_TRY(etl_schema_init_list(&list, "l", &item, err));
    ETL_TRY(etl_schema_init_struct(&nested, "s", err));
    ETL_TRY(etl_schema_add(&nested, &list, err));
    ETL_TRY(etl_schema_add(&from, &nested, err));
    ETL_TRY(etl_schema_init_struct(&to, "", err));
    ETL_TRY(etl_schema_add_column(&to, "b", "l", NULL, err));
    ETL_TRY(etl_schema_add_column(&to, "a", "d:20,2", NULL, err));
    ETL_TRY(etl_schema_add_column(&to, "s", "u", "arrow.json", err));
    ETL_TRY(etl_schema_add_column(&to, "n", "tsu:UTC", NULL, err));
out:
    return status;
}

static etl_status make_batch(struct ArrowArray *ret_batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct etl_builder *builder = NULL;
    ETL_TRY(etl_builder_new(&from, &builder, err));
    for (int i = 0; i < 20; i++) {
        struct etl_column *nested = etl_builder_column(builder, 2);
        ETL_TRY(etl_append_int(etl_builder_column(builder, 0), i, err));
        ETL_TRY(etl_append_bytes(etl_builder_column(builder, 1), i % 5 ? "12" : "x", i % 5 ? 2 : 1, err));
        ETL_TRY(etl_append_bytes(etl_column_child(etl_column_child(nested, 0), 0), "y", 1, err));
        ETL_TRY(etl_append_list_end(etl_column_child(nested, 0), err));
        ETL_TRY(etl_append_struct_end(nested, err));
        ETL_TRY(etl_builder_end_row(builder, err));
    }
    ETL_TRY(etl_builder_finish(builder, ret_batch, err));
out:
    etl_builder_free(builder);
    return status;
}

static etl_status ignore(void *arg, const struct etl_view *incoming, int64_t row, const char *column,
                         const char *reason, struct etl_error *err)
{
    (void)arg, (void)incoming, (void)row, (void)column, (void)reason, (void)err;
    return ETL_OK;
}

static etl_status try_fit(struct ArrowArray *batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct fit *fit = NULL;
    int64_t rejected = 0;
    ETL_TRY(fit_new(&from, &to, &fit, err));
    ETL_TRY(fit_apply(fit, batch, ignore, NULL, &rejected, err));
out:
    fit_free(fit);
    return status;
}

static etl_status try_transform(struct ArrowArray *batch, struct etl_error *err)
{
    static const char *const no_keys[] = {NULL};
    static const struct column_rule rules[] = {
        {"b", "c", MASK_PARTIAL}, {"a", NULL, MASK_REDACT}, {"s", NULL, MASK_NULL}};
    struct transform_rules all = {.rules = rules, .rule_count = 3, .soft_delete = true, .name_max_bytes = 20};
    etl_status status = ETL_OK;
    struct transform *transform = NULL;
    char *map = NULL;
    ETL_TRY(transform_new(&from, &all, no_keys, "{\"s\":\"b_2\"}", &transform, &map, err));
    ETL_TRY(transform_apply(transform, batch, err));
out:
    transform_free(transform);
    free(map);
    return status;
}

static etl_status try_filter(struct ArrowArray *batch, struct etl_error *err)
{
    uint8_t keep[20] = {1, 0, 1};
    return batch_filter(&from, batch, keep, err);
}

static etl_status try_schemas(struct ArrowArray *batch, struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowSchema merged = {0}, back = {0};
    json_t *json = NULL;
    (void)batch;
    ETL_TRY(schema_agree(CONTRACT_EVOLVE, &from, &to, &merged, err));
    ETL_TRY(schema_to_json(&merged, &json, err));
    ETL_TRY(schema_from_json(json, &back, err));
out:
    json_decref(json);
    etl_schema_release(&merged);
    etl_schema_release(&back);
    return status;
}

/* Returns how many allocations have been made to fail, or -1. */
static int torture(const char *name, etl_status (*attempt)(struct ArrowArray *batch, struct etl_error *err))
{
    for (long n = 0; n < 100000; n++) {
        struct ArrowArray batch = {0};
        struct etl_error err;
        etl_error_init(&err);
        long before = live;
        if (make_batch(&batch, &err) != ETL_OK)
            return -1;
        countdown = n;
        etl_status status = attempt(&batch, &err);
        bool has_failed = countdown < 0;
        countdown = -1;
        etl_array_release(&batch);
        /* vasprintf gets by without the last of its allocations; jansson takes a lack of memory for bad JSON. */
        bool is_expected =
            has_failed ? status == ETL_NOMEM || status == ETL_OK || status == ETL_DATA : status == ETL_OK;
        if (live != before || !is_expected || (status != ETL_OK && !*err.message)) {
            fprintf(stderr, "%s: allocation %ld: %s, %ld left: %s\n", name, n, etl_status_name(status), live - before,
                    err.message);
            return -1;
        }
        if (!has_failed)
            return (int)n;
    }
    return -1;
}

int main(void)
{
    struct etl_error err;
    etl_error_init(&err);
    if (make_schemas(&err) != ETL_OK)
        return 1;
    json_decref(json_object()); /* seeds the hash function: kept for good */
    int failed = 0;
    failed += torture("fit", try_fit) < 1;
    failed += torture("transform", try_transform) < 1;
    failed += torture("filter", try_filter) < 1;
    failed += torture("schemas", try_schemas) < 1;
    etl_schema_release(&from);
    etl_schema_release(&to);
    return failed != 0;
}
#endif
