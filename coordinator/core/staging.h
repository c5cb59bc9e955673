/* SPDX-License-Identifier: Apache-2.0 */
/* What a step decided, as copies beside the state, until the shell has stored it. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/state.h"

struct said;

/* One migration's change; at most one per migration and step. */
struct staged {
    struct migration *m;
    struct durable next; /* plan is owned when new_plan, else m's; the rest is owned */
    bool added;          /* `m` had no plan before */
    bool removed;        /* and has none after */
    bool new_plan;
    bool new_order;
    bool again;                 /* nodes are to be told once more */
    bool fell;                  /* a rollback begins */
    bool drilling;              /* a part of a drill is ordered */
    bool baking;                /* the stage's gate begins to be watched */
    struct history_item *entry; /* owned, may be NULL: to be appended */
    uint64_t measured_seq;      /* entry whose measured_ms becomes known; 0: none */
    double measured_ms;
    struct said *said; /* what subscribers hear of first; the update's */
    unsigned said_count;
    struct event_batch *batch; /* counted, may be NULL: all that they hear of */
    unsigned drops;            /* batches that go for it, the oldest ones */
    struct migration *forgets; /* deleted long ago: its events go; may be NULL */
    struct staged *next_staged;
};

/* Begin with a copy of what is. */
struct staged *staging_begin(struct core *c, struct migration *m);
/* What was begun for `m` in this step; NULL: nothing was. */
struct staged *staging_find(const struct core *c, const struct migration *m);
/* Days of reports that are due are stored with it, some at a time, in a step that decides nothing
 * else. */
void staging_days(struct core *c);
/* Write the transaction and the publications into `u`. */
void staging_finish(struct core *c, struct core_update *u);
/* The transaction was stored with `rev`: the copies become the state. */
void staging_commit(struct core *c, uint64_t rev);
void staging_drop(struct core *c);

/* ---- appending to an update ------------------------------------------------------------------ */

void update_tell(struct core_update *u, enum log_level level, enum log_event event,
                 const char *text);
/* Nodes have to hear of the migration; `removed`: that it is gone. */
void update_publish(struct core_update *u, const struct name *migration, bool removed);
/* Formats into the update's arena; never NULL. */
const char *update_fmt(struct core_update *u, const char *fmt, ...) PRINTF(2, 3);
