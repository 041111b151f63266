/* Target names of columns: short enough, unique, and the same in every run. Pure. */
#ifndef CORE_DATA_NAME_MAP_H
#define CORE_DATA_NAME_MAP_H

#include <etlhost/sdk/error.h>
#include <stdbool.h>

struct name_request {
    const char *source;
    const char *rename; /* what the user asked for; NULL = nothing */
    char *ret_target;   /* filled in; the caller frees it */
};

struct name_rules {
    const char *const *reserved; /* NULL-terminated: names that no column gets */
    bool fold;                   /* names that differ only in ASCII case are the same */
    uint32_t max_bytes;          /* 0 = no limit */
};

/* Names the columns. A rename is taken literally and wins over the map; it is ETL_CONFIG when it is too long or meets the name of another
 * column. Else the map (JSON object source -> target) decides, and a column that it does not know gets its source name, cut at
 * a character boundary and made unique among all names of the map by "_2", "_3"... The updated map is returned (the caller frees). On failure
 * no target is left to free. */
etl_status name_map_apply(const char *map, const struct name_rules *rules, struct name_request *requests, size_t count,
                          char **ret_map, struct etl_error *err);

#endif
