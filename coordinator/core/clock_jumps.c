/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/clock_jumps.h"

#include "coordinator/core/staging.h"
#include "coordinator/core/words.h"

static wall_t whole_ms(wall_t t)
{
    return (wall_t){t.ns - t.ns % dur_ms(1).ns};
}

static void set_clock(struct core *c)
{
    c->clock = whole_ms((wall_t){c->mono.ns + c->offset - c->jumped.ns});
}

void clock_start(struct core *c, wall_t now)
{
    c->now = whole_ms(now);
    c->offset = now.ns - c->mono.ns;
    set_clock(c);
}

/* What a node said is shown with the instant at which it was heard, which may be a while ago: its
 * two times say nothing about the clocks. Whoever does not lead takes deadlines as they are. */
void clock_step(struct core *c, const struct core_event *ev)
{
    int64_t offset = ev->now.ns - ev->mono.ns;
    int64_t moved = offset - c->offset;

    c->now = whole_ms(ev->now);
    c->mono = ev->mono;
    if (ev->kind != EV_NODE) {
        if (moved >= CLOCK_JUMP.ns || moved <= -CLOCK_JUMP.ns)
            c->jumped.ns += moved;
        c->offset = offset;
    }
    if (!c->leads)
        c->jumped = dur_ns(0);
    set_clock(c);
}

static void move(wall_t *t, dur_t by)
{
    if (wall_is_set(*t))
        *t = wall_add(*t, by);
}

static bool has_deadline(const struct rollout *r)
{
    return wall_is_set(r->bake_until) || wall_is_set(r->deadline) || wall_is_set(r->step_at) ||
           wall_is_set(r->proven_until) || wall_is_set(r->standby_until) ||
           wall_is_set(r->drill.deadline);
}

static void shift(struct core *c, struct migration *m)
{
    struct rollout *r = &staging_begin(c, m)->next.rollout;

    move(&r->bake_until, c->jumped);
    move(&r->deadline, c->jumped);
    move(&r->step_at, c->jumped);
    move(&r->proven_until, c->jumped);
    move(&r->standby_until, c->jumped);
    if (wall_is_set(r->drill.deadline))
        move(&r->drill.ordered_at, c->jumped);
    move(&r->drill.deadline, c->jumped);
    if (wall_is_set(r->deadline))
        r->last_rollback.deadline = r->deadline;
}

static void tell(const struct core *c, struct core_update *u)
{
    bool back = c->jumped.ns < 0;
    char by[WORDS_DURATION_MAX];

    words_duration(dur_ns(back ? -c->jumped.ns : c->jumped.ns), by);
    update_tell(u, LOG_WARN, LOG_CLOCK,
                update_fmt(u, "why=\"the clock was set %s by %s; deadlines move with it\"",
                           back ? "back" : "forward", by));
}

bool clock_shift(struct core *c, struct core_update *u)
{
    if (c->jumped.ns == 0)
        return false;
    STATE_FOREACH(c, m)
    {
        if (has_deadline(&m->is.rollout))
            shift(c, m);
    }
    tell(c, u);
    c->shifting = c->staged;
    if (!c->shifting)
        c->jumped = dur_ns(0);
    return c->shifting;
}
