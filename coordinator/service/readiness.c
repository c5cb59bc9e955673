/* SPDX-License-Identifier: Apache-2.0 */
/* CheckStage: a stage's readiness checks, run now and all of them, and what else would stop a raise
 * to it. Nothing changes. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/units.h"
#include "coordinator/core/words.h"
#include "coordinator/service/convert_blocks.h"
#include "coordinator/service/service_state.h"

#define READINESS_MAX  32u
#define CONDITIONS_MAX (3 + HOLDBACKS_COUNT)

struct readiness {
    struct service *service;
    struct rpc_call *call;
    struct name migration;
    unsigned stage;
    void *run; /* the host's; NULL: nothing is to be run */
    struct readiness *prev, *next;
};

/* ---- conditions ------------------------------------------------------------------------------ */

/* In the reply's arena. */
struct conditions {
    struct arena *arena;
    Switchyard__V1__CheckReport *report;
};

static void add(struct conditions *c, const char *name, enum verdict v, const char *text)
{
    struct view_check check = {.name = name, .verdict = v, .unit = ""};

    if (v == VERDICT_NONE)
        return;
    CHECK(c->report->n_conditions < CONDITIONS_MAX);
    str_fmt(check.text, sizeof check.text, "%s", text);
    c->report->conditions[c->report->n_conditions++] = block_check(c->arena, &check);
}

static void add_nodes(struct conditions *c, const struct view_status *v)
{
    char text[TEXT_SIZE];

    str_fmt(text, sizeof text, "%u of %u nodes serve the decision", v->convergence.serving,
            v->convergence.nodes);
    add(c, "nodes", v->convergence.lagging > 0 ? VERDICT_HOLD : VERDICT_PASS, text);
}

static void add_bake(struct conditions *c, const struct view_status *v, wall_t now)
{
    char text[TEXT_SIZE], left[UNIT_TEXT_MAX];
    const struct rollout *r = v->rollout;

    if (r->stage == 0)
        return;
    str_fmt(text, sizeof text, "the phase is %s", phase_name(r->phase));
    if (r->phase == PHASE_BAKING && wall_before(now, r->bake_until))
        str_fmt(text, sizeof text, "%s bakes %s more", plan_stage_name(v->plan, r->stage),
                words_duration(wall_sub(r->bake_until, now), left));
    else if (r->phase == PHASE_READY || r->phase == PHASE_BAKING)
        return add(c, "bake", VERDICT_PASS, "the stage before has baked");
    add(c, "bake", VERDICT_HOLD, text);
}

static void add_conditions(struct conditions *c, const struct service *s,
                           const struct view_status *v, unsigned stage)
{
    struct view_holdback held[HOLDBACKS_COUNT];
    wall_t now = loop_wall(s->loop);

    c->report->conditions = NEW_LIST(c->arena, CONDITIONS_MAX, Check);
    add_nodes(c, v);
    add_bake(c, v, now);
    add(c, "gate", v->gate.verdict,
        v->gate.text[0] ? v->gate.text : "the gate of the stage before does not object");
    if (view_holdbacks(core_of(s), v->rollout->migration.s, stage, now, held, NULL) < 0)
        return;
    for (unsigned i = 0; i < HOLDBACKS_COUNT; i++)
        add(c, held[i].name, held[i].verdict, held[i].text);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* A failure beats what could not be told. */
static char *verdict_over(const Switchyard__V1__CheckReport *m)
{
    bool fails = false, holds = false;

    for (size_t i = 0; i < m->n_checks; i++) {
        fails = fails || strcmp(m->checks[i]->verdict, "fail") == 0;
        holds = holds || strcmp(m->checks[i]->verdict, "hold") == 0;
    }
    for (size_t i = 0; i < m->n_conditions; i++) {
        fails = fails || strcmp(m->conditions[i]->verdict, "fail") == 0;
        holds = holds || strcmp(m->conditions[i]->verdict, "hold") == 0;
    }
    return rpc_lend(fails ? "fail" : holds ? "hold" : "pass");
}

static void reply(const struct readiness *w, const struct view_status *v,
                  const struct check_result *result, unsigned count)
{
    struct arena a;
    struct conditions c = {.arena = &a};

    arena_init(&a, CONVERT_REPLY_MAX);
    c.report = NEW(&a, CheckReport, check_report);
    c.report->migration = block_text(&a, w->migration.s);
    c.report->stage = block_text(&a, plan_stage_name(v->plan, w->stage));
    c.report->checks = NEW_LIST(&a, count, CheckResult);
    for (unsigned i = 0; i < count; i++)
        c.report->checks[c.report->n_checks++] = block_check_result(&a, &result[i]);
    add_conditions(&c, w->service, v, w->stage);
    c.report->verdict = verdict_over(c.report);
    rpc_call_reply(w->call, &c.report->base);
    arena_deinit(&a);
}

static void end(struct readiness *w)
{
    DL_DELETE(w->service->readiness, w);
    w->service->readiness_count--;
    free(w);
}

static int look(struct service *s, const char *migration, struct view_status *ret, struct err *err)
{
    return view_status(core_of(s), migration, loop_wall(s->loop), loop_now(s->loop), ret, err);
}

/* The plan may be another one by now, or gone. */
static void on_checked(void *ctx, const struct check_result *result, unsigned count)
{
    struct readiness *w = ctx;
    struct view_status v;
    struct err err;

    err_set(&err, ERR_CONFLICT, "the plan was changed while its checks ran");
    if (look(w->service, w->migration.s, &v, &err) == 0 && w->stage <= v.plan->stage_count)
        reply(w, &v, result, count);
    else
        rpc_call_fail(w->call, &err);
    end(w);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int find_stage(const struct view_status *v, const char *text, unsigned *ret, struct err *err)
{
    unsigned now = v->rollout->stage;
    const char *name = v->rollout->migration.s;
    uint64_t number = now + 1;

    if (text[0] && !str_to_u64(str_of(text), PLAN_STAGES_MAX, &number))
        number = plan_stage_by_name(v->plan, text);
    if (text[0] && (number == 0 || number > v->plan->stage_count)) {
        err_set(err, ERR_NOT_FOUND, "%s has no stage \"%.64s\"", name, text);
        return err_hint(err, "switchyard status %s", name);
    }
    if (now == v->plan->stage_count)
        return err_set(err, ERR_REFUSED, "%s is at its last stage: none is left to be checked",
                       name);
    if (number != now + 1) {
        err_set(err, ERR_REFUSED, "%s is at stage %u, so stage %u is next, and not %u", name, now,
                now + 1, (unsigned)number);
        return err_hint(err, "switchyard check %s --stage %u", name, now + 1);
    }
    *ret = (unsigned)number;
    return 0;
}

/* None takes longer than the caller wants. */
static struct plan_check *shortened(const struct plan_stage *stage, uint32_t timeout_ms)
{
    struct plan_check *check = xcalloc(stage->ready_count, sizeof *check);

    memcpy(check, stage->ready, stage->ready_count * sizeof *check);
    for (unsigned i = 0; i < stage->ready_count && timeout_ms > 0; i++)
        if (check[i].timeout.ns > dur_ms(timeout_ms).ns)
            check[i].timeout = dur_ms(timeout_ms);
    return check;
}

static int run(struct readiness *w, const struct view_status *v, uint32_t timeout_ms,
               struct err *err)
{
    const struct plan_stage *stage = &v->plan->stage[w->stage - 1];
    const struct service_host *host = &w->service->host;
    CLEANUP(xfreep) struct plan_check *check = shortened(stage, timeout_ms);

    return host->check(host->ctx, v->plan, check, stage->ready_count, on_checked, w, &w->run, err);
}

static int begin(struct service *s, struct rpc_call *call,
                 const Switchyard__V1__CheckStageRequest *m, struct err *err)
{
    struct readiness *w;
    struct view_status v;
    unsigned stage = 0;
    int r = look(s, m->migration, &v, err);

    if (r == 0)
        r = find_stage(&v, m->stage, &stage, err);
    if (r < 0)
        return r;
    if (s->stopping || s->readiness_count == READINESS_MAX)
        return err_set(err, s->stopping ? ERR_UNAVAILABLE : ERR_EXHAUSTED,
                       s->stopping ? "the coordinator stops" : "too many stages are being checked");
    w = xnew(struct readiness);
    *w = (struct readiness){
        .service = s, .call = call, .migration = v.rollout->migration, .stage = stage};
    DL_APPEND(s->readiness, w);
    s->readiness_count++;
    if (v.plan->stage[stage - 1].ready_count > 0) {
        r = run(w, &v, m->timeout_ms, err);
        if (r == 0)
            return 0;
    } else {
        reply(w, &v, NULL, 0);
    }
    end(w);
    return r;
}

void readiness_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    struct err err;

    if (begin(ctx, call, (const Switchyard__V1__CheckStageRequest *)req, &err) < 0)
        rpc_call_fail(call, &err);
}

void readiness_stop(struct service *s)
{
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "the coordinator stops");
    while (s->readiness) {
        struct readiness *w = s->readiness;

        s->host.stop_checks(s->host.ctx, w->run);
        rpc_call_fail(w->call, &err);
        end(w);
    }
}
