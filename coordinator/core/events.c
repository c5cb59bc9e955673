/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/events.h"

#include <utlist.h>

#include "common/base/check.h"
#include "coordinator/core/events_rules.h"
#include "coordinator/core/events_watch.h"
#include "coordinator/core/moves.h"

/* ---- saying ---------------------------------------------------------------------------------- */

struct said {
    struct event event;
    struct said *next;
};

/* Who ordered what the step does; what was prepared was ordered before. */
static const char *who(const struct core *c, const struct staged *s)
{
    const struct rollout *was = &s->m->is.rollout;

    if (s->new_order)
        return s->next.order.operator_name;
    if (c->command)
        return c->command->operator_name;
    if (was->entering_stage > 0 && s->next.rollout.entering_stage == 0)
        return was->entering_operator;
    return MOVES_MYSELF;
}

/* The one that it is about. */
static const char *where(const struct staged *s, enum event_kind kind)
{
    const struct rollout *r = &s->next.rollout;
    const struct plan *plan = s->removed ? s->m->is.plan : s->next.plan;
    unsigned stage = r->stage;

    if (kind == EVENT_PREPARING)
        stage = r->entering_stage;
    else if (kind == EVENT_CHECK_FAILED)
        stage = s->m->is.rollout.entering_stage;
    else if (kind == EVENT_APPROVED)
        stage = r->approval[r->approval_count - 1].stage;
    return plan_stage_name(plan, stage);
}

void events_say(const struct core *c, struct core_update *u, struct staged *s, enum event_kind kind,
                const char *node, const char *text)
{
    struct said *one = arena_new(&u->arena, struct said);

    CHECK(one);
    if (s->said_count == EVENTS_BATCH_MAX)
        return;
    one->event = (struct event){
        .kind = event_kind_name(kind),
        .time = c->now,
        .operator_name = who(c, s),
        .stage = where(s, kind),
        .node = node,
        .text = text,
    };
    LL_APPEND(s->said, one);
    s->said_count++;
}

/* ---- the batch ------------------------------------------------------------------------------- */

/* Events outlive their plan, and go on counting when it comes back. */
static uint64_t last_sequence(const struct staged *s)
{
    uint64_t told = s->m->is.rollout.event_seq, kept = event_log_last(&s->m->events);

    return told > kept ? told : kept;
}

static void make_batch(struct staged *s, unsigned drops_max)
{
    struct event event[EVENTS_BATCH_MAX];
    unsigned count = 0;
    struct said *one;

    s->next.rollout.event_seq = last_sequence(s);
    if (s->said_count == 0)
        return;
    LL_FOREACH (s->said, one)
        event[count++] = one->event;
    s->batch = event_batch_new(s->next.rollout.event_seq + 1, event, count);
    s->next.rollout.event_seq += count;
    s->drops = event_log_surplus(&s->m->events, count, drops_max);
}

/* The one that was deleted first, when too many have been. */
static struct migration *to_forget(const struct core *c)
{
    struct migration *m, *next, *oldest = NULL;
    unsigned deleted = 0;

    HASH_ITER (hh, c->by_name, m, next) {
        const struct event_log *l = &m->events;

        if (m->slot >= 0 || l->entries == 0)
            continue;
        deleted++;
        if (!oldest ||
            l->entry[l->entries - 1].rev < oldest->events.entry[oldest->events.entries - 1].rev)
            oldest = m;
    }
    return deleted >= EVENTS_DELETED_KEPT ? oldest : NULL;
}

void events_finish(struct core *c, struct core_update *u)
{
    unsigned count = 0;
    struct staged *s;

    LL_COUNT2(c->staged, s, count, next_staged);
    LL_FOREACH2(c->staged, s, next_staged)
    {
        const struct event_change d = {.c = c,
                                       .u = u,
                                       .s = s,
                                       .was = &s->m->is.rollout,
                                       .is = &s->next.rollout,
                                       .each_flag = count <= EVENTS_EACH_FLAG_MAX};

        events_rules_apply(&d);
        events_flags_apply(&d);
        make_batch(s, EVENTS_DROPS_MAX / count);
        if (s->removed)
            s->forgets = to_forget(c);
    }
}

/* ---- stored ---------------------------------------------------------------------------------- */

void events_forget(struct core *c, struct migration *m, uint64_t rev)
{
    event_log_deinit(&m->events);
    if (m->slot < 0 && m->order_rev == 0)
        state_remove(c, m, rev);
}

void events_commit(struct core *c, struct staged *s, uint64_t rev)
{
    if (s->batch) {
        event_log_drop(&s->m->events, s->drops);
        events_watch_told(c, s->m, s->batch);
        event_log_put(&s->m->events, steal(s->batch), rev);
        if (rev > c->events_rev)
            c->events_rev = rev;
    }
    if (s->forgets)
        events_forget(c, s->forgets, rev);
}
