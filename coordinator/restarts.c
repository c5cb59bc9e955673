/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/restarts.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/loop/worker.h"
#include "coordinator/start_time.h"
#include "coordinator/web/web.h"

#define LOOK_EACH   dur_s(1)
#define WINDOW_S    60
#define EVENTS_MAX  64u /* restarts in the window; a plan's limit is far below */
#define ASK_TIMEOUT dur_s(2)
#define PAGE_MAX    (1u << 20)
#define JOBS_MAX    1024u
/* What is told as an uptime moves by a second or so, and clocks are set. */
#define SAME_WITHIN_S 3.0

struct watched_endpoint {
    struct endpoint endpoint;
    bool told, asked_told; /* ever; this time */
    double since, asked;   /* seconds since 1970 */
};

/* One migration. The endpoints are the worker's while `out`. */
struct watched {
    struct worker_job job;
    struct restarts *all;
    struct watched *prev, *next;
    struct name migration;
    char path[PATH_SIZE];
    struct watched_endpoint at[ROUTE_ENDPOINTS_MAX];
    unsigned count;
    bool out, wanted;
    mono_t due;
    wall_t now;                   /* when it was asked */
    mono_t restarted[EVENTS_MAX]; /* a ring */
    unsigned restarts;            /* ever; its place in the ring */
};

struct restarts {
    struct loop *loop;
    struct driver *driver;
    struct worker *worker; /* owned */
    struct web *web;       /* owned; of the worker's thread */
    struct timer look;
    struct watched *first;
    bool stopping;
};

/* ---- asking, on the worker ------------------------------------------------------------------- */

static void ask(struct watched *w, struct watched_endpoint *e)
{
    CLEANUP(buf_deinitp) struct buf page = BUF_INIT(PAGE_MAX);
    char server[ENDPOINT_URL_SIZE], url[ENDPOINT_URL_SIZE + PATH_SIZE];
    struct web_request req = {.url = url, .timeout = ASK_TIMEOUT};
    unsigned status;

    str_fmt(url, sizeof url, "%s%s", endpoint_url(&e->endpoint, server), w->path);
    e->asked_told = web_call(w->all->web, &req, &status, &page, NULL) == 0 && status == 200 &&
                    start_time_read(buf_view(&page), w->now, &e->asked);
}

static void ask_all(struct worker_job *j)
{
    struct watched *w = container_of(j, struct watched, job);

    for (unsigned i = 0; i < w->count; i++)
        ask(w, &w->at[i]);
}

/* ---- counting -------------------------------------------------------------------------------- */

static unsigned count_recent(const struct watched *w, mono_t now)
{
    unsigned kept = w->restarts < EVENTS_MAX ? w->restarts : EVENTS_MAX, count = 0;

    for (unsigned i = 0; i < kept; i++)
        count += mono_sub(now, w->restarted[i]).ns <= dur_s(WINDOW_S).ns;
    return count;
}

/* Whether it tells. */
static bool take(struct watched *w, struct watched_endpoint *e, mono_t now)
{
    if (!e->asked_told)
        return false;
    if (e->told && e->asked > e->since + SAME_WITHIN_S)
        w->restarted[w->restarts++ % EVENTS_MAX] = now;
    if (!e->told || e->asked > e->since + SAME_WITHIN_S || e->asked < e->since - SAME_WITHIN_S)
        e->since = e->asked;
    e->told = true;
    return true;
}

static void on_asked(struct worker_job *j)
{
    struct watched *w = container_of(j, struct watched, job);
    struct core_measure m = {.migration = w->migration.s, .kind = MEASURE_RESTARTS};
    mono_t now = loop_now(w->all->loop);
    bool any = false;

    w->out = false;
    for (unsigned i = 0; i < w->count; i++)
        any = take(w, &w->at[i], now) || any;
    m.value = count_recent(w, now);
    if (any && w->wanted && !w->all->stopping)
        driver_measure(w->all->driver, &m);
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static struct watched *find(struct restarts *r, const char *migration)
{
    struct watched *w;

    DL_FOREACH (r->first, w) {
        if (strcmp(w->migration.s, migration) == 0)
            return w;
    }
    w = xnew(struct watched);
    w->all = r;
    str_fmt(w->migration.s, sizeof w->migration.s, "%s", migration);
    DL_APPEND(r->first, w);
    return w;
}

/* The endpoints as the plan has them now; what is known of those that stay is kept. */
static void follow_plan(struct watched *w, const struct plan *plan)
{
    const struct route_upstream *u = &plan->route.upstream[SYSTEM_NEW];
    struct watched_endpoint next[ROUTE_ENDPOINTS_MAX] = {{.told = false}};

    for (unsigned i = 0; i < u->endpoint_count; i++) {
        next[i].endpoint = u->endpoint[i];
        for (unsigned k = 0; k < w->count; k++)
            if (endpoint_eq(&w->at[k].endpoint, &u->endpoint[i]))
                next[i] = w->at[k];
    }
    memcpy(w->at, next, sizeof next);
    w->count = u->endpoint_count;
    str_fmt(w->path, sizeof w->path, "%s", plan_start_page(plan));
}

/* How often restarts are asked for; 0: they are not. */
static dur_t period(const struct plan *plan)
{
    dur_t shortest = {0};

    if (!plan_start_page(plan))
        return shortest;
    if (plan->has_triggers && plan->triggers.restarts_m > 0)
        shortest = plan->triggers.every;
    for (unsigned i = 0; i < plan->stage_count; i++) {
        const struct plan_limits *gate = &plan->stage[i].gate;

        if (plan->stage[i].has_gate && gate->restarts_m > 0 &&
            (shortest.ns == 0 || gate->every.ns < shortest.ns))
            shortest = gate->every;
    }
    return shortest;
}

static void look_at(struct restarts *r, const struct plan *plan)
{
    dur_t every = period(plan);
    struct watched *w;

    if (every.ns == 0)
        return;
    w = find(r, plan->name.s);
    w->wanted = true;
    if (w->out || mono_before(loop_now(r->loop), w->due))
        return;
    follow_plan(w, plan);
    w->due = mono_add(loop_now(r->loop), every);
    w->now = loop_wall(r->loop);
    w->job = (struct worker_job){.run = ask_all, .done = on_asked};
    w->out = worker_do(r->worker, &w->job);
}

static void forget_unwanted(struct restarts *r)
{
    struct watched *w, *next;

    DL_FOREACH_SAFE (r->first, w, next) {
        if (w->wanted || w->out)
            continue;
        DL_DELETE(r->first, w);
        free(w);
    }
}

static void on_look(struct timer *t)
{
    struct restarts *r = container_of(t, struct restarts, look);
    const struct core *core = driver_core(r->driver);
    struct driver_health h;
    struct watched *w;

    driver_health(r->driver, &h);
    DL_FOREACH (r->first, w)
        w->wanted = false;
    if (core && h.leadership.here)
        for (const char *m = ""; (m = core_next_migration(core, m));)
            look_at(r, core_plan(core, m));
    forget_unwanted(r);
    timer_set(r->loop, t, LOOK_EACH, on_look, "restarts");
}

/* ---- life ------------------------------------------------------------------------------------ */

int restarts_new(struct loop *l, struct restarts **ret, struct err *err)
{
    struct web_config config = {.connect_timeout = ASK_TIMEOUT};
    struct restarts *r = xnew(struct restarts);
    int status;

    web_start();
    r->loop = l;
    status = web_new(&config, &r->web, err);
    if (status == 0)
        status = worker_new(l, "restarts", JOBS_MAX, &r->worker, err);
    if (status < 0) {
        restarts_free(r);
        return status;
    }
    *ret = r;
    return 0;
}

void restarts_start(struct restarts *r, struct driver *d)
{
    r->driver = d;
    timer_set(r->loop, &r->look, LOOK_EACH, on_look, "restarts");
}

void restarts_free(struct restarts *r)
{
    struct watched *w, *next;

    if (!r)
        return;
    r->stopping = true;
    timer_cancel(&r->look);
    if (r->web)
        web_cancel(r->web);
    worker_free(r->worker);
    DL_FOREACH_SAFE (r->first, w, next) {
        free(w);
    }
    web_free(r->web);
    free(r);
    web_end();
}
