/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/staging.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/clock_jumps.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/convergence.h"
#include "coordinator/core/drill_watch.h"
#include "coordinator/core/events.h"
#include "coordinator/core/keys.h"
#include "coordinator/core/record.h"
#include "coordinator/core/record_days.h"
#include "coordinator/core/record_events.h"

struct staged *staging_begin(struct core *c, struct migration *m)
{
    struct staged *s = xnew(struct staged);

    s->m = m;
    s->next = m->is;
    s->next.rollout.extra = m->is.rollout.extra ? json_dup(m->is.rollout.extra) : NULL;
    s->next.order_extra = m->is.order_extra ? json_dup(m->is.order_extra) : NULL;
    LL_APPEND2(c->staged, s, next_staged);
    return s;
}

struct staged *staging_find(const struct core *c, const struct migration *m)
{
    struct staged *s;

    LL_FOREACH2(c->staged, s, next_staged)
    {
        if (s->m == m)
            return s;
    }
    return NULL;
}

static void staged_free(struct staged *s)
{
    if (s->new_plan)
        plan_free(s->next.plan);
    json_free(s->next.rollout.extra);
    json_free(s->next.order_extra);
    if (s->entry)
        json_free(s->entry->extra);
    free(s->entry);
    event_batch_unref(s->batch);
    free(s);
}

/* A migration that is not in the core's table was made for this step only. */
static void forget_unknown(struct core *c, struct migration *m)
{
    if (state_find_any(c, m->name.s) != m)
        migration_free(m);
}

void staging_drop(struct core *c)
{
    c->due_count = 0;
    c->shifting = false;
    while (c->staged) {
        struct staged *s = c->staged;

        c->staged = s->next_staged;
        forget_unknown(c, s->m);
        staged_free(s);
    }
}

/* ---- the transaction ------------------------------------------------------------------------- */

/* Builds the list in two passes: stores want every compare ahead of the first write. */
struct saving {
    struct core_update *u;
    struct core_save **end;
    bool comparing;
    struct buf *text; /* where values are encoded */
    wall_t now;
};

static void add_save(struct saving *w, struct core_save save)
{
    struct core_save *copy = arena_new(&w->u->arena, struct core_save);

    CHECK(copy && w->u->save_count < CORE_SAVES_MAX);
    *copy = save;
    *w->end = copy;
    w->end = &copy->next;
    w->u->save_count++;
}

static char *arena_key(struct saving *w, enum key_kind kind, const struct name *name, uint64_t seq)
{
    char key[KEY_SIZE];
    char *copy = arena_strdup(&w->u->arena, str_of(keys_write(kind, name, seq, key)));

    CHECK(copy);
    return copy;
}

static void save_put(struct saving *w, enum key_kind kind, const struct name *name, uint64_t seq,
                     bool encoded)
{
    char *value;

    CHECK(encoded);
    value = arena_strdup(&w->u->arena, buf_view(w->text));
    CHECK(value);
    add_save(w, (struct core_save){.kind = SAVE_PUT,
                                   .key = arena_key(w, kind, name, seq),
                                   .value = {value, w->text->len}});
    buf_clear(w->text);
}

static void save_compare(struct saving *w, enum key_kind kind, const struct name *name,
                         uint64_t seq, uint64_t rev)
{
    add_save(w, (struct core_save){
                    .kind = SAVE_COMPARE, .key = arena_key(w, kind, name, seq), .rev = rev});
}

static void save_delete(struct saving *w, enum key_kind kind, const struct name *name, uint64_t seq)
{
    add_save(w, (struct core_save){.kind = SAVE_DELETE, .key = arena_key(w, kind, name, seq)});
}

static void save_plan(struct saving *w, const struct staged *s)
{
    if (w->comparing)
        save_compare(w, KEYS_PLAN, &s->m->name, 0, s->m->plan_rev);
    else
        save_put(w, KEYS_PLAN, &s->m->name, 0, record_write_plan(s->next.plan, w->text));
}

static void save_rollout(struct saving *w, const struct staged *s)
{
    if (w->comparing)
        save_compare(w, KEYS_ROLLOUT, &s->m->name, 0, s->m->rollout_rev);
    else
        save_put(w, KEYS_ROLLOUT, &s->m->name, 0,
                 record_write_rollout(&s->next.rollout, s->next.plan, w->text));
}

static void save_order(struct saving *w, const struct staged *s)
{
    if (w->comparing)
        save_compare(w, KEYS_EMERGENCY, &s->m->name, 0, s->m->order_rev);
    else
        save_put(w, KEYS_EMERGENCY, &s->m->name, 0,
                 record_write_emergency(&s->next.order, s->next.order_extra, w->text));
}

/* The log is the archive. */
static void tell_archived(struct core_update *u, const struct name *migration,
                          const struct history_entry *e)
{
    char time[WALL_TEXT_MAX];

    update_tell(u, LOG_INFO, LOG_HISTORY_ARCHIVED,
                update_fmt(u,
                           "migration=%s sequence=%" PRIu64
                           " at=%s what=%s operator=%s reason=%s from=%s to=%s measured_ms=%.1f",
                           migration->s, e->sequence, wall_text(e->time, time), LOGQ(e->event),
                           LOGQ(e->operator_name), LOGQ(e->reason), LOGQ(e->from), LOGQ(e->to),
                           e->measured_ms));
}

static void save_entry(struct saving *w, const struct staged *s)
{
    const struct history_item *oldest = history_oldest_if_full(&s->m->history);
    uint64_t seq = s->entry->entry.sequence;

    if (w->comparing) {
        save_compare(w, KEYS_HISTORY, &s->m->name, seq, 0);
        return;
    }
    save_put(w, KEYS_HISTORY, &s->m->name, seq,
             record_write_history(&s->entry->entry, NULL, w->text));
    if (!oldest)
        return;
    save_delete(w, KEYS_HISTORY, &s->m->name, oldest->entry.sequence);
    tell_archived(w->u, &s->m->name, &oldest->entry);
}

static void save_measured(struct saving *w, const struct staged *s)
{
    const struct history_item *item = history_find(&s->m->history, s->measured_seq);
    struct history_entry entry = item->entry;

    if (w->comparing) {
        save_compare(w, KEYS_HISTORY, &s->m->name, s->measured_seq, item->rev);
        return;
    }
    entry.measured_ms = s->measured_ms;
    save_put(w, KEYS_HISTORY, &s->m->name, s->measured_seq,
             record_write_history(&entry, item->extra, w->text));
}

static void delete_events(struct saving *w, const struct migration *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        save_delete(w, KEYS_EVENTS, &m->name, m->events.entry[i].batch->first);
}

/* Nothing to compare: whoever tells of something changes the rollout as well. */
static void save_events(struct saving *w, const struct staged *s)
{
    if (w->comparing)
        return;
    if (s->batch)
        save_put(w, KEYS_EVENTS, &s->m->name, s->batch->first,
                 record_write_events(s->batch, w->text));
    delete_events(w, s->m, s->drops);
    if (s->forgets)
        delete_events(w, s->forgets, s->forgets->events.entries);
}

static void save_removal(struct saving *w, const struct staged *s)
{
    const struct migration *m = s->m;

    if (w->comparing) {
        save_compare(w, KEYS_PLAN, &m->name, 0, m->plan_rev);
        save_compare(w, KEYS_ROLLOUT, &m->name, 0, m->rollout_rev);
        return;
    }
    save_put(w, KEYS_REMOVED, &m->name, 0, record_write_removed(&m->name, w->now, w->text));
    save_delete(w, KEYS_PLAN, &m->name, 0);
    save_delete(w, KEYS_ROLLOUT, &m->name, 0);
    for (unsigned i = 0; i < m->history.count; i++)
        save_delete(w, KEYS_HISTORY, &m->name, m->history.item[i]->entry.sequence);
    for (unsigned i = 0; i < m->days.count; i++)
        if (m->days.day[i].rev > 0)
            save_delete(w, KEYS_DAY, &m->name, (uint64_t)m->days.day[i].day);
}

/* The oldest goes when there is one too many. */
static const struct day *surplus_day(const struct days *d)
{
    return d->count > DAYS_KEPT && !d->day[0].has_more ? &d->day[0] : NULL;
}

static void save_day(struct saving *w, const struct day_due *due)
{
    const struct day *day = days_find(&due->m->days, due->day);
    const struct day *oldest = surplus_day(&due->m->days);

    if (w->comparing) {
        save_compare(w, KEYS_DAY, &due->m->name, (uint64_t)due->day, day->rev);
        return;
    }
    save_put(w, KEYS_DAY, &due->m->name, (uint64_t)due->day,
             record_write_day(day, w->now, w->text));
    if (oldest && oldest->rev > 0)
        save_delete(w, KEYS_DAY, &due->m->name, (uint64_t)oldest->day);
}

void staging_days(struct core *c)
{
    if (!c->leads || c->staged)
        return;
    STATE_FOREACH(c, m)
    {
        const struct day *day = days_due(&m->days, c->now, c->mono);

        if (day && c->due_count < CORE_DAYS_AT_ONCE)
            c->due[c->due_count++] = (struct day_due){m, day->day};
    }
}

static void save_staged(struct saving *w, const struct staged *s)
{
    save_events(w, s);
    if (s->removed) {
        save_removal(w, s);
        return;
    }
    if (s->new_plan)
        save_plan(w, s);
    save_rollout(w, s);
    if (s->new_order)
        save_order(w, s);
    if (s->entry)
        save_entry(w, s);
    if (s->measured_seq)
        save_measured(w, s);
}

static bool is_decision(const struct staged *s)
{
    return s->removed || s->again || compile_differs(&s->m->is, &s->next);
}

/* A decision's revision is that of its own transaction, which no record inside it can hold; those
 * that follow name it, so that every replica counts from the same one. */
static void name_decision(const struct core *c, struct staged *s)
{
    if (!is_decision(s))
        return;
    s->next.rollout.decision_rev = 0;
    s->next.rollout.decided_at = c->clock;
}

void staging_finish(struct core *c, struct core_update *u)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(2 * RECORD_PLAN_MAX);
    struct saving w = {.u = u, .end = &u->save, .text = &text, .now = c->now};
    struct staged *s;

    LL_FOREACH2(c->staged, s, next_staged)
    name_decision(c, s);
    events_finish(c, u);
    for (int pass = 0; pass < 2; pass++) {
        w.comparing = pass == 0;
        LL_FOREACH2(c->staged, s, next_staged)
        save_staged(&w, s);
        for (unsigned i = 0; i < c->due_count; i++)
            save_day(&w, &c->due[i]);
    }
    LL_FOREACH2(c->staged, s, next_staged)
    {
        if (is_decision(s))
            update_publish(u, &s->m->name, s->removed);
    }
}

/* ---- taking over ----------------------------------------------------------------------------- */

static void commit_removal(struct core *c, struct migration *m, uint64_t rev)
{
    if (rev > c->revision)
        c->revision = rev;
    m->saved_rev = rev;
    state_leave_slot(c, m);
    plan_free(m->is.plan);
    m->is.plan = NULL;
    json_free(m->is.rollout.extra);
    m->is.rollout = (struct rollout){.migration = m->name};
    sm_init(&m->is.machine, &stage_machine, PHASE_PENDING);
    sm_init(&m->is.drill, &drill_machine, DRILL_IDLE);
    sm_init(&m->is.breaker, &fleet_breaker_machine, FLEET_BREAKER_CLOSED);
    m->plan_rev = m->rollout_rev = 0;
    history_deinit(&m->history);
    /* The epoch of its orders must keep rising if the plan comes back, and its events stay. */
    if (m->order_rev == 0 && m->events.entries == 0)
        state_remove(c, m, rev);
}

static void commit_history(struct staged *s, uint64_t rev)
{
    struct history_item *measured = history_find(&s->m->history, s->measured_seq);

    if (s->measured_seq && measured) {
        measured->entry.measured_ms = s->measured_ms;
        measured->rev = rev;
    }
    if (s->entry) {
        s->entry->rev = rev;
        s->entry->entry.revision = rev;
        CHECK(history_add(&s->m->history, s->entry, NULL) == 0);
        s->entry = NULL;
    }
}

static void commit_change(struct core *c, struct staged *s, uint64_t rev)
{
    struct migration *m = s->m;
    bool decision = is_decision(s);

    if (s->new_plan) {
        plan_free(m->is.plan);
        m->plan_rev = rev;
    }
    json_free(m->is.rollout.extra);
    json_free(m->is.order_extra);
    m->is = s->next;
    s->new_plan = false;
    s->next.rollout.extra = NULL;
    s->next.order_extra = NULL;

    m->rollout_rev = m->saved_rev = rev;
    if (s->new_order)
        m->order_rev = rev;
    commit_history(s, rev);
    if (!state_find_any(c, m->name.s))
        state_add(c, m);
    if (s->added)
        state_take_slot(c, m);
    if (decision)
        convergence_decided(c, m, rev);
    if (s->fell) {
        m->takeover.fall_rev = rev;
        m->takeover.fall_ordered = c->mono;
        m->takeover.fall_ordered_here = true;
    }
    if (s->drilling)
        drill_watch_decided(c, m);
    if (s->baking) {
        m->takeover.watched_since = c->mono;
        m->takeover.watched_before = dur_ns(0);
    }
}

static void commit_day(const struct core *c, const struct day_due *due, uint64_t rev)
{
    const struct day *oldest = surplus_day(&due->m->days);
    struct day *day = days_find(&due->m->days, due->day);
    struct day_total sum;

    day_sum(day, &sum);
    *day = (struct day){.day = due->day, .rev = rev, .until = c->now, .stored = sum};
    if (oldest)
        days_remove(&due->m->days, oldest->day);
}

void staging_commit(struct core *c, uint64_t rev)
{
    if (rev > c->known)
        c->known = rev;
    while (c->due_count > 0)
        commit_day(c, &c->due[--c->due_count], rev);
    if (c->shifting)
        clock_shifted(c);
    while (c->staged) {
        struct staged *s = c->staged;

        c->staged = s->next_staged;
        events_commit(c, s, rev);
        if (s->removed)
            commit_removal(c, s->m, rev);
        else
            commit_change(c, s, rev);
        staged_free(s);
    }
}
