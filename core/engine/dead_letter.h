/* Replaying records that a contract had set aside: a run whose source is the state store. */
#ifndef CORE_ENGINE_DEAD_LETTER_H
#define CORE_ENGINE_DEAD_LETTER_H

#include "core/engine/run.h"

/* Offers the dead letters of a stream (NULL = of every stream that has some) of input->pipeline to the destination again, into the live
 * generation, under the stream's present contract. Letters that were delivered leave the store after the commit that holds them;
 * those that still do not fit are set aside anew. Letters that hold raw input which the source could not parse stay; a warning counts
 * them. input->source and its settings are not used. Returns and reports as run_execute; without letters it reports no stream and
 * returns 0. */
int dead_letter_retry(const struct run_input *input, const char *stream, struct report *report, struct etl_error *err);

#endif
