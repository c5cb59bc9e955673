/* SPDX-License-Identifier: Apache-2.0 */
/* One migration's newest events, as stored: a batch for each step that told of any. A batch never
 * changes; whoever looks at the same one shares it. Pure. owner: its migration. */
#pragma once

#include "common/model/event_kinds.h"

#define EVENTS_KEPT 256
/* Of one step and migration: a flag each, and what made them change. */
#define EVENTS_BATCH_MAX 40

struct event_batch {
    unsigned refs; /* private */
    unsigned count;
    uint64_t first;       /* the sequence of event[0] */
    struct event event[]; /* with their texts behind them */
};

/* Copies the events with their texts. */
struct event_batch *event_batch_new(uint64_t first, const struct event *event,
                                    unsigned count) MUST_CHECK;
struct event_batch *event_batch_ref(struct event_batch *b);
void event_batch_unref(struct event_batch *b); /* tolerates NULL */
static inline uint64_t event_batch_last(const struct event_batch *b)
{
    return b->first + b->count - 1;
}

struct event_log_entry {
    struct event_batch *batch; /* counted */
    uint64_t rev;              /* of its key */
    bool seen;                 /* while everything that is stored is read: it still is */
};

struct event_log {
    struct event_log_entry *entry; /* owned; rising sequence */
    unsigned entries, room;
    unsigned events; /* in all of them */
};

void event_log_deinit(struct event_log *l);
/* `to` is empty. */
void event_log_copy(const struct event_log *from, struct event_log *to);
/* Takes over the reference. A batch that begins with the same sequence gives way. */
void event_log_put(struct event_log *l, struct event_batch *b, uint64_t rev);
/* NULL: no batch begins with this sequence. */
struct event_log_entry *event_log_find(const struct event_log *l, uint64_t first);
/* Forget the batch, if it is there; or the oldest `count` ones. */
void event_log_remove(struct event_log *l, uint64_t first);
void event_log_drop(struct event_log *l, unsigned count);
/* Of the newest event; 0: there is none. */
uint64_t event_log_last(const struct event_log *l);
/* How many of the oldest batches must go when `count` events are added: what is left is at most
 * EVENTS_KEPT with them, as far as `max` allows. */
unsigned event_log_surplus(const struct event_log *l, unsigned count, unsigned max);
