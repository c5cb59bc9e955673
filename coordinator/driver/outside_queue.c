/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/outside_queue.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"

struct queued_job {
    struct core_job_done done; /* its results are those below, its text is owned */
    char *text;                /* owned */
    struct queued_job *prev, *next;
    struct check_result result[];
};

struct queued_measure {
    struct core_measure measure; /* its migration is the name below */
    char *migration;             /* owned */
    struct queued_measure *prev, *next;
};

static void free_job(struct queued_job *j)
{
    if (j)
        free(j->text);
    free(j);
}

static void free_measure(struct queued_measure *m)
{
    if (m)
        free(m->migration);
    free(m);
}

static struct queued_job *remove_job(struct outside_queue *q, struct queued_job *j)
{
    DL_DELETE(q->jobs, j);
    q->job_count--;
    return j;
}

static struct queued_measure *remove_measure(struct outside_queue *q, struct queued_measure *m)
{
    DL_DELETE(q->measures, m);
    q->measure_count--;
    return m;
}

void outside_queue_deinit(struct outside_queue *q)
{
    while (q->jobs)
        free_job(remove_job(q, q->jobs));
    while (q->measures)
        free_measure(remove_measure(q, q->measures));
    free_job(q->shown_job);
    free_measure(q->shown_measure);
    *q = (struct outside_queue){.job_count = 0};
}

/* ---- in -------------------------------------------------------------------------------------- */

static struct queued_job *copy_job(const struct core_job_done *done)
{
    struct queued_job *j = xalloc(sizeof(*j) + done->count * sizeof(j->result[0]));

    *j = (struct queued_job){.done = *done, .text = xstrdup(done->text ? done->text : "")};
    if (done->count > 0)
        memcpy(j->result, done->result, done->count * sizeof(j->result[0]));
    j->done.result = j->result;
    j->done.text = j->text;
    return j;
}

void outside_queue_job(struct outside_queue *q, const struct core_job_done *done)
{
    struct queued_job *j = copy_job(done);
    struct queued_job *old;

    DL_SEARCH_SCALAR(q->jobs, old, done.id, done->id);
    if (!old && q->job_count == OUTSIDE_JOBS)
        old = q->jobs;
    if (old)
        free_job(remove_job(q, old));
    DL_APPEND(q->jobs, j);
    q->job_count++;
}

static struct queued_measure *find_measure(const struct outside_queue *q,
                                           const struct core_measure *m)
{
    struct queued_measure *found;

    DL_FOREACH (q->measures, found)
        if (found->measure.kind == m->kind && strcmp(found->migration, m->migration) == 0)
            return found;
    return NULL;
}

void outside_queue_measure(struct outside_queue *q, const struct core_measure *m)
{
    struct queued_measure *old = find_measure(q, m);
    struct queued_measure *n = xnew(struct queued_measure);

    *n = (struct queued_measure){.measure = *m, .migration = xstrdup(m->migration)};
    n->measure.migration = n->migration;
    if (!old && q->measure_count == OUTSIDE_MEASURES)
        old = q->measures;
    if (old)
        free_measure(remove_measure(q, old));
    DL_APPEND(q->measures, n);
    q->measure_count++;
}

/* ---- out ------------------------------------------------------------------------------------- */

bool outside_queue_take(struct outside_queue *q, struct core_event *ret)
{
    free_job(steal(q->shown_job));
    free_measure(steal(q->shown_measure));
    if (q->jobs) {
        q->shown_job = remove_job(q, q->jobs);
        ret->kind = EV_JOB;
        ret->job = &q->shown_job->done;
    } else if (q->measures) {
        q->shown_measure = remove_measure(q, q->measures);
        ret->kind = EV_MEASURE;
        ret->measure = &q->shown_measure->measure;
    } else {
        return false;
    }
    return true;
}

bool outside_queue_is_empty(const struct outside_queue *q)
{
    return !q->jobs && !q->measures;
}
