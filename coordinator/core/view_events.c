/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core_view.h"
#include "coordinator/core/state.h"

static struct event_place place(const struct migration *m, const struct event_log_entry *e,
                                uint64_t sequence)
{
    return (struct event_place){.revision = e->rev, .migration = m->name, .sequence = sequence};
}

static bool is_after(const struct migration *m, const struct event_log_entry *e,
                     const struct event_place *after)
{
    const struct event_place last = place(m, e, event_batch_last(e->batch));

    return event_place_cmp(&last, after) > 0;
}

/* The first batch with an event after `after`; NULL: there is none. Revisions rise with
 * sequences. */
static const struct event_log_entry *first_after(const struct migration *m,
                                                 const struct event_place *after)
{
    unsigned low = 0, high = m->events.entries;

    /* Most ask at the end, whether there is anything new. */
    if (high == 0 || !is_after(m, &m->events.entry[high - 1], after))
        return NULL;
    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (is_after(m, &m->events.entry[middle], after))
            high = middle;
        else
            low = middle + 1;
    }
    return &m->events.entry[low];
}

static bool next_of(const struct migration *m, const struct event_place *after, uint64_t until,
                    struct view_event *ret)
{
    const struct event_log_entry *e = first_after(m, after);
    unsigned i = 0;

    if (!e || e->rev > until)
        return false;
    for (;; i++) {
        ret->at = place(m, e, e->batch->first + i);
        if (event_place_cmp(&ret->at, after) > 0)
            break;
    }
    ret->event = &e->batch->event[i];
    ret->oldest = m->events.entry[0].batch->first;
    return true;
}

bool view_next_event(const struct core *c, const struct event_place *after, uint64_t until,
                     const char *migration, struct view_event *ret)
{
    const struct migration *one = migration[0] ? state_find_any(c, migration) : NULL;
    struct migration *m, *next;
    struct view_event found;
    bool any = false;

    if (migration[0] || after->revision > c->events_rev)
        return one && next_of(one, after, until, ret);
    HASH_ITER (hh, c->by_name, m, next) {
        if (!next_of(m, after, until, &found))
            continue;
        if (!any || event_place_cmp(&found.at, &ret->at) < 0)
            *ret = found;
        any = true;
    }
    return any;
}

uint64_t view_events_rev(const struct core *c)
{
    return c->events_rev;
}
