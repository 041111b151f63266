/* The rules of commits, as pure functions: when a checkpoint is committed, what follows from what the destination and the store
 * remember, and what the pair can promise. Any thread. */
#ifndef CORE_ENGINE_COMMIT_H
#define CORE_ENGINE_COMMIT_H

#include <etlhost/abi.h>
#include <stdbool.h>

struct commit_limits {
    uint64_t rows, bytes; /* 0 = no limit */
    int64_t us;           /* 0 = at every checkpoint */
};

/* Whether a checkpoint is to be committed: the open unit has reached a limit. */
bool commit_is_due(const struct commit_limits *limits, uint64_t rows, uint64_t bytes, int64_t age_us);

enum recovery_action {
    RECOVERY_START,  /* neither side holds a commit of this generation: start without state */
    RECOVERY_RESUME, /* go on from the state that the store holds */
    RECOVERY_ADOPT,  /* the destination holds the commit that follows: take its state over into the store */
    RECOVERY_TAKE, /* the store holds nothing: take the destination's state over (the pipeline moved, or its store was lost) */
    RECOVERY_BELIEVE, /* same number, other state: the destination is right, because its state came with its rows */
    RECOVERY_AHEAD,   /* stop: the destination is more than one commit ahead */
    RECOVERY_BEHIND,  /* stop: the destination was restored from an older copy, or is another one */
    RECOVERY_MISSING  /* stop: the destination has lost what the store knows was committed */
};

struct recovery_facts {
    uint64_t store_seq; /* newest commit of this line in this generation, 0 = none */
    bool is_atomic;     /* the destination commits rows and state in one transaction */
    bool dest_found;    /* it holds a commit of this line in this generation */
    uint64_t dest_seq;
    bool is_state_equal; /* both hold the same state bytes */
};

/* The recovery table. Without atomic commits the store is the truth, unless the destination remembers more. */
enum recovery_action commit_recover(const struct recovery_facts *facts);

enum delivery { DELIVERY_AT_LEAST_ONCE, DELIVERY_EFFECTIVELY_ONCE, DELIVERY_EXACTLY_ONCE };

/* What a writer with this ETL_GUARANTEE_* gives for a stream in this ETL_MODE_*. */
enum delivery commit_delivery(uint32_t guarantee, uint32_t mode, bool has_keys);
const char *commit_delivery_name(enum delivery delivery); /* static */
bool commit_delivery_parse(const char *name, enum delivery *ret_delivery);

/* The strongest ETL_GUARANTEE_* that the capabilities announce; what begin() says counts. */
uint32_t commit_guarantee(uint64_t caps);

#endif
