/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/drill.h"

#include "common/base/check.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/drill_watch.h"
#include "coordinator/core/moves.h"
#include "coordinator/core/words.h"

/* One step of the machine while it is carried out. */
struct drilling {
    struct core *c;
    struct staged *s;
    const struct sm_row *row;
};

/* ---- facts ----------------------------------------------------------------------------------- */

void drill_stored(const struct durable *d, struct drill_facts *ret)
{
    const struct rollout *r = &d->rollout;

    *ret = (struct drill_facts){
        .on_stage = r->stage > 0 && phase_coarse(r->phase) != COARSE_FALLING,
        .overridden = r->override != SYSTEM_NONE,
        .forbidden = !r->drill.shadow && compile_forbids_legacy(d),
        .open = r->drill.present && !wall_is_set(r->drill.ended_at),
    };
}

void drill_collect(const struct core *c, const struct migration *m, const struct durable *d,
                   struct drill_facts *ret)
{
    const struct drill_record *drill = &d->rollout.drill;

    drill_stored(d, ret);
    ret->populated = drill_watch_scope(c, &drill->scope) > 0;
    ret->converged = drill_watch_reached(c, m);
    ret->late = wall_is_set(drill->deadline) && !wall_before(c->clock, drill->deadline);
    ret->waking = mono_before(c->mono, c->awake);
}

/* ---- effects --------------------------------------------------------------------------------- */

static void fx_open(const struct drilling *q)
{
    struct drill_record *r = &q->s->next.rollout.drill;

    r->present = true;
    r->passed = false;
    r->started_at = q->c->clock;
    r->ended_at = (wall_t){0};
    r->measured_ms = r->restored_ms = -1.0;
    r->nodes = drill_watch_scope(q->c, &r->scope);
    r->why[0] = '\0';
    if (q->s->next.rollout.extra)
        json_remove(q->s->next.rollout.extra, "drill");
}

/* Late or not, what it took is worth knowing: nodes have at least as long as in a rollback. */
static void order(const struct drilling *q)
{
    struct drill_record *r = &q->s->next.rollout.drill;
    dur_t patience = q->s->next.plan->rollback_deadline;

    if (r->within.ns > patience.ns)
        patience = r->within;
    r->ordered_at = q->c->clock;
    r->deadline = wall_add(q->c->clock, patience);
    q->s->again = true;
    q->s->drilling = true;
}

static void measure_rehearsal(const struct drilling *q, struct drill_record *r)
{
    char asked[WORDS_DURATION_MAX];

    r->measured_ms = drill_watch_measure(q->c, q->s->m);
    if (r->measured_ms > dur_in_ms(r->within))
        str_fmt(r->why, sizeof r->why, "it took %.0f ms, and %s was asked for", r->measured_ms,
                words_duration(r->within, asked));
}

static void fx_measure(const struct drilling *q)
{
    struct drill_record *r = &q->s->next.rollout.drill;

    if (q->row->state == DRILL_REHEARSING)
        measure_rehearsal(q, r);
    else
        r->restored_ms = drill_watch_measure(q->c, q->s->m);
}

/* The first thing that goes wrong is what counts. */
static void fx_fail(const struct drilling *q)
{
    struct drill_record *r = &q->s->next.rollout.drill;
    char names[TEXT_SIZE] = "";

    if (r->why[0])
        return;
    if (q->row->event == DRILL_EV_DEADLINE)
        drill_watch_laggards(q->c, q->s->m, names);
    str_fmt(r->why, sizeof r->why, "%s%s%s", q->row->why, names[0] ? ": " : "", names);
}

static void fx_close(const struct drilling *q)
{
    struct drill_record *r = &q->s->next.rollout.drill;

    r->passed = r->why[0] == '\0';
    r->ended_at = q->c->clock;
    r->deadline = (wall_t){0};
}

static void (*const effects[DRILL_FX_COUNT])(const struct drilling *q) = {
    [DRILL_FX_BIT_OPEN] = fx_open,  [DRILL_FX_BIT_MEASURE] = fx_measure,
    [DRILL_FX_BIT_FAIL] = fx_fail,  [DRILL_FX_BIT_REHEARSE] = order,
    [DRILL_FX_BIT_RESTORE] = order, [DRILL_FX_BIT_CLOSE] = fx_close,
};

/* ---- steps ----------------------------------------------------------------------------------- */

static void tell(const struct drilling *q, struct core_update *u)
{
    const struct drill_record *r = &q->s->next.rollout.drill;
    bool failed = q->row->effects & DRILL_FX_FAIL;

    update_tell(u, failed ? LOG_WARN : LOG_INFO, LOG_DRILL,
                update_fmt(u, "migration=%s scope=%s from=%s to=%s measured_ms=%.1f why=%s",
                           q->s->m->name.s, LOGQ(r->scope.text), drill_state_name(q->row->state),
                           drill_state_name(q->s->next.rollout.drill_state), r->measured_ms,
                           LOGQ(q->row->why)));
}

static void carry_out(const struct drilling *q, struct core_update *u)
{
    struct drill_facts after;

    for (unsigned i = 0; i < DRILL_FX_COUNT; i++)
        if (q->row->effects & (1u << i))
            effects[i](q);
    q->s->next.rollout.drill_state = (enum drill_state)q->row->to;
    drill_collect(q->c, q->s->m, &q->s->next, &after);
    sm_move(&q->s->next.drill, q->row, &after, q->c->now);
    tell(q, u);
}

static const struct sm_row *find_row(const struct core *c, const struct migration *m,
                                     const struct durable *d, enum drill_event event,
                                     struct drill_facts *ret_facts)
{
    drill_collect(c, m, d, ret_facts);
    return sm_find_row(&drill_machine, d->rollout.drill_state, (int)event, ret_facts, NULL);
}

bool drill_begin(struct core *c, struct staged *s, struct core_update *u,
                 struct drill_facts *ret_facts)
{
    struct drilling q = {.c = c, .s = s};

    q.row = find_row(c, s->m, &s->next, DRILL_EV_BEGIN, ret_facts);
    if (q.row)
        carry_out(&q, u);
    return q.row;
}

void drill_fall(struct core *c, struct staged *s, struct core_update *u)
{
    struct drill_facts facts;
    struct drilling q = {.c = c, .s = s};

    q.row = find_row(c, s->m, &s->next, DRILL_EV_FALL, &facts);
    if (q.row)
        carry_out(&q, u);
}

/* ---- by itself ------------------------------------------------------------------------------- */

static void record_end(struct core *c, struct staged *s)
{
    const struct drill_record *r = &s->next.rollout.drill;
    char result[TEXT_SIZE];

    if (r->passed)
        str_fmt(result, sizeof result,
                "the drill of %s passed: %u node%s in %.0f ms, and back in %.0f ms", r->scope.text,
                r->nodes, r->nodes == 1 ? "" : "s", r->measured_ms, r->restored_ms);
    else
        str_fmt(result, sizeof result, "the drill of %s failed: %s", r->scope.text, r->why);
    moves_record(c, s,
                 &(struct move){
                     .operator_name = MOVES_MYSELF, .reason = result, .recorded_as = DRILL_ENDED});
}

bool drill_advance(struct core *c, struct migration *m, struct core_update *u)
{
    static const enum drill_event by_itself[] = {DRILL_EV_CONVERGED, DRILL_EV_DEADLINE};
    struct drilling q = {.c = c};
    struct drill_facts facts;

    if (m->is.rollout.drill_state == DRILL_IDLE)
        return false;
    for (unsigned i = 0; !q.row && i < ARRAY_LEN(by_itself); i++)
        q.row = find_row(c, m, &m->is, by_itself[i], &facts);
    if (!q.row)
        return false;
    q.s = staging_begin(c, m);
    carry_out(&q, u);
    if (q.row->effects & DRILL_FX_CLOSE)
        record_end(c, q.s);
    return true;
}
