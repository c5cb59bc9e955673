/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/fleet_breaker.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker_watch.h"
#include "coordinator/core/moves.h"

static bool is_on_stage(const struct rollout *r)
{
    return r->stage > 0 && phase_coarse(r->phase) != COARSE_FALLING;
}

/* A breaker that only watches diverts nothing on a node, so it does not on all of them. Where
 * legacy is forbidden, an answer of new that fails is better than none. */
void fleet_breaker_stored(const struct durable *d, struct fleet_breaker_facts *ret)
{
    const struct rollout *r = &d->rollout;
    struct route_breaker b;

    compile_breaker(d, &b);
    *ret = (struct fleet_breaker_facts){
        .present = route_breaker_is_on(&b) && b.mode != BREAKER_MODE_OFF,
        .forbidden = compile_forbids_legacy(d),
        .waits = wall_is_set(r->breaker.deadline),
        .order = r->breaker.order,
    };
    ret->armed = ret->present && b.mode == BREAKER_MODE_ENFORCE && !ret->forbidden &&
                 plan_has_fleet_breaker(&d->plan->fleet_breaker) && is_on_stage(r);
}

/* And what time and nodes say; `why` of TEXT_SIZE bytes: what makes the fleet sick. What no row of
 * the state asks for is not looked at: it is a loop over all nodes. */
static void collect(const struct core *c, const struct migration *m, char *why,
                    struct fleet_breaker_facts *ret)
{
    const struct fleet_breaker *b = &m->is.rollout.breaker;
    bool may_trip = b->state == FLEET_BREAKER_CLOSED || b->state == FLEET_BREAKER_HALF_OPEN;

    why[0] = '\0';
    fleet_breaker_stored(&m->is, ret);
    if (!ret->armed)
        return;
    ret->waking = mono_before(c->mono, c->awake);
    ret->due = ret->waits && !wall_before(c->clock, b->deadline);
    ret->sick = may_trip && fleet_breaker_is_sick(c, m, why);
    ret->well = b->state == FLEET_BREAKER_HALF_OPEN && fleet_breaker_is_well(c, m);
}

/* ---- one step -------------------------------------------------------------------------------- */

/* Of the effects that are one. */
static const enum breaker_order orders[FLEET_BREAKER_FX_COUNT] = {
    [FLEET_BREAKER_FX_BIT_ORDER_OPEN] = BREAKER_ORDER_OPEN,
    [FLEET_BREAKER_FX_BIT_ORDER_CLOSE] = BREAKER_ORDER_CLOSE,
    [FLEET_BREAKER_FX_BIT_ORDER_PROBE] = BREAKER_ORDER_PROBE,
    [FLEET_BREAKER_FX_BIT_ORDER_RESET] = BREAKER_ORDER_RESET,
};

/* Nodes obey higher numbers only, and remember them longer than the store may: a plan can be
 * deleted and come back, a backup be restored. So they do not count from one, but from the clock.
 */
static uint64_t next_number(const struct core *c, uint64_t last)
{
    uint64_t now = (uint64_t)dur_to_ms(dur_ns(c->clock.ns));

    return now > last ? now : last + 1;
}

static void give_orders(const struct core *c, struct fleet_breaker *b, const struct sm_row *row)
{
    for (unsigned i = 0; i < FLEET_BREAKER_FX_COUNT; i++) {
        if (!(row->effects & (1u << i)) || orders[i] == BREAKER_ORDER_NONE)
            continue;
        b->order = orders[i];
        b->order_number = next_number(c, b->order_number);
    }
}

static void tell(const struct staged *s, const struct sm_row *row, struct core_update *u)
{
    const struct fleet_breaker *b = &s->next.rollout.breaker;

    update_tell(u, LOG_WARN, LOG_FLEET_BREAKER,
                update_fmt(u, "migration=%s from=%s to=%s order=%s why=%s", s->m->name.s,
                           fleet_breaker_state_name(row->state), fleet_breaker_state_name(b->state),
                           breaker_order_name(b->order), LOGQ(b->why)));
}

static void set_deadline(const struct core *c, struct staged *s, const struct sm_row *row)
{
    struct route_breaker b;

    compile_breaker(&s->next, &b);
    s->next.rollout.breaker.deadline = row->effects & FLEET_BREAKER_FX_WAIT
                                           ? wall_add(c->clock, dur_ms(b.open_for_ms))
                                           : (wall_t){0};
}

/* `detail`: what the sentence of the row cannot know; may be "". */
static void carry_out(struct core *c, struct staged *s, const struct sm_row *row,
                      const char *detail, struct core_update *u)
{
    const struct core_command *cmd = c->command;
    struct fleet_breaker *b = &s->next.rollout.breaker;
    struct fleet_breaker_facts after;

    give_orders(c, b, row);
    set_deadline(c, s, row);
    if (row->to != SM_STAY)
        b->state = (enum fleet_breaker_state)row->to;
    b->since = c->clock;
    str_fmt(b->why, sizeof b->why, "%s%s%s", row->why, detail[0] ? ": " : "", detail);
    str_fmt(b->operator_name, sizeof b->operator_name, "%s",
            cmd ? cmd->operator_name : MOVES_MYSELF);
    fleet_breaker_stored(&s->next, &after);
    sm_move(&s->next.breaker, row, &after, c->now);
    tell(s, row, u);
}

static const struct sm_row *find_row(const struct durable *d, enum fleet_breaker_event event,
                                     struct fleet_breaker_facts *ret_facts)
{
    fleet_breaker_stored(d, ret_facts);
    return sm_find_row(&fleet_breaker_machine, d->rollout.breaker.state, (int)event, ret_facts,
                       NULL);
}

static const struct sm_row *run(struct core *c, struct staged *s, enum fleet_breaker_event event,
                                struct core_update *u, struct fleet_breaker_facts *ret_facts)
{
    const struct sm_row *row = find_row(&s->next, event, ret_facts);
    const char *reason = c->command && c->command->reason ? c->command->reason : "";

    if (row)
        carry_out(c, s, row, reason, u);
    return row;
}

/* ---- what makes it move ---------------------------------------------------------------------- */

const struct sm_row *fleet_breaker_order(struct core *c, struct staged *s,
                                         enum fleet_breaker_event event, struct core_update *u,
                                         struct fleet_breaker_facts *ret_facts)
{
    return run(c, s, event, u, ret_facts);
}

void fleet_breaker_follow(struct core *c, struct staged *s, struct core_update *u)
{
    bool left = is_on_stage(&s->m->is.rollout) && !is_on_stage(&s->next.rollout);
    struct fleet_breaker_facts facts;

    if (s->fell || left)
        run(c, s, FLEET_BREAKER_EV_FALL, u, &facts);
    run(c, s, FLEET_BREAKER_EV_DISARM, u, &facts);
}

static const enum fleet_breaker_event by_itself[] = {
    FLEET_BREAKER_EV_DISARM,
    FLEET_BREAKER_EV_TRIP,
    FLEET_BREAKER_EV_DEADLINE,
    FLEET_BREAKER_EV_RECOVERED,
};

bool fleet_breaker_advance(struct core *c, struct migration *m, struct core_update *u)
{
    const struct sm_row *row = NULL;
    struct fleet_breaker_facts facts;
    char why[TEXT_SIZE];

    collect(c, m, why, &facts);
    for (unsigned i = 0; !row && i < ARRAY_LEN(by_itself); i++)
        row = sm_find_row(&fleet_breaker_machine, m->is.rollout.breaker.state, (int)by_itself[i],
                          &facts, NULL);
    if (row)
        carry_out(c, staging_begin(c, m), row, why, u);
    return row;
}
