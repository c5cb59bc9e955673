/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/fleet_breaker.h"

#include "coordinator/core/compile.h"
#include "coordinator/core/moves.h"

void fleet_breaker_collect(const struct durable *d, struct fleet_breaker_facts *ret)
{
    const struct route_breaker *b = &d->plan->route.breaker;

    *ret = (struct fleet_breaker_facts){
        .present = route_breaker_is_on(b) && b->mode != BREAKER_MODE_OFF,
        .forbidden = compile_forbids_legacy(d),
        .order = d->rollout.breaker.order,
    };
}

/* ---- one step -------------------------------------------------------------------------------- */

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
        if (!(row->effects & (1u << i)))
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

static void carry_out(struct core *c, struct staged *s, const struct sm_row *row,
                      struct core_update *u)
{
    const struct core_command *cmd = c->command;
    struct fleet_breaker *b = &s->next.rollout.breaker;
    bool has_reason = cmd && cmd->reason && cmd->reason[0];
    struct fleet_breaker_facts after;

    give_orders(c, b, row);
    if (row->to != SM_STAY)
        b->state = (enum fleet_breaker_state)row->to;
    b->since = c->clock;
    str_fmt(b->why, sizeof b->why, "%s%s%s", row->why, has_reason ? ": " : "",
            has_reason ? cmd->reason : "");
    str_fmt(b->operator_name, sizeof b->operator_name, "%s",
            cmd ? cmd->operator_name : MOVES_MYSELF);
    fleet_breaker_collect(&s->next, &after);
    sm_move(&s->next.breaker, row, &after, c->now);
    tell(s, row, u);
}

static const struct sm_row *find_row(const struct durable *d, enum fleet_breaker_event event,
                                     struct fleet_breaker_facts *ret_facts)
{
    fleet_breaker_collect(d, ret_facts);
    return sm_find_row(&fleet_breaker_machine, d->rollout.breaker.state, (int)event, ret_facts,
                       NULL);
}

static const struct sm_row *run(struct core *c, struct staged *s, enum fleet_breaker_event event,
                                struct core_update *u, struct fleet_breaker_facts *ret_facts)
{
    const struct sm_row *row = find_row(&s->next, event, ret_facts);

    if (row)
        carry_out(c, s, row, u);
    return row;
}

/* ---- what makes it move ---------------------------------------------------------------------- */

const struct sm_row *fleet_breaker_order(struct core *c, struct staged *s,
                                         enum fleet_breaker_event event, struct core_update *u,
                                         struct fleet_breaker_facts *ret_facts)
{
    return run(c, s, event, u, ret_facts);
}

static bool is_on_stage(const struct rollout *r)
{
    return r->stage > 0 && phase_coarse(r->phase) != COARSE_FALLING;
}

void fleet_breaker_follow(struct core *c, struct staged *s, struct core_update *u)
{
    bool left = is_on_stage(&s->m->is.rollout) && !is_on_stage(&s->next.rollout);
    struct fleet_breaker_facts facts;

    if (s->fell || left)
        run(c, s, FLEET_BREAKER_EV_FALL, u, &facts);
    run(c, s, FLEET_BREAKER_EV_DISARM, u, &facts);
}

bool fleet_breaker_advance(struct core *c, struct migration *m, struct core_update *u)
{
    struct fleet_breaker_facts facts;
    struct staged *s;

    if (!find_row(&m->is, FLEET_BREAKER_EV_DISARM, &facts))
        return false;
    s = staging_begin(c, m);
    run(c, s, FLEET_BREAKER_EV_DISARM, u, &facts);
    return true;
}
