/* What a reader does with the schemas and batches of its source: check, transform, agree, fit, set aside, count, queue. */
#ifndef CORE_ENGINE_INTAKE_H
#define CORE_ENGINE_INTAKE_H

#include "core/engine/reader.h"

/* Both take what is in the message in any case. */
etl_status intake_schema(struct reader *reader, struct ArrowSchema *schema, struct etl_error *err);
etl_status intake_batch(struct reader *reader, struct ArrowArray *batch, uint64_t flags, struct etl_error *err);
/* One record goes aside, as the contract says; `record` is copied. */
etl_status intake_reject(struct reader *reader, const char *column, const char *reason, const char *location,
                         const char *record, size_t length, bool is_json, struct etl_error *err);
void intake_fini(struct reader *reader);
/* Hands an item to the writer; notes when it has given up. */
void intake_push(struct reader *reader, struct item *item);

#endif
