/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_breaker.h"

#define TRY_EACH 4

static void turn(struct sim_breaker *b, enum breaker_state state, bool held)
{
    b->state = state;
    b->held = held;
    b->seen = b->fails = b->tries = 0;
}

void sim_breaker_obey(struct sim_breaker *b, const struct route_breaker *r, mono_t now)
{
    static const enum breaker_state states[BREAKER_ORDER_COUNT] = {
        [BREAKER_ORDER_NONE] = BREAKER_CLOSED,  [BREAKER_ORDER_OPEN] = BREAKER_OPEN,
        [BREAKER_ORDER_CLOSE] = BREAKER_CLOSED, [BREAKER_ORDER_PROBE] = BREAKER_HALF_OPEN,
        [BREAKER_ORDER_RESET] = BREAKER_CLOSED,
    };

    if (!route_breaker_is_on(r)) {
        turn(b, BREAKER_DISABLED, false);
        return;
    }
    if (b->state == BREAKER_DISABLED)
        turn(b, BREAKER_CLOSED, false);
    if (r->order_number <= b->obeyed)
        return;
    b->obeyed = r->order_number;
    b->until = now;
    turn(b, states[r->order], r->order == BREAKER_ORDER_OPEN || r->order == BREAKER_ORDER_CLOSE);
}

enum breaker_state sim_breaker_ask(struct sim_breaker *b, mono_t now)
{
    if (b->state == BREAKER_OPEN && !b->held && !mono_before(now, b->until))
        turn(b, BREAKER_HALF_OPEN, false);
    if (b->state == BREAKER_HALF_OPEN && b->tries++ % TRY_EACH == 0)
        return BREAKER_CLOSED;
    return b->state;
}

void sim_breaker_saw(struct sim_breaker *b, const struct route_breaker *r, bool failed, mono_t now)
{
    bool half_open = b->state == BREAKER_HALF_OPEN;

    b->seen++;
    b->fails += failed;
    if (b->held || b->state == BREAKER_DISABLED)
        return;
    if (failed && (half_open || b->fails >= r->errors)) {
        turn(b, BREAKER_OPEN, false);
        b->until = mono_add(now, dur_ms(r->open_for_ms));
    } else if (half_open && b->seen >= TRY_EACH) {
        turn(b, BREAKER_CLOSED, false);
    }
}

void sim_breaker_tell(const struct sim_breaker *b, struct route_stats *ret)
{
    ret->breaker = b->state;
    ret->breaker_seen = (struct breaker_seen){
        .requests = b->seen,
        .errors = b->fails,
        .held = b->held,
        .order_number = b->obeyed,
    };
}
