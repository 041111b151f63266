/* Masking one column. */
#ifndef CORE_DATA_MASK_H
#define CORE_DATA_MASK_H

#include <etlhost/sdk/batch_view.h>
#include <etlhost/sdk/json_writer.h>

#include "core/data/transform.h"

struct mask_hasher; /* keyed hash; belongs to one thread */

etl_status mask_hasher_new(const char *key, size_t length, struct mask_hasher **ret_hasher, struct etl_error *err);
void mask_hasher_free(struct mask_hasher *hasher);

/* HASH, REDACT or PARTIAL: a text column (u) of the masked values; NULL stays NULL. `scratch` is reused between calls; `hasher` is needed
 * for HASH. */
etl_status mask_column(enum mask_kind kind, const struct etl_view *column, const struct ArrowArray *array,
                       struct mask_hasher *hasher, struct etl_buffer *scratch, struct ArrowArray *ret_array,
                       struct etl_error *err);

#endif
