/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/stage_invariant.h"

#include "coordinator/core/stage_fsm.h"

static const char *broken_pause(const struct stage_facts *f)
{
    if (f->resume == PHASE_PREPARING)
        return f->entering ? NULL : "resume prepares no stage";
    if (f->resume != PHASE_CONVERGING && f->resume != PHASE_BAKING && f->resume != PHASE_READY)
        return "resume leads nowhere";
    return f->on_stage ? NULL : "no stage is entered";
}

static const char *broken_promise(enum rollout_phase phase, const struct stage_facts *f)
{
    if (f->emergency && (f->on_stage || !f->weightless))
        return "an emergency order is active and the rollout is not at stage 0 with weight 0";
    switch (phase) {
    case PHASE_PENDING:
    case PHASE_ABORTED:
        return f->on_stage || !f->weightless ? "not at stage 0 with weight 0" : NULL;
    case PHASE_PREPARING:
        return f->entering ? NULL : "no later stage is to be entered";
    case PHASE_PAUSED:
        return broken_pause(f);
    case PHASE_CONVERGING:
    case PHASE_BAKING:
    case PHASE_READY:
    case PHASE_RETREATING:
        return f->on_stage ? NULL : "no stage is entered";
    case PHASE_COMPLETED:
    case PHASE_DECOMMISSIONED:
        return f->on_stage && !f->by_hand && !f->more_waves ? NULL
                                                            : "not everybody is on the last stage";
    case PHASE_ROLLING_BACK:
    case PHASE_ROLLED_BACK:
    case PHASE_ROLLBACK_FAILED:
        return f->on_stage || f->weightless ? NULL : "stage 0 with traffic on new";
    case PHASE_COUNT:
        break;
    }
    return "no such phase";
}

bool stage_invariant(int state, const void *facts, const char **ret_why)
{
    const char *why = broken_promise((enum rollout_phase)state, facts);

    if (why)
        *ret_why = why;
    return !why;
}
