/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_jobs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/jobs.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord.h"

#define USUAL dur_ms(100)
#define HARM  dur_s(5)

struct running {
    struct sim_found found; /* as told next */
    dur_t every;            /* 0: told once */
    enum sim_fate fate;     /* of the next answer */
    bool stopped;           /* the answer comes nevertheless */
    struct running *prev, *next;
};

struct sim_jobs {
    struct sim *sim;
    struct sim_coord *coord;
    uint64_t boot;
    struct running *running; /* owned */
};

struct sim_jobs *sim_jobs_new(struct sim *s, struct sim_coord *c)
{
    struct sim_jobs *j = xnew(struct sim_jobs);

    j->sim = s;
    j->coord = c;
    j->boot = sim_coord_boot(c);
    return j;
}

static void forget(struct sim_jobs *j, struct running *r)
{
    DL_DELETE(j->running, r);
    free(r);
}

struct sim_jobs *sim_jobs_free(struct sim_jobs *j)
{
    while (j && j->running)
        forget(j, j->running);
    free(j);
    return NULL;
}

/* ---- chance ---------------------------------------------------------------------------------- */

/* What is asked again and again goes wrong less often each time. */
static enum sim_fate draw(struct sim *s, bool again)
{
    uint64_t n;

    if (s->jobs != SIM_FATE_CHANCE)
        return s->jobs;
    n = sim_below(s, again ? 60 : 16);
    return n < 2    ? SIM_FATE_FAILS
           : n == 2 ? SIM_FATE_UNKNOWN
           : n == 3 ? SIM_FATE_LOST
                    : SIM_FATE_PASSES;
}

static dur_t so_long(struct sim *s)
{
    if (s->jobs != SIM_FATE_CHANCE)
        return USUAL;
    return sim_delay(s, (struct sim_delay){dur_ms(1), dur_ms(sim_chance(s, 3) ? 6000 : 500)});
}

/* ---- one job --------------------------------------------------------------------------------- */

/* An event knows its job by both: ids begin anew in each process. */
static uint64_t event_of(const struct sim_jobs *j, uint64_t id)
{
    return j->boot << 32 | id;
}

static struct running *find(struct sim_jobs *j, uint64_t event)
{
    struct running *r;

    DL_FOREACH (j->running, r)
        if (event_of(j, r->found.id) == event)
            return r;
    return NULL;
}

static void tell(struct sim *s, void *coord, uint64_t event);

static void tell_in(struct sim_jobs *j, struct running *r, dur_t d)
{
    r->fate = draw(j->sim, r->every.ns > 0);
    if (r->fate != SIM_FATE_LOST)
        sim_after(j->sim, d, tell, j->coord, event_of(j, r->found.id));
}

static void tell(struct sim *s UNUSED, void *coord, uint64_t event)
{
    static const enum check_outcome outcomes[] = {[SIM_FATE_PASSES] = CHECK_PASSED,
                                                  [SIM_FATE_FAILS] = CHECK_FAILED,
                                                  [SIM_FATE_UNKNOWN] = CHECK_UNKNOWN};
    struct sim_jobs *j = sim_coord_jobs(coord);
    struct running *r = j ? find(j, event) : NULL;

    if (!r)
        return;
    r->found.outcome = outcomes[r->fate];
    sim_coord_on_job(coord, &r->found);
    if (r->every.ns > 0 && !r->stopped)
        tell_in(j, r, r->every);
    else
        forget(j, r);
}

static void repair(struct sim *s, void *coord UNUSED, uint64_t arg UNUSED)
{
    s->world.errors_new = 0;
}

/* A program of the operators' may do harm. */
static void spoil(struct sim *s)
{
    if (s->jobs != SIM_FATE_CHANCE || !sim_chance(s, 6))
        return;
    sim_say(s, "world", "a hook breaks new");
    s->world.errors_new = 0.5;
    sim_after(s, HARM, repair, NULL, 0);
}

void sim_jobs_run(struct sim_jobs *j, const struct core_job *job)
{
    struct running *r = xnew(struct running);

    r->found = (struct sim_found){.id = job->id,
                                  .kind = job->kind,
                                  .migration = job->migration,
                                  .stage = job->stage,
                                  .begun = j->sim->now};
    if (job->kind == JOB_GATE)
        r->every = job->plan->stage[job->stage - 1].gate.every;
    else if (job->kind == JOB_TRIGGER)
        r->every = job->plan->triggers.every;
    DL_APPEND(j->running, r);
    sim_say(j->sim, sim_coord_name(j->coord)->s, "begins job %" PRIu64 ", %s of stage %u of %s",
            job->id, job_kind_name(job->kind), job->stage, job->migration.s);
    if (job->kind == JOB_BEFORE)
        spoil(j->sim);
    tell_in(j, r, so_long(j->sim));
}

void sim_jobs_stop(struct sim_jobs *j, uint64_t id)
{
    struct running *r = find(j, event_of(j, id));

    if (!r)
        return;
    sim_say(j->sim, sim_coord_name(j->coord)->s, "stops job %" PRIu64, id);
    if (r->fate != SIM_FATE_LOST && (j->sim->jobs != SIM_FATE_CHANCE || sim_chance(j->sim, 2)))
        r->stopped = true;
    else
        forget(j, r);
}

void sim_jobs_done(const struct sim_found *f, struct check_result *place, struct core_job_done *ret)
{
    bool ok = f->outcome == CHECK_PASSED;

    *place = (struct check_result){.kind = PLAN_CHECK_TCP, .outcome = f->outcome};
    str_fmt(place->name.s, sizeof place->name.s, "tcp-1");
    str_fmt(place->text, sizeof place->text, "%s", ok ? "connected" : "no connection");
    *ret = (struct core_job_done){
        .id = f->id, .ok = ok, .result = place, .count = 1, .text = ok ? "" : "it did not pass"};
}
