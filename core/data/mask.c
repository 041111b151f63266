/* Masks. A masked value is computed from the text form of the cell, so that a key hashes alike whether it arrives as a number or as text.
 * OpenSSL keeps the state of the key block in the context: re-initialising it without a key costs two SHA-256 blocks per value. */
#include "core/data/mask.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "core/data/array.h"

enum { HASH_BYTES = 32, HASH_TEXT = 64, REDACTED_LENGTH = 3, SHOWN_MAX = 4 };

struct mask_hasher {
    EVP_MAC *mac;
    EVP_MAC_CTX *context;
};

etl_status mask_hasher_new(const char *key, size_t length, struct mask_hasher **ret_hasher, struct etl_error *err)
{
    etl_status status = ETL_OK;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    struct mask_hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return etl_fail_memory(err);
    hasher->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hasher->context = hasher->mac ? EVP_MAC_CTX_new(hasher->mac) : NULL;
    if (!hasher->context || !EVP_MAC_init(hasher->context, (const unsigned char *)key, length, params))
        ETL_TRY(etl_fail(err, ETL_INTERNAL, "HMAC-SHA-256 is not available in this build of OpenSSL"));
    *ret_hasher = hasher;
    hasher = NULL;
out:
    mask_hasher_free(hasher);
    return status;
}

void mask_hasher_free(struct mask_hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MAC_CTX_free(hasher->context);
    EVP_MAC_free(hasher->mac);
    free(hasher);
}

static bool hash_value(struct mask_hasher *hasher, struct etl_bytes value, char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[HASH_BYTES];
    size_t length = 0;
    if (!EVP_MAC_init(hasher->context, NULL, 0, NULL) ||
        !EVP_MAC_update(hasher->context, (const unsigned char *)value.data, value.length) ||
        !EVP_MAC_final(hasher->context, hash, &length, sizeof hash))
        return false;
    for (int i = 0; i < HASH_BYTES; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return true;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Writes at most value.length bytes; returns how many. */
static size_t partial_value(struct etl_bytes value, char *text)
{
    size_t characters = 0, shown = 0, tail = value.length;
    for (size_t i = 0; i < value.length; i++)
        characters += !is_continuation(value.data[i]);
    shown = characters / 2 < SHOWN_MAX ? characters / 2 : SHOWN_MAX;
    for (size_t left = shown; left > 0 && tail > 0; left--) {
        tail--;
        while (tail > 0 && is_continuation(value.data[tail]))
            tail--;
    }
    memset(text, '*', characters - shown);
    memcpy(text + characters - shown, value.data + tail, value.length - tail);
    return characters - shown + value.length - tail;
}

/* Text form of a cell; points into the column or into `scratch`. data NULL when memory is out. */
static struct etl_bytes cell_text(const struct etl_view *column, int64_t row, struct etl_buffer *scratch)
{
    bool is_text = column->type.kind == ETL_KIND_STRING || column->type.kind == ETL_KIND_JSON ||
                   column->type.kind == ETL_KIND_UUID;
    if (is_text) {
        struct etl_bytes bytes = etl_view_bytes(column, row);
        return (struct etl_bytes){.data = bytes.length ? bytes.data : "", .length = bytes.length};
    }
    etl_buffer_reset(scratch);
    etl_text_add_cell(scratch, column, row);
    return (struct etl_bytes){.data = etl_buffer_text(scratch), .length = scratch->length};
}

struct masking {
    enum mask_kind kind;
    const struct etl_view *column;
    struct mask_hasher *hasher;
    struct etl_buffer *scratch;
    struct etl_buffer *payload;
};

static etl_status mask_cell(const struct masking *masking, int64_t row, struct etl_error *err)
{
    struct etl_bytes value = cell_text(masking->column, row, masking->scratch);
    char *to = value.data ? etl_buffer_reserve(masking->payload, value.length + HASH_TEXT) : NULL;
    if (!to)
        return etl_fail(err, ETL_NOMEM, "column %s: no memory for the masked values", masking->column->name);
    if (masking->kind == MASK_PARTIAL) {
        masking->payload->length += partial_value(value, to);
    } else {
        if (!hash_value(masking->hasher, value, to))
            return etl_fail(err, ETL_INTERNAL, "column %s: OpenSSL could not compute a hash", masking->column->name);
        masking->payload->length += HASH_TEXT;
    }
    return ETL_OK;
}

static etl_status mask_rows(const struct masking *masking, int32_t *offsets, struct etl_error *err)
{
    etl_status status = ETL_OK;
    offsets[0] = 0;
    for (int64_t row = 0; row < masking->column->length; row++) {
        if (etl_view_is_null(masking->column, row)) {
            /* nothing to add */
        } else if (masking->kind == MASK_REDACT) {
            etl_buffer_add(masking->payload, "***", REDACTED_LENGTH);
        } else {
            ETL_TRY(mask_cell(masking, row, err));
        }
        offsets[row + 1] = (int32_t)masking->payload->length;
    }
    if (masking->payload->failed)
        status = etl_fail_memory(err);
out:
    return status;
}

etl_status mask_column(enum mask_kind kind, const struct etl_view *column, const struct ArrowArray *array,
                       struct mask_hasher *hasher, struct etl_buffer *scratch, struct ArrowArray *ret_array,
                       struct etl_error *err)
{
    etl_status status = ETL_OK;
    struct ArrowArray masked = {0};
    struct etl_buffer payload = {.limit = INT32_MAX};
    struct masking masking = {
        .kind = kind, .column = column, .hasher = hasher, .scratch = scratch, .payload = &payload};
    int32_t *offsets = NULL;
    ETL_TRY(array_init(&masked, column->length, 3, 0, err));
    ETL_TRY(array_copy_validity(array, &masked, err));
    offsets = array_buffer(&masked, 1, ((size_t)column->length + 1) * sizeof *offsets, err);
    if (!offsets || !etl_buffer_reserve(&payload, (size_t)column->length * (kind == MASK_HASH ? HASH_TEXT : 4) + 1))
        ETL_TRY(etl_fail_memory(err));
    ETL_TRY(mask_rows(&masking, offsets, err));
    array_own(&masked, 2, payload.data);
    payload = (struct etl_buffer){0};
    etl_array_move(&masked, ret_array);
out:
    etl_buffer_fini(&payload);
    etl_array_release(&masked);
    return status;
}
