/* Arrays that the host builds itself: own buffers, borrowed buffers of an array that is kept alive, moved-in children. One array belongs to one
 * thread until it is handed on; any thread may release it. */
#ifndef CORE_DATA_ARRAY_H
#define CORE_DATA_ARRAY_H

#include <etlhost/sdk/schema.h>

/* An array of `n_buffers` (at most 3) NULL buffers and `n_children` released children, to be filled in. The caller releases it. */
etl_status array_init(struct ArrowArray *ret_array, int64_t length, int64_t n_buffers, int64_t n_children,
                      struct etl_error *err);

/* Gives buffer `index` `bytes` bytes of its own, freed with the array. NULL when memory is out (and err is filled). */
void *array_buffer(struct ArrowArray *array, int64_t index, size_t bytes, struct etl_error *err);

/* Buffer `index` points to memory that outlives the array, or NULL: static, or of the array given to array_keep. */
void array_borrow(struct ArrowArray *array, int64_t index, const void *data);

/* Hands over a malloc'ed buffer. */
void array_own(struct ArrowArray *array, int64_t index, void *data);

/* Moves `other` in; it is released together with `array`. At most once per array. */
void array_keep(struct ArrowArray *array, struct ArrowArray *other);

/* `rows` NULLs of the schema's type. Short ones share one block of zeros and allocate no buffers. */
etl_status array_nulls(const struct ArrowSchema *schema, int64_t rows, struct ArrowArray *ret_array,
                       struct etl_error *err);

/* The values rows[0..count) of `array` (counted from its offset) as a new array. */
etl_status array_take(const struct ArrowSchema *schema, const struct ArrowArray *array, const int64_t *rows,
                      int64_t count, struct ArrowArray *ret_array, struct etl_error *err);

/* Values of the validity bits [offset, offset + length) that are NULL; 0 when there is no bitmap. */
int64_t array_count_nulls(const struct ArrowArray *array);

/* Validity of `array` from bit 0 on into buffer 0 of `target` (of the same length), which stays NULL when there are no nulls. */
etl_status array_copy_validity(const struct ArrowArray *array, struct ArrowArray *target, struct etl_error *err);

#endif
