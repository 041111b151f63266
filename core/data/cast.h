/* Casting one cell from one scalar type to another, exactly or not at all. Pure, any thread. */
#ifndef CORE_DATA_CAST_H
#define CORE_DATA_CAST_H

#include <etlhost/sdk/batch_view.h>
#include <etlhost/sdk/json_writer.h>

/* Writes the value of a cell that is not NULL in the layout of `to` into `slot` (16 bytes; a bool is one byte 0 or 1). False when the value is
 * not one of that type. */
typedef bool (*cast_cell)(const struct etl_view *column, int64_t row, const struct etl_type *to, void *slot);

/* Appends the payload of a cell that is not NULL. False when the value does not fit; then nothing is appended. */
typedef bool (*cast_append)(const struct etl_view *column, int64_t row, struct etl_buffer *payload);

/* True for STRING, JSON, UUID, BINARY: cast_find_append; else cast_find_cell. */
bool cast_is_variable(const struct etl_type *to);

/* NULL when no value of `from` is ever one of `to`. Everything has a text and a JSON form. */
cast_cell cast_find_cell(const struct etl_type *from, const struct etl_type *to);
cast_append cast_find_append(const struct etl_type *from, const struct etl_type *to);

/* True when the buffers of `from` are already those of `to`: uuid and json are text. */
bool cast_is_relabel(const struct etl_type *from, const struct etl_type *to);

#endif
