/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker_fsm.h"

#include "common/base/check.h"
#include "sidecar/proxy/breaker_table.h"

#define RAMP_STEPS 100

/* ---- limits ---------------------------------------------------------------------------------- */

dur_t breaker_fsm_window(const struct breaker_fsm *b)
{
    return dur_ms(b->config.window_ms);
}

/* While new gets a part of its share, that part of the errors is as bad. One alone is chance. */
static uint64_t errors_limit(const struct breaker_fsm *b, mono_t now)
{
    uint64_t all = b->config.errors, part;

    if (b->sm.state != BREAKER_ST_RAMPING)
        return all;
    part = (all * breaker_fsm_share(b, now) + WEIGHT_BP_MAX - 1) / WEIGHT_BP_MAX;
    if (part < 2)
        part = 2;
    return part < all ? part : all;
}

static bool is_rate(uint64_t part, uint64_t whole, uint32_t rate_bp, uint32_t at_least)
{
    return rate_bp > 0 && part > 0 && whole >= at_least &&
           part * WEIGHT_BP_MAX >= (uint64_t)rate_bp * whole;
}

/* BREAKER_CAUSE_NONE: no limit is reached. */
static enum breaker_cause find_cause(const struct breaker_fsm *b, mono_t now)
{
    const struct route_breaker *c = &b->config;
    struct breaker_counts n = breaker_window_sum(&b->window);

    if (c->errors > 0 && n.errors >= errors_limit(b, now))
        return BREAKER_CAUSE_ERRORS;
    if (is_rate(n.errors, n.errors + n.good, c->error_rate_bp, c->min_requests))
        return BREAKER_CAUSE_ERROR_RATE;
    if (is_rate(n.slow, n.good, c->slow_rate_bp, c->min_requests))
        return BREAKER_CAUSE_SLOW_RATE;
    return BREAKER_CAUSE_NONE;
}

static mono_t ramp_end(const struct breaker_fsm *b)
{
    return mono_add(b->since, dur_ms(b->config.re_ramp_ms));
}

static mono_t open_until(const struct breaker_fsm *b)
{
    return mono_add(b->since, dur_ms(b->config.open_for_ms));
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum breaker_cause cause_of(int before, enum breaker_event event, enum breaker_cause limit)
{
    if (event == BREAKER_EV_ORDER_OPEN)
        return BREAKER_CAUSE_ORDER;
    return before == BREAKER_ST_HALF_OPEN ? BREAKER_CAUSE_PROBE : limit;
}

static void step(struct breaker_fsm *b, enum breaker_event event, mono_t now, wall_t wall)
{
    const int before = b->sm.state;
    const enum breaker_cause limit = find_cause(b, now);
    const struct breaker_facts facts = {
        .limit_reached = limit != BREAKER_CAUSE_NONE,
        .open_is_over = !mono_before(now, open_until(b)),
        .ramps = b->config.re_ramp_ms > 0,
        .ramp_is_over = !mono_before(now, ramp_end(b)),
        .order = b->order,
        .probes = b->probes,
        .probes_max = b->probes_max,
    };
    const struct sm_row *row = sm_step(&b->sm, (int)event, &facts, wall, NULL);

    if (!row)
        return;
    if (row->effects & BREAKER_FX_ERA) {
        b->era++;
        b->cause = cause_of(before, event, limit);
    }
    if (row->effects & BREAKER_FX_FORGET)
        breaker_window_clear(&b->window, now);
    if (b->sm.state != before)
        b->since = now;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void obey(struct breaker_fsm *b, mono_t now, wall_t wall)
{
    static const enum breaker_event events[BREAKER_ORDER_COUNT] = {
        [BREAKER_ORDER_OPEN] = BREAKER_EV_ORDER_OPEN,
        [BREAKER_ORDER_CLOSE] = BREAKER_EV_ORDER_CLOSE,
        [BREAKER_ORDER_PROBE] = BREAKER_EV_ORDER_PROBE,
        [BREAKER_ORDER_RESET] = BREAKER_EV_ORDER_RESET,
    };
    const struct route_breaker *c = &b->config;

    if (c->order_number <= b->order_number || c->order == BREAKER_ORDER_NONE)
        return;
    b->order_number = c->order_number;
    b->order = c->order;
    step(b, events[c->order], now, wall);
}

void breaker_fsm_init(struct breaker_fsm *b, const struct route_breaker *config, mono_t now,
                      wall_t wall)
{
    *b = (struct breaker_fsm){.since = now};
    sm_init(&b->sm, &breaker_machine, BREAKER_ST_CLOSED);
    breaker_window_clear(&b->window, now);
    breaker_fsm_configure(b, config, now, wall);
}

void breaker_fsm_configure(struct breaker_fsm *b, const struct route_breaker *config, mono_t now,
                           wall_t wall)
{
    const dur_t window = breaker_fsm_window(b);

    b->config = *config;
    if (breaker_fsm_window(b).ns != window.ns)
        breaker_window_resize(&b->window, window, breaker_fsm_window(b), now);
    b->probes_max = b->probes > config->half_open_requests ? b->probes : config->half_open_requests;
    obey(b, now, wall);
}

/* ---- time ------------------------------------------------------------------------------------ */

void breaker_fsm_elapse(struct breaker_fsm *b, mono_t now, wall_t wall)
{
    breaker_window_slide(&b->window, breaker_fsm_window(b), now);
    step(b, BREAKER_EV_ELAPSED, now, wall);
}

static int64_t ramp_step_ns(const struct breaker_fsm *b)
{
    int64_t ns = dur_ms(b->config.re_ramp_ms).ns / RAMP_STEPS;

    return ns > 0 ? ns : 1;
}

/* Steps that are behind it, RAMP_STEPS at most. */
static int64_t ramp_steps(const struct breaker_fsm *b, mono_t now)
{
    int64_t steps = mono_sub(now, b->since).ns / ramp_step_ns(b);

    if (steps < 0)
        return 0;
    return steps < RAMP_STEPS ? steps : RAMP_STEPS;
}

mono_t breaker_fsm_wake(const struct breaker_fsm *b, mono_t now)
{
    if (b->sm.state == BREAKER_ST_OPEN)
        return open_until(b);
    if (b->sm.state == BREAKER_ST_RAMPING && ramp_steps(b, now) < RAMP_STEPS)
        return mono_add(b->since, dur_ns((ramp_steps(b, now) + 1) * ramp_step_ns(b)));
    return b->sm.state == BREAKER_ST_RAMPING ? ramp_end(b) : (mono_t){INT64_MAX};
}

uint32_t breaker_fsm_share(const struct breaker_fsm *b, mono_t now)
{
    const uint32_t rise = WEIGHT_BP_MAX - BREAKER_RAMP_FLOOR_BP;

    switch ((enum breaker_fsm_state)b->sm.state) {
    case BREAKER_ST_CLOSED:
    case BREAKER_ST_HELD_CLOSED:
        return WEIGHT_BP_MAX;
    case BREAKER_ST_RAMPING:
        return BREAKER_RAMP_FLOOR_BP + rise * (uint32_t)ramp_steps(b, now) / RAMP_STEPS;
    case BREAKER_ST_OPEN:
    case BREAKER_ST_HALF_OPEN:
    case BREAKER_ST_HELD_OPEN:
    case BREAKER_ST_COUNT:
        break;
    }
    return 0;
}

enum breaker_state breaker_state_shown(enum breaker_fsm_state s)
{
    static const enum breaker_state shown[BREAKER_ST_COUNT] = {
        [BREAKER_ST_CLOSED] = BREAKER_CLOSED,       [BREAKER_ST_OPEN] = BREAKER_OPEN,
        [BREAKER_ST_HALF_OPEN] = BREAKER_HALF_OPEN, [BREAKER_ST_RAMPING] = BREAKER_HALF_OPEN,
        [BREAKER_ST_HELD_OPEN] = BREAKER_OPEN,      [BREAKER_ST_HELD_CLOSED] = BREAKER_CLOSED,
    };

    return shown[s];
}

/* ---- requests -------------------------------------------------------------------------------- */

bool breaker_fsm_take_probe(struct breaker_fsm *b, bool rescuable, mono_t now)
{
    if (b->sm.state != BREAKER_ST_HALF_OPEN || b->probes >= b->config.half_open_requests)
        return false;
    if (!rescuable && mono_before(now, mono_add(b->since, BREAKER_PROBE_PATIENCE)))
        return false;
    b->probes++;
    return true;
}

static void count(struct breaker_fsm *b, enum breaker_outcome outcome)
{
    breaker_window_add(&b->window, (struct breaker_counts){
                                       .errors = outcome == BREAKER_ERROR,
                                       .good = outcome != BREAKER_ERROR,
                                       .slow = outcome == BREAKER_SLOW,
                                   });
}

static void judge(struct breaker_fsm *b, enum breaker_outcome outcome, bool probe, mono_t now,
                  wall_t wall)
{
    /* Where slow answers open nothing, a slow probe is a good one. */
    if (outcome == BREAKER_ERROR || (outcome == BREAKER_SLOW && b->config.slow_rate_bp > 0))
        step(b, probe ? BREAKER_EV_PROBE_TROUBLE : BREAKER_EV_TROUBLE, now, wall);
    else if (probe)
        step(b, BREAKER_EV_PROBE_SUCCESS, now, wall);
}

void breaker_fsm_report(struct breaker_fsm *b, enum breaker_outcome outcome, bool probe,
                        uint32_t era, mono_t now, wall_t wall)
{
    if (probe) {
        CHECK(b->probes > 0);
        b->probes--;
    }
    if (outcome == BREAKER_ABANDONED || era != b->era)
        return;
    breaker_window_slide(&b->window, breaker_fsm_window(b), now);
    count(b, outcome);
    judge(b, outcome, probe, now, wall);
}

void breaker_fsm_add_good(struct breaker_fsm *b, uint64_t good)
{
    breaker_window_add(&b->window, (struct breaker_counts){.good = good});
}

void breaker_fsm_see(const struct breaker_fsm *b, mono_t now, struct breaker_seen *ret)
{
    const struct breaker_counts n = breaker_window_sum(&b->window);
    const struct sm_step *last = sm_history(&b->sm, 0);

    *ret = (struct breaker_seen){
        .requests = n.errors + n.good,
        .errors = n.errors,
        .slow = n.slow,
        .since = last ? last->at : (wall_t){0},
        .cause = b->cause,
        .share_bp = breaker_fsm_share(b, now),
        .held = b->sm.state == BREAKER_ST_HELD_OPEN || b->sm.state == BREAKER_ST_HELD_CLOSED,
        .order_number = b->order_number,
        .opened = b->era,
    };
}
