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
            c->jumped.ns += moved - moved % dur_ms(1).ns;
        c->offset = offset;
    }
    if (!c->leads)
        c->jumped = dur_ns(0);
    set_clock(c);
}

wall_t clock_at(const struct core *c, mono_t mono)
{
    return wall_add(c->clock, mono_sub(mono, c->mono));
}

static void move(wall_t *t, dur_t by)
{
    if (wall_is_set(*t))
        *t = wall_add(*t, by);
}

static void move_rollout(struct rollout *r, dur_t by)
{
    move(&r->since, by);
    move(&r->decided_at, by);
    move(&r->bake_until, by);
    move(&r->deadline, by);
    move(&r->step_at, by);
    move(&r->proven_until, by);
    move(&r->standby_until, by);
    move(&r->breaker.since, by);
    move(&r->breaker.deadline, by);
}

/* While it is under way; then it is a record. */
static void move_rollback(struct rollout *r, dur_t by)
{
    if (!wall_is_set(r->deadline))
        return;
    move(&r->last_rollback.ordered_at, by);
    move(&r->last_rollback.deadline, by);
}

/* Its age counts afterwards, too. */
static void move_drill(struct drill_record *r, dur_t by)
{
    move(&r->started_at, by);
    move(&r->ended_at, by);
    move(&r->ordered_at, by);
    move(&r->deadline, by);
}

static void shift(struct core *c, struct migration *m)
{
    struct rollout *r = &staging_begin(c, m)->next.rollout;

    move_rollback(r, c->jumped);
    move_rollout(r, c->jumped);
    move_drill(&r->drill, c->jumped);
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

/* From here on the machine's clock is right. */
static void forget(struct core *c)
{
    c->jumped = dur_ns(0);
    set_clock(c);
}

bool clock_shift(struct core *c, struct core_update *u)
{
    if (c->jumped.ns == 0)
        return false;
    STATE_FOREACH(c, m)
    shift(c, m);
    tell(c, u);
    c->shifting = c->staged;
    if (!c->shifting)
        forget(c);
    return c->shifting;
}

void clock_shifted(struct core *c)
{
    STATE_FOREACH(c, m)
    jobs_move(m, c->jumped);
    c->shifting = false;
    forget(c);
}
