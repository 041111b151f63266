/* Which generation of a stream a run works in: a pure function of what store, destination and user say. */
#ifndef CORE_ENGINE_GENERATION_H
#define CORE_ENGINE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct generation_facts {
    bool is_overwrite, full_refresh;
    bool can_build;            /* the destination has ETL_CAP_GENERATIONS */
    bool is_known;             /* the store knows the stream */
    bool is_reset;             /* the user has reset it */
    uint64_t generation;       /* newest known */
    bool is_complete, is_same; /* of it: load finished; fingerprint unchanged */
};
struct generation_choice {
    uint64_t generation;
    bool is_building;  /* it is a load that ends with FINAL */
    bool is_new;       /* starts without state */
    bool ignore_state; /* no new generation, but the source starts over (destination without generations) */
    bool is_invalid;   /* the saved state does not belong to these settings: refuse */
};
struct generation_choice generation_choose(const struct generation_facts *facts);

#endif
