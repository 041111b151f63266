/* Declares what a lying function that stands before skeleton.h may use. */
#ifndef LIAR_H
#define LIAR_H

#include <etlhost/abi.h>

static __attribute__((unused)) etl_status good_read_next(struct etl_reader *reader, struct etl_message *message,
                                                         struct etl_error *err);
static inline __attribute__((unused)) void make_batch(struct ArrowArray *array);

#endif
