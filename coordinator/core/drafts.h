/* SPDX-License-Identifier: Apache-2.0 */
/* What the store holds, read beside the state and checked as a whole before any of it counts: a key
 * that cannot be read changes nothing. Pure. owner: who reads. */
#pragma once

#include "coordinator/core/state.h"

/* One migration as it will be. */
struct draft {
    struct name name;
    struct migration *m; /* borrowed; NULL: not known so far */
    struct durable is;   /* plan is owned when new_plan, else m's; the rest is owned */
    bool new_plan;
    uint64_t plan_rev, rollout_rev, order_rev; /* 0: not stored */
    bool plan_seen, rollout_seen, order_seen;  /* while everything is read: it still is */
    struct history history;                    /* owned */
    struct event_log events;                   /* owned */
    struct days days;                          /* owned */
    uint64_t removed_rev;                      /* a key went with it */
    bool changed;
    UT_hash_handle hh;
};

struct drafts {
    struct draft *by_name; /* hash; owned */
    uint64_t removed_rev;  /* of the latest deletion of a plan; 0: nothing new */
};

/* With what it holds. Tolerates NULL; returns NULL. */
struct drafts *drafts_free(struct drafts *d);
static inline void drafts_freep(struct drafts **d)
{
    *d = drafts_free(*d);
}

/* Take over one key, unless it is known at its revision or a later one. */
int drafts_take(struct drafts *d, const struct core *c, const struct core_kv *kv,
                struct err *err) MUST_CHECK;
/* The store holds this key. */
void drafts_see(struct drafts *d, const struct core *c, const char *key);
/* Everything that the store of revision `rev` holds has been seen: the rest of what the core knows
 * is gone. Before anything is taken, so that there is room for it. */
void drafts_whole(struct drafts *d, const struct core *c, uint64_t rev);
/* Can it be the state? CORRUPT or EXHAUSTED names what is wrong and the way out. */
int drafts_check(const struct drafts *d, const struct core *c, struct err *err) MUST_CHECK;

/* Revision of the migration's latest decision, from its keys; `incarnation` is the store's. */
uint64_t draft_decision_rev(const struct draft *d, const char *incarnation);
