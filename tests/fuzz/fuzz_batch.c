/* Validation of batches of unknown origin: builds a schema and an array tree from the input, every buffer in a block of its own
 * and exactly as long as the lengths promise, and reads every cell of whatever the validation accepts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <etlhost/sdk.h>

#define NODES_MAX 64

struct input {
    const uint8_t *at, *end;
    void *blocks[NODES_MAX * 8];
    size_t n_blocks;
};

static uint8_t take(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static void *block(struct input *input, size_t size)
{
    void *memory = input->n_blocks < NODES_MAX * 8 ? calloc(1, size ? size : 1) : NULL;
    if (!memory)
        abort();
    input->blocks[input->n_blocks++] = memory;
    return memory;
}

static void no_release(struct ArrowArray *array)
{
    array->release = NULL;
}

/* A length that is mostly small and sometimes absurd. */
static int64_t number(struct input *input)
{
    uint8_t byte = take(input);
    if (byte < 0xf0)
        return byte & 15;
    return byte & 1 ? INT64_MAX - (byte & 14) : -(byte & 14);
}

static const char *const formats[] = {"l", "b", "c", "S",     "i",   "f",       "g",  "u",
                                      "U", "z", "Z", "d:5,2", "tdD", "tsu:UTC", "+s", "+l"};

static etl_status make_schema(struct input *input, const char *name, int depth, struct ArrowSchema *ret)
{
    const char *format = formats[take(input) & (depth < 4 ? 15 : 7)];
    struct ArrowSchema child = {0};
    etl_status status = ETL_OK;
    if (strcmp(format, "+l") == 0) {
        ETL_TRY(make_schema(input, "item", depth + 1, &child));
        return etl_schema_init_list(ret, name, &child, NULL);
    }
    if (strcmp(format, "+s") == 0) {
        ETL_TRY(etl_schema_init_struct(ret, name, NULL));
        for (int i = take(input) & 3; i > 0; i--) {
            char field[2] = {(char)('a' + i), 0};
            ETL_TRY(make_schema(input, field, depth + 1, &child));
            ETL_TRY(etl_schema_add(ret, &child, NULL));
        }
        return ETL_OK;
    }
    struct etl_type type;
    ETL_TRY(etl_type_parse(format, NULL, &type, NULL));
    return etl_schema_init_leaf(ret, name, &type, NULL);
out:
    return status;
}

/* The bytes that a buffer must have for `rows` rows; offsets have one more entry. */
static size_t buffer_size(const struct etl_type *type, int index, int64_t rows)
{
    if (index == 0 || type->kind == ETL_KIND_BOOL)
        return ((size_t)rows + 7) / 8;
    if (etl_type_width(type))
        return (size_t)rows * etl_type_width(type);
    return rows ? ((size_t)rows + 1) * (type->is_large ? 8 : 4) : 0;
}

static void fill(struct input *input, const struct etl_type *type, uint8_t *buffer, size_t size, int index)
{
    bool has_offsets = index == 1 && type->kind != ETL_KIND_BOOL && !etl_type_width(type);
    size_t step = has_offsets ? (type->is_large ? 8 : 4) : 1;
    int64_t offset = 0;
    for (size_t i = 0; i + step <= size; i += step) {
        uint8_t byte = take(input);
        if (!has_offsets) {
            buffer[i] = byte;
            continue;
        }
        offset += byte < 0xf8 ? byte & 3 : (int8_t)byte;
        if (step == 8) {
            memcpy(buffer + i, &offset, 8);
        } else {
            int32_t small = (int32_t)offset;
            memcpy(buffer + i, &small, 4);
        }
    }
}

/* The payload reaches as far as the last offset says. */
static size_t payload_size(const struct etl_type *type, const void *offsets, int64_t rows)
{
    int64_t last = 0;
    if (!offsets || !rows)
        return 0;
    last = type->is_large ? ((const int64_t *)offsets)[rows] : ((const int32_t *)offsets)[rows];
    return last > 0 && last < 100000 ? (size_t)last : 0;
}

static struct ArrowArray *make_array(struct input *input, const struct ArrowSchema *schema)
{
    struct ArrowArray *array = block(input, sizeof *array);
    struct etl_type type;
    const void **buffers = block(input, 3 * sizeof *buffers);
    int64_t rows = 0;
    uint8_t flags = take(input);
    if (etl_type_of(schema, &type, NULL) != ETL_OK)
        abort();
    array->length = number(input);
    array->offset = flags & 1 ? number(input) : 0;
    array->null_count = flags & 2 ? number(input) : -1;
    array->release = flags & 4 && flags & 8 && flags & 16 ? NULL : no_release;
    array->n_buffers = type.kind == ETL_KIND_STRUCT                                                        ? 1
                       : etl_type_width(&type) || type.kind == ETL_KIND_BOOL || type.kind == ETL_KIND_LIST ? 2
                                                                                                           : 3;
    if ((flags & 0xe0) == 0xe0)
        array->n_buffers = number(input) & 3;
    array->buffers = buffers;
    if (array->length >= 0 && array->length < 100 && array->offset >= 0 && array->offset < 100)
        rows = array->length + array->offset;
    for (int i = 0; i < 2 && (i == 0 || type.kind != ETL_KIND_STRUCT); i++) {
        size_t size = buffer_size(&type, i, rows);
        uint8_t *buffer = take(input) % 16 ? block(input, size) : NULL;
        if (buffer)
            fill(input, &type, buffer, size, i);
        buffers[i] = buffer;
    }
    if (type.kind != ETL_KIND_STRUCT && type.kind != ETL_KIND_LIST && type.kind != ETL_KIND_BOOL &&
        !etl_type_width(&type)) {
        size_t size = payload_size(&type, buffers[1], rows);
        uint8_t *buffer = take(input) % 16 ? block(input, size) : NULL;
        if (buffer)
            fill(input, &type, buffer, size, 2);
        buffers[2] = buffer;
    }
    array->n_children = schema->n_children;
    array->children = block(input, (size_t)schema->n_children * sizeof(struct ArrowArray *));
    for (int64_t i = 0; i < schema->n_children; i++)
        array->children[i] = make_array(input, schema->children[i]);
    return array;
}

static int64_t read_offsets(const struct etl_view *view)
{
    int64_t sum = 0, from = 0, to = 0;
    for (int64_t row = 0; row < view->length; row++) {
        if (view->type.kind == ETL_KIND_LIST) {
            etl_view_list(view, row, &from, &to);
            sum += to - from;
        } else if (view->type.kind == ETL_KIND_STRING || view->type.kind == ETL_KIND_BINARY) {
            struct etl_bytes bytes = etl_view_bytes(view, row);
            for (size_t i = 0; i < bytes.length; i++)
                sum += bytes.data[i];
        }
    }
    for (int64_t i = 0; i < view->n_children; i++)
        sum += read_offsets(&view->children[i]);
    return sum;
}

/* Keeps the reads from being optimised away. */
static volatile int64_t checksum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.at = data, .end = data + size};
    struct ArrowSchema schema = {0}, column = {0};
    struct etl_view view;
    struct etl_error err;
    struct etl_buffer json = {.limit = 10000000};
    etl_error_init(&err);
    if (size > 4096 || etl_schema_init_struct(&schema, "", NULL) != ETL_OK)
        return 0;
    for (int i = take(&input) & 3; i >= 0; i--) {
        char name[2] = {(char)('a' + i), 0};
        if (make_schema(&input, name, 1, &column) != ETL_OK || etl_schema_add(&schema, &column, NULL) != ETL_OK)
            abort();
    }
    if (etl_view_init(&view, &schema, &err) == ETL_OK) {
        struct ArrowArray *array = make_array(&input, &schema);
        bool is_sound = etl_view_validate(&view, array, true, &err) == ETL_OK;
        if (is_sound && etl_view_validate(&view, array, false, &err) != ETL_OK)
            abort(); /* what passes in full passes in part */
        if (is_sound) {
            etl_view_set(&view, array);
            checksum += read_offsets(&view);
            for (int64_t row = 0; row < array->length; row++)
                etl_json_add_row(&json, &view, etl_view_struct_row(&view, row));
        } else if (!*err.message) {
            abort();
        }
        etl_view_fini(&view);
    }
    etl_buffer_fini(&json);
    etl_schema_release(&schema);
    for (size_t i = 0; i < input.n_blocks; i++)
        free(input.blocks[i]);
    return 0;
}
