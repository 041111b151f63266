/* The inside of run_execute, for a run whose source instance exists already: the replay of dead letters. */
#ifndef CORE_ENGINE_REPLAY_H
#define CORE_ENGINE_REPLAY_H

#include "core/engine/run.h"

/* As run_execute. `replay` is taken; NULL = an ordinary run, which opens input->source. A replay goes into the live generation, without the
 * columns' transforms, which its records have behind them. */
int replay_execute(const struct run_input *input, struct etl_source *replay, struct report *report,
                   struct etl_error *err);

#endif
