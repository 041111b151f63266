/* The splitter against libcsv: the same records from the same bytes, whether all of them are there or only a beginning. The first byte
 * chooses the dialect. Also runs the decoders, whose counting of bytes must agree with what they were given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/csv/csv_text.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void compare(const struct csv_record *a, const struct csv_record *b)
{
    must(a->length == b->length && a->lines == b->lines && a->count == b->count && a->has_end == b->has_end);
    must(a->is_unclosed == b->is_unclosed && a->problem == b->problem);
    for (size_t i = 0; i < a->count && i < CSV_CELLS_MAX; i++) {
        must(a->cells[i].length == b->cells[i].length && a->is_quoted[i] == b->is_quoted[i]);
        must((a->cells[i].data == NULL) == (b->cells[i].data == NULL));
        must(a->cells[i].length == 0 || memcmp(a->cells[i].data, b->cells[i].data, a->cells[i].length) == 0);
    }
}

static void split_all(const struct csv_dialect *dialect, const char *data, size_t length, bool is_end)
{
    struct csv_splitter *fast = NULL, *slow = NULL;
    struct etl_error err;
    etl_error_init(&err);
    must(csv_splitter_new(dialect, &fast, &err) == ETL_OK && csv_splitter_new(dialect, &slow, &err) == ETL_OK);
    for (;;) {
        struct csv_record a, b;
        enum csv_result found = csv_split(fast, data, length, is_end, &a);
        enum csv_result expected = csv_split_reference(slow, data, length, is_end, &b);
        must(found == expected);
        if (found == CSV_MORE)
            break;
        must(a.length > 0 && a.length <= length);
        compare(&a, &b);
        data += a.length;
        length -= a.length;
    }
    must(!is_end || length == 0);
    csv_splitter_free(fast);
    csv_splitter_free(slow);
}

static void decode(enum csv_encoding encoding, const char *data, size_t length)
{
    struct csv_decoder decoder = {.encoding = encoding};
    char *text = malloc(CSV_DECODED_MAX(length));
    must(text != NULL);
    size_t half = csv_decode(&decoder, data, length / 2, false, text);
    size_t whole = half + csv_decode(&decoder, data + length / 2, length - length / 2, true, text + half);
    uint64_t counted = csv_encoded_length(encoding, text, whole) + (decoder.has_mark ? 2 : 0);
    must(counted == length || (encoding == CSV_UTF16 && counted == length + length % 2));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct csv_dialect dialects[] = {{',', '"'}, {'\t', '"'}, {';', '\''}, {'|', '"'}};
    if (size == 0 || size > 65536)
        return 0;
    const char *text = (const char *)data + 1;
    split_all(&dialects[data[0] & 3], text, size - 1, true);
    split_all(&dialects[data[0] & 3], text, size - 1, false);
    decode(data[0] & 4 ? CSV_LATIN1 : CSV_WINDOWS_1252, text, size - 1);
    decode(CSV_UTF16, text, size - 1);
    return 0;
}
