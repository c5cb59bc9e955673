/* SPDX-License-Identifier: Apache-2.0 */
/* A caller of Await is kept in a waiter until the nodes serve or its deadline passes. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/service/convert.h"
#include "coordinator/service/service_state.h"

#define WAITERS_MAX 256u

struct waiter {
    struct service *service;
    struct rpc_call *call;
    struct name migration; /* "": all of them */
    uint64_t revision;
    uint64_t unstored_epoch; /* > 0: of an order that is not in the store; it counts instead */
    struct timer deadline;
    struct waiter *prev, *next;
};

/* A migration's latest decision may be older than the revision asked for: a pause is stored and has
 * nothing that nodes could serve. */
static uint64_t revision_to_serve(const struct core *c, const struct waiter *w)
{
    uint64_t decided = w->migration.s[0] ? core_decision_rev(c, w->migration.s) : core_revision(c);

    return decided < w->revision ? decided : w->revision;
}

/* The slowest of the migrations that were decided at `revision`. What is measured is decisions in
 * the store. */
static struct view_measured measured(const struct core *c, const struct waiter *w)
{
    struct view_measured worst = {.all = -1, .p50 = -1, .p99 = -1, .last_node = ""}, one;

    if (w->unstored_epoch > 0)
        return worst;
    if (w->migration.s[0]) {
        view_measured(c, w->migration.s, &worst);
        return worst;
    }
    for (const char *m = ""; (m = core_next_migration(c, m));) {
        if (core_decision_rev(c, m) != w->revision)
            continue;
        view_measured(c, m, &one);
        worst = one.all > worst.all ? one : worst;
    }
    return worst;
}

/* Returns whether all of them serve it. What another coordinator decided may not have come here
 * yet; until then nothing can be said. */
static bool look(const struct waiter *w, struct view_convergence *ret)
{
    const struct service *s = w->service;
    const struct core *c = core_of(s);
    struct service_facts f;

    s->host.facts(s->host.ctx, &f);
    if (w->unstored_epoch > 0) {
        s->host.unstored(s->host.ctx, w->migration.s, w->unstored_epoch, ret);
        return ret->lagging == 0;
    }
    view_convergence(c, w->migration.s, revision_to_serve(c, w), loop_now(s->loop), ret);
    return ret->lagging == 0 && f.revision >= w->revision;
}

static void end_wait(struct waiter *w, bool converged, const struct view_convergence *c)
{
    const struct view_measured m = measured(core_of(w->service), w);
    struct arena a;

    arena_init(&a, CONVERT_REPLY_MAX);
    rpc_call_reply(w->call, convert_await(&a, converged, c, &m));
    arena_deinit(&a);
    timer_cancel(&w->deadline);
    DL_DELETE(w->service->waiters, w);
    w->service->waiter_count--;
    free(w);
}

static void on_deadline(struct timer *t)
{
    struct waiter *w = container_of(t, struct waiter, deadline);
    struct view_convergence c;

    end_wait(w, look(w, &c), &c);
}

void await_answer(struct service *s, bool all)
{
    struct view_convergence c;
    struct waiter *w, *next;

    DL_FOREACH_SAFE (s->waiters, w, next) {
        bool converged = look(w, &c);

        if (all || converged || rpc_call_cancelled(w->call))
            end_wait(w, converged, &c);
    }
}

/* What was decided elsewhere may not have come yet, a new plan among it. */
static bool is_here(const struct service *s, const struct convert_query *q)
{
    struct service_facts f;

    s->host.facts(s->host.ctx, &f);
    return f.revision >= q->revision;
}

static int check_wait(struct service *s, const struct convert_query *q, struct err *err)
{
    struct view_status ignored;

    if (s->waiter_count >= WAITERS_MAX) {
        err_set(err, ERR_EXHAUSTED, "%u callers wait for nodes already", s->waiter_count);
        return err_hint(err, "look at the status instead");
    }
    if (q->migration[0] == '\0' || !is_here(s, q))
        return 0;
    return view_status(core_of(s), q->migration, loop_wall(s->loop), loop_now(s->loop), &ignored,
                       err);
}

void await_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    struct service *s = ctx;
    struct convert_query q;
    struct waiter *w;
    struct err err;
    int r = convert_query(req, &q, &err);

    if (r == 0)
        r = check_wait(s, &q, &err);
    if (r < 0)
        return rpc_call_fail(call, &err);
    w = xnew(struct waiter);
    w->service = s;
    w->call = call;
    w->revision = q.revision;
    w->unstored_epoch = q.unstored_epoch;
    CHECK(str_copy(str_of(q.migration), w->migration.s, sizeof(w->migration.s)));
    DL_APPEND(s->waiters, w);
    s->waiter_count++;
    timer_set(s->loop, &w->deadline, q.timeout, on_deadline, "service.await");
    await_answer(s, s->stopping);
}
