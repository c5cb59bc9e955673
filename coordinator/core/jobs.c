/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/jobs.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/state.h"
#include "coordinator/core/words.h"

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

/* The kinds that prepare a stage, in their order. */
static const enum core_job_kind preparing[] = {JOB_READY, JOB_BACKUP, JOB_BEFORE};

static const struct plan_stage *stage_at(const struct durable *d, unsigned n)
{
    return n >= 1 && n <= d->plan->stage_count ? &d->plan->stage[n - 1] : NULL;
}

/* Does a stage have work of this kind? */
static bool has_work(const struct plan_stage *stage, enum core_job_kind kind)
{
    switch (kind) {
    case JOB_READY:
        return stage->ready_count > 0;
    case JOB_BACKUP:
        return stage->backup;
    case JOB_BEFORE:
        return stage->before_count > 0;
    case JOB_AFTER:
        return stage->after_count > 0;
    case JOB_GATE:
        return stage->has_gate && stage->gate.check_count > 0;
    case JOB_TRIGGER:
        break;
    }
    return false;
}

bool jobs_needed(const struct plan *plan, unsigned n)
{
    for (unsigned i = 0; i < ARRAY_LEN(preparing); i++)
        if (n >= 1 && n <= plan->stage_count && has_work(&plan->stage[n - 1], preparing[i]))
            return true;
    return false;
}

static struct job_about about(const struct migration *m, const struct durable *d,
                              enum core_job_kind kind)
{
    const struct rollout *r = &d->rollout;
    struct job_about a = {.plan_rev = m->plan_rev, .stage = r->stage};

    if (kind == JOB_READY || kind == JOB_BACKUP || kind == JOB_BEFORE) {
        a.stage = r->entering_stage;
        a.instance = r->since.ns;
    } else if (kind == JOB_AFTER) {
        a.instance = (int64_t)m->takeover.rev;
    }
    return a;
}

static bool is_about(const struct job *j, struct job_about a)
{
    return j->id > 0 && j->about.plan_rev == a.plan_rev && j->about.stage == a.stage &&
           j->about.instance == a.instance;
}

void jobs_move(struct migration *m, dur_t by)
{
    for (unsigned i = 0; i < ARRAY_LEN(preparing); i++)
        m->jobs.job[preparing[i]].about.instance += by.ns;
}

/* How it ended; NULL: it has not, or there was none. */
static const struct job *ended(const struct migration *m, const struct durable *d,
                               enum core_job_kind kind)
{
    const struct job *j = &m->jobs.job[kind];

    return j->told && is_about(j, about(m, d, kind)) ? j : NULL;
}

/* The first of the preparation that has not passed; JOB_KINDS: all have. */
static int first_open(const struct migration *m, const struct durable *d)
{
    const struct plan_stage *stage = stage_at(d, d->rollout.entering_stage);

    for (unsigned i = 0; stage && i < ARRAY_LEN(preparing); i++) {
        const struct job *j = ended(m, d, preparing[i]);

        if (has_work(stage, preparing[i]) && !(j && j->ok))
            return (int)preparing[i];
    }
    return JOB_KINDS;
}

bool jobs_prepared(const struct migration *m, const struct durable *d)
{
    return d->rollout.phase == PHASE_PREPARING && first_open(m, d) == JOB_KINDS;
}

const struct job *jobs_unprepared(const struct migration *m, const struct durable *d)
{
    int open = first_open(m, d);

    if (d->rollout.phase != PHASE_PREPARING || open == JOB_KINDS)
        return NULL;
    return ended(m, d, (enum core_job_kind)open);
}

bool jobs_tended(const struct migration *m, const struct durable *d)
{
    const struct plan_stage *stage = stage_at(d, d->rollout.stage);
    const struct job *j = ended(m, d, JOB_AFTER);

    return !stage || !has_work(stage, JOB_AFTER) || d->rollout.full ||
           d->rollout.phase == PHASE_READY || (j && j->ok);
}

/* The hooks after a stage wait until nothing else does. */
static bool wants_hooks_after(const struct core *c, const struct migration *m)
{
    const struct move nothing = {.event = STAGE_REVIEW, .reason = ""};
    const struct job *j = ended(m, &m->is, JOB_AFTER);
    struct stage_facts f;

    if (m->is.rollout.phase != PHASE_BAKING || jobs_tended(m, &m->is))
        return false;
    if (j && mono_sub(c->mono, j->told_at).ns < JOB_RETRY.ns)
        return false;
    facts_collect(c, m, &m->is, &nothing, &f);
    return f.baked && f.gate_open && !f.more_waves && !f.violating && !f.waking;
}

static bool is_wanted(const struct core *c, const struct migration *m, enum core_job_kind kind)
{
    const struct durable *d = &m->is;
    const struct plan_stage *stage = stage_at(d, d->rollout.stage);

    switch (kind) {
    case JOB_READY:
    case JOB_BACKUP:
    case JOB_BEFORE:
        return d->rollout.phase == PHASE_PREPARING && first_open(m, d) == (int)kind &&
               !ended(m, d, kind);
    case JOB_AFTER:
        return wants_hooks_after(c, m);
    case JOB_GATE:
        return stage && has_work(stage, kind);
    case JOB_TRIGGER:
        return d->plan->has_triggers && d->plan->triggers.check_count > 0 &&
               compile_effective_bp(d) > 0;
    }
    return false;
}

/* How long the shell may take, by what the plan says. */
static dur_t patience(const struct plan_stage *stage, enum core_job_kind kind)
{
    const struct plan_hook *hook = kind == JOB_BEFORE ? stage->before : stage->after;
    unsigned hooks = kind == JOB_BEFORE ? stage->before_count : stage->after_count;
    dur_t sum = JOB_PATIENCE;

    for (unsigned i = 0; kind == JOB_READY && i < stage->ready_count; i++)
        sum.ns += stage->ready[i].timeout.ns;
    for (unsigned i = 0; (kind == JOB_BEFORE || kind == JOB_AFTER) && i < hooks; i++)
        sum.ns += hook[i].timeout.ns;
    return sum;
}

/* ---- what runs ------------------------------------------------------------------------------- */

static bool repeats(enum core_job_kind kind)
{
    return kind == JOB_GATE || kind == JOB_TRIGGER;
}

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
    *j = (struct job){
        .id = ++c->last_job, .about = about(m, &m->is, kind), .running = true, .begun = c->mono};
    *job = (struct core_job){.id = j->id,
                             .kind = kind,
                             .migration = m->name,
                             .stage = j->about.stage,
                             .plan = m->is.plan,
                             .next = u->job};
    u->job = job;
}

/* Nobody tells of it any more. */
static void give_up(const struct core *c, struct job *j, struct core_update *u)
{
    char waited[WORDS_DURATION_MAX];

    stop(j, u);
    j->told = true;
    j->ok = false;
    j->told_at = c->mono;
    str_fmt(j->text, sizeof j->text, "nothing was heard of it for %s",
            words_duration(mono_sub(c->mono, j->begun), waited));
}

static bool is_lost(const struct core *c, const struct migration *m, const struct job *j,
                    enum core_job_kind kind)
{
    const struct plan_stage *stage = stage_at(&m->is, j->about.stage);

    return !repeats(kind) && stage && mono_sub(c->mono, j->begun).ns > patience(stage, kind).ns;
}

static void look_at(struct core *c, struct migration *m, enum core_job_kind kind,
                    struct core_update *u)
{
    struct job *j = &m->jobs.job[kind];
    bool wanted = c->leads && is_wanted(c, m, kind);
    bool same = is_about(j, about(m, &m->is, kind));

    if (j->running && !(wanted && same))
        stop(j, u);
    if (j->running && is_lost(c, m, j, kind))
        give_up(c, j, u);
    else if (wanted && !j->running)
        begin(c, m, kind, u);
}

void jobs_look(struct core *c, struct core_update *u)
{
    CHECK(!c->staged);
    while (c->orphans.count > 0)
        tell_to_stop(u, c->orphans.id[--c->orphans.count]);
    STATE_FOREACH(c, m)
    {
        for (int kind = 0; kind < JOB_KINDS; kind++)
            look_at(c, m, (enum core_job_kind)kind, u);
    }
}

/* ---- what they found ------------------------------------------------------------------------- */

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

static struct migration *find_running(const struct core *c, uint64_t id,
                                      enum core_job_kind *ret_kind)
{
    STATE_FOREACH(c, m)
    {
        for (int kind = 0; kind < JOB_KINDS; kind++) {
            if (!m->jobs.job[kind].running || m->jobs.job[kind].id != id)
                continue;
            *ret_kind = (enum core_job_kind)kind;
            return m;
        }
    }
    return NULL;
}

struct migration *jobs_told(struct core *c, const struct core_job_done *done)
{
    enum core_job_kind kind;
    struct migration *m = find_running(c, done->id, &kind);

    if (m)
        take(c, &m->jobs.job[kind], kind, done);
    return m;
}

bool core_awaits_job(const struct core *c, uint64_t id)
{
    enum core_job_kind kind;

    return find_running(c, id, &kind) != NULL;
}

const struct job *jobs_found(const struct migration *m, enum core_job_kind kind)
{
    return ended(m, &m->is, kind);
}

const char *jobs_failed_text(const struct job *j, char *dst)
{
    dst[0] = '\0';
    for (unsigned i = 0; i < j->count; i++) {
        const struct check_result *r = &j->result[i];

        if (r->outcome != CHECK_PASSED)
            str_join(dst, TEXT_SIZE, "; ", "%s: %s", r->name.s, r->text);
    }
    if (dst[0] == '\0')
        str_fmt(dst, TEXT_SIZE, "%s", j->text);
    return dst;
}
