/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out outside of the fleet and was not yet shown to the core: how jobs went, and what
 * others measured. What is told again replaces what was told before. Pure. */
#pragma once

#include "coordinator/core/core_event.h"

#define OUTSIDE_JOBS     1024u /* more than can run: the oldest goes */
#define OUTSIDE_MEASURES 1024u

struct queued_job;
struct queued_measure;

/* Zeroed memory is an empty queue. */
struct outside_queue {
    /* private; oldest first */
    struct queued_job *jobs;
    struct queued_measure *measures;
    unsigned job_count, measure_count;
    struct queued_job *shown_job; /* what was taken last */
    struct queued_measure *shown_measure;
};

void outside_queue_deinit(struct outside_queue *q);
/* Copied. */
void outside_queue_job(struct outside_queue *q, const struct core_job_done *done);
void outside_queue_measure(struct outside_queue *q, const struct core_measure *m);
/* The next one; false when there is none. What it points to is valid until the next call. */
bool outside_queue_take(struct outside_queue *q, struct core_event *ret) MUST_CHECK;
bool outside_queue_is_empty(const struct outside_queue *q);
