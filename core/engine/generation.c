/* Overwrite builds a generation per run and resumes one that is unfinished. Append and upsert stay in theirs until the user asks for a full
 * refresh or has reset the stream. A load that is unfinished and belongs to other settings is given up: nobody has seen it. */
#include "core/engine/generation.h"

struct generation_choice generation_choose(const struct generation_facts *facts)
{
    struct generation_choice choice = {.generation = facts->can_build ? facts->generation : 0};
    bool is_unfinished = facts->is_known && !facts->is_reset && !facts->is_complete && facts->is_same;
    if (is_unfinished && !facts->full_refresh) {
        choice.is_building = true;
    } else if (facts->is_overwrite || (facts->can_build && facts->is_known &&
                                       (facts->full_refresh || facts->is_reset || !facts->is_complete))) {
        choice.generation++;
        choice.is_building = choice.is_new = true;
    } else if (facts->full_refresh || facts->is_reset) {
        choice.ignore_state = true;
    } else if (facts->is_known && !facts->is_reset && !facts->is_same) {
        choice.is_invalid = true;
    }
    return choice;
}
