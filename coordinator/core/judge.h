/* SPDX-License-Identifier: Apache-2.0 */
/* Each limit of a plan held against what was measured, one check and one sentence each.
 *
 *   fail   it is proven: for rates and shares by the exact lower bound at the limits' confidence
 *   pass   enough requests, and the measured value is within the limit
 *   hold   everything else; the sentence says what is missing
 *
 * Pure. */
#pragma once

#include "coordinator/core/core_view.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/words.h"

struct measured;

struct judgement {
    const struct plan_limits *limits;
    const struct system_stats *legacy; /* over limits->window */
    const struct system_stats *new_system;
    const struct measured *measured;      /* by others; MEASURE_COUNT */
    const struct compare_stats *compared; /* by the nodes; NULL: they compare nothing */
    const struct job *found;              /* by limits->check; NULL: nothing yet */
    mono_t now;
    double doubt;                  /* 1 - confidence */
    char sure[WORDS_RATIO_MAX];    /* "99.9 %" */
    char over[WORDS_DURATION_MAX]; /* "10s" */
};

/* Every check that the limits ask for, in the order in which they are shown; `ret` becomes the list
 * with its verdict. Fail beats hold beats pass. */
void judge_all(const struct judgement *j, struct view_gate *ret);
/* The verdict of the list as it stands, and the sentence of the check that decides it. */
void judge_sum_up(struct view_gate *g);
/* Enough requests on new to judge by? */
bool judge_has_enough(const struct judgement *j);
