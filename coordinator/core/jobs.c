/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/jobs.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/state.h"

const char *job_kind_name(enum core_job_kind k)
{
    static const char *const names[JOB_KINDS] = {
        [JOB_READY] = "ready", [JOB_BACKUP] = "backup", [JOB_BEFORE] = "before",
        [JOB_AFTER] = "after", [JOB_GATE] = "gate",     [JOB_TRIGGER] = "trigger",
    };

    return (unsigned)k < JOB_KINDS ? names[k] : "?";
}

void jobs_deinit(struct jobs *j)
{
    for (unsigned i = 0; i < JOB_KINDS; i++)
        free(j->job[i].result);
    *j = (struct jobs){.job[0].id = 0};
}

void job_orphans_deinit(struct job_orphans *o)
{
    free(o->id);
    *o = (struct job_orphans){.count = 0};
}

void jobs_orphan(struct core *c, struct migration *m)
{
    struct job_orphans *o = &c->orphans;

    for (unsigned i = 0; i < JOB_KINDS; i++) {
        if (!m->jobs.job[i].running)
            continue;
        if (o->count == o->room) {
            o->room = o->room ? 2 * o->room : JOB_KINDS;
            o->id = xrealloc(o->id, o->room * sizeof o->id[0]);
        }
        o->id[o->count++] = m->jobs.job[i].id;
    }
    jobs_deinit(&m->jobs);
}

/* ---- what is needed -------------------------------------------------------------------------- */

static const struct plan_stage *watched_stage(const struct durable *d)
{
    unsigned n = d->rollout.stage;

    return n >= 1 && n <= d->plan->stage_count ? &d->plan->stage[n - 1] : NULL;
}

static bool is_wanted(const struct durable *d, enum core_job_kind kind)
{
    const struct plan_stage *stage = watched_stage(d);

    switch (kind) {
    case JOB_GATE:
        return stage && stage->has_gate && stage->gate.check_count > 0;
    case JOB_TRIGGER:
        return d->plan->has_triggers && d->plan->triggers.check_count > 0 &&
               compile_effective_bp(d) > 0;
    case JOB_READY:
    case JOB_BACKUP:
    case JOB_BEFORE:
    case JOB_AFTER:
        break;
    }
    return false;
}

static struct job_about about(const struct migration *m)
{
    return (struct job_about){.plan_rev = m->plan_rev, .stage = m->is.rollout.stage};
}

static bool is_about(const struct job *j, struct job_about a)
{
    return j->id > 0 && j->about.plan_rev == a.plan_rev && j->about.stage == a.stage &&
           j->about.instance == a.instance;
}

/* ---- what runs ------------------------------------------------------------------------------- */

static void tell_to_stop(struct core_update *u, uint64_t id)
{
    struct core_stop *s = arena_new(&u->arena, struct core_stop);

    CHECK(s);
    *s = (struct core_stop){.id = id, .next = u->stop_job};
    u->stop_job = s;
}

static void stop(struct job *j, struct core_update *u)
{
    tell_to_stop(u, j->id);
    j->running = false;
}

static void begin(struct core *c, struct migration *m, enum core_job_kind kind,
                  struct core_update *u)
{
    struct core_job *job = arena_new(&u->arena, struct core_job);
    struct job *j = &m->jobs.job[kind];

    CHECK(job);
    free(j->result);
    *j = (struct job){.id = ++c->last_job, .about = about(m), .running = true, .begun = c->mono};
    *job = (struct core_job){.id = j->id,
                             .kind = kind,
                             .migration = m->name,
                             .stage = j->about.stage,
                             .plan = m->is.plan,
                             .next = u->job};
    u->job = job;
}

static void look(struct core *c, struct migration *m, struct core_update *u)
{
    for (int kind = 0; kind < JOB_KINDS; kind++) {
        struct job *j = &m->jobs.job[kind];
        bool same = is_about(j, about(m));
        bool wanted = c->leads && is_wanted(&m->is, (enum core_job_kind)kind);

        if (j->running && !(wanted && same))
            stop(j, u);
        if (wanted && !j->running)
            begin(c, m, (enum core_job_kind)kind, u);
    }
}

void jobs_look(struct core *c, struct core_update *u)
{
    CHECK(!c->staged);
    while (c->orphans.count > 0)
        tell_to_stop(u, c->orphans.id[--c->orphans.count]);
    STATE_FOREACH(c, m)
    look(c, m, u);
}

/* ---- what they found ------------------------------------------------------------------------- */

static bool repeats(enum core_job_kind kind)
{
    return kind == JOB_GATE || kind == JOB_TRIGGER;
}

static void take(struct core *c, struct job *j, enum core_job_kind kind,
                 const struct core_job_done *done)
{
    free(j->result);
    j->result = done->count ? xmemdup(done->result, done->count * sizeof done->result[0]) : NULL;
    j->count = done->count;
    j->running = repeats(kind);
    j->told = true;
    j->told_at = c->mono;
    j->ok = done->ok;
    str_fmt(j->text, sizeof j->text, "%s", done->text);
}

struct migration *jobs_told(struct core *c, const struct core_job_done *done)
{
    STATE_FOREACH(c, m)
    {
        for (int kind = 0; kind < JOB_KINDS; kind++) {
            struct job *j = &m->jobs.job[kind];

            if (!j->running || j->id != done->id)
                continue;
            take(c, j, (enum core_job_kind)kind, done);
            return m;
        }
    }
    return NULL;
}

const struct job *jobs_found(const struct migration *m, enum core_job_kind kind)
{
    const struct job *j = &m->jobs.job[kind];

    return j->told && is_about(j, about(m)) ? j : NULL;
}
