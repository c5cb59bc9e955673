/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/event_log.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* ---- batches --------------------------------------------------------------------------------- */

static size_t text_bytes(const struct event *e)
{
    return strlen(e->kind) + strlen(e->operator_name) + strlen(e->stage) + strlen(e->node) +
           strlen(e->text) + 5;
}

static const char *pack(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

/* Names of ours need no room: there are few, and they stay. */
static const char *pack_kind(char **at, const char *kind)
{
    enum event_kind known;

    return event_kind_parse(str_of(kind), &known) ? event_kind_name(known) : pack(at, kind);
}

struct event_batch *event_batch_new(uint64_t first, const struct event *event, unsigned count)
{
    size_t size = sizeof(struct event_batch) + count * sizeof(struct event);
    struct event_batch *b;
    char *at;

    CHECK(count > 0 && count <= EVENTS_BATCH_MAX);
    for (unsigned i = 0; i < count; i++)
        size += text_bytes(&event[i]);
    b = xalloc(size);
    b->refs = 1;
    b->first = first;
    b->count = count;
    at = (char *)&b->event[count];
    for (unsigned i = 0; i < count; i++)
        b->event[i] = (struct event){
            .kind = pack_kind(&at, event[i].kind),
            .time = event[i].time,
            .operator_name = pack(&at, event[i].operator_name),
            .stage = pack(&at, event[i].stage),
            .node = pack(&at, event[i].node),
            .text = pack(&at, event[i].text),
        };
    return b;
}

struct event_batch *event_batch_ref(struct event_batch *b)
{
    b->refs++;
    return b;
}

void event_batch_unref(struct event_batch *b)
{
    if (b && --b->refs == 0)
        free(b);
}

/* ---- the log --------------------------------------------------------------------------------- */

void event_log_deinit(struct event_log *l)
{
    for (unsigned i = 0; i < l->entries; i++)
        event_batch_unref(l->entry[i].batch);
    free(l->entry);
    *l = (struct event_log){.entry = NULL};
}

void event_log_copy(const struct event_log *from, struct event_log *to)
{
    if (from->entries == 0)
        return;
    *to = (struct event_log){
        .entry = xmemdup(from->entry, from->entries * sizeof(*from->entry)),
        .entries = from->entries,
        .room = from->entries,
        .events = from->events,
    };
    for (unsigned i = 0; i < to->entries; i++) {
        event_batch_ref(to->entry[i].batch);
        to->entry[i].seen = false;
    }
}

/* The place of the first batch that does not begin before `first`. */
static unsigned place_of(const struct event_log *l, uint64_t first)
{
    unsigned low = 0, high = l->entries;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (l->entry[middle].batch->first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct event_log_entry *event_log_find(const struct event_log *l, uint64_t first)
{
    unsigned at = place_of(l, first);

    return at < l->entries && l->entry[at].batch->first == first ? &l->entry[at] : NULL;
}

void event_log_put(struct event_log *l, struct event_batch *b, uint64_t rev)
{
    unsigned at;

    event_log_remove(l, b->first);
    if (l->entries == l->room) {
        l->room = l->room ? 2 * l->room : 8;
        l->entry = xrealloc(l->entry, l->room * sizeof(*l->entry));
    }
    at = place_of(l, b->first);
    memmove(&l->entry[at + 1], &l->entry[at], (l->entries - at) * sizeof(*l->entry));
    l->entry[at] = (struct event_log_entry){.batch = b, .rev = rev, .seen = true};
    l->entries++;
    l->events += b->count;
}

static void take_out(struct event_log *l, unsigned at, unsigned count)
{
    for (unsigned i = at; i < at + count; i++) {
        l->events -= l->entry[i].batch->count;
        event_batch_unref(l->entry[i].batch);
    }
    l->entries -= count;
    memmove(&l->entry[at], &l->entry[at + count], (l->entries - at) * sizeof(*l->entry));
}

void event_log_remove(struct event_log *l, uint64_t first)
{
    const struct event_log_entry *e = event_log_find(l, first);

    if (e)
        take_out(l, (unsigned)(e - l->entry), 1);
}

void event_log_drop(struct event_log *l, unsigned count)
{
    CHECK(count <= l->entries);
    if (count > 0)
        take_out(l, 0, count);
}

uint64_t event_log_last(const struct event_log *l)
{
    return l->entries ? event_batch_last(l->entry[l->entries - 1].batch) : 0;
}

unsigned event_log_surplus(const struct event_log *l, unsigned count, unsigned max)
{
    unsigned left = l->events + count, n = 0;

    while (n < l->entries && n < max && left > EVENTS_KEPT)
        left -= l->entry[n++].batch->count;
    return n;
}
