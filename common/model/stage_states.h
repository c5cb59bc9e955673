/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a rollout: enum, stable name (stored and printed), coarse state, help. Names are
 * append-only. */
#pragma once

#define ROLLOUT_PHASES(X)                                                                          \
    X(PENDING, "pending", WAITING, "the plan is applied and not started; everything is on legacy") \
    X(CONVERGING, "converging", RUNNING,                                                           \
      "a stage's decision is published; nodes are taking it over")                                 \
    X(BAKING, "baking", RUNNING,                                                                   \
      "every node serves the stage; its bake time runs and its gate is judged")                    \
    X(READY, "ready", WAITING,                                                                     \
      "the stage has baked and its gate passed; the next one waits for approval")                  \
    X(PAUSED, "paused", WAITING,                                                                   \
      "held by an operator; the weight stays, nothing moves on by itself")                         \
    X(COMPLETED, "completed", DONE, "the last stage has baked and its gate passed")                \
    X(ROLLING_BACK, "rolling_back", FALLING, "a rollback is ordered; nodes are taking it over")    \
    X(ROLLED_BACK, "rolled_back", WAITING, "every node serves the stage that was rolled back to")  \
    X(ROLLBACK_FAILED, "rollback_failed", FALLING,                                                 \
      "nodes still lag after the rollback's deadline")                                             \
    X(ABORTED, "aborted", DONE, "ended by an operator; everything is on legacy")                   \
    X(PREPARING, "preparing", RUNNING,                                                             \
      "the checks and hooks before a stage run; nothing has changed for users")                    \
    X(RETREATING, "retreating", FALLING,                                                           \
      "ended by an operator, back through the stages one at a time")                               \
    X(DECOMMISSIONED, "decommissioned", DONE,                                                      \
      "everything is on new, and legacy is forbidden: it may be gone")

enum rollout_phase {
#define X(id, name, coarse, help) PHASE_##id,
    ROLLOUT_PHASES(X)
#undef X
        PHASE_COUNT
};

enum phase_coarse { COARSE_WAITING, COARSE_RUNNING, COARSE_DONE, COARSE_FALLING };
