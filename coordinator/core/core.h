/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's mind in one signature. Pure: no clock, socket, thread or chance.
 *
 * core_step() decides and stages; nothing it decided is true until the shell has stored
 * update->save and called core_commit(). The shell takes one step at a time:
 *
 *     core_step(core, &event, &update);
 *     if (update.save) store it; done: core_commit(core, rev, &update),
 *                                failed: core_abandon(core, &err, &update)
 *     then publish, answer, tell, in this order
 *
 * core_abandon() drops the staged change and turns the answer into the failure. A step without
 * saves is final at once. owner: the core's loop. */
#pragma once

#include "common/model/rollout.h"
#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"

#define CORE_MIGRATIONS_MAX 256
#define CORE_NODES_MAX      20000
#define CORE_HISTORY_KEPT   50

struct core;

/* 0: the default. */
struct core_config {
    dur_t node_grace;    /* a node that left counts as lagging this long, then as gone; 30 s */
    dur_t startup_grace; /* after a start nothing moves on by itself before the nodes had this much
                            time to come back; 5 s */
};

struct core *core_new(const struct core_config *config, wall_t now, mono_t mono);
struct core *core_free(struct core *c); /* tolerates NULL; returns NULL */
static inline void core_freep(struct core **c)
{
    *c = core_free(*c);
}

/* One stored value, before the first step; any order, then core_loaded(). CORRUPT or UNSUPPORTED
 * names the key. Keys of other kinds are ignored. */
int core_load(struct core *c, const char *key, struct str value, uint64_t rev,
              struct err *err) MUST_CHECK;
/* Checks what was loaded as a whole. `incarnation` and `rev` are the store's. */
int core_loaded(struct core *c, const char *incarnation, uint64_t rev, struct err *err) MUST_CHECK;

/* Does this coordinator lead? Only then rollouts move on by themselves; commands are decided either
 * way, since an emergency order needs no leader. Who steps down has no jobs any more, and forgets
 * what they found. A new core does not lead. */
void core_lead(struct core *c, bool leads);

/* Does the core wait for what this job finds? What a step asked for may have been given up by the
 * time that the step is stored. */
bool core_awaits_job(const struct core *c, uint64_t id);

/* What the store holds now, written by others or by us: `whole` when it is everything under the
 * core's prefix, else some keys, a NULL value for one that is gone. Not between a step that saves
 * and its end. Keys that are known at their revision or a later one change nothing. All or nothing:
 * on <0 (CORRUPT or UNSUPPORTED naming the key) the core is as before. Samples, nodes and
 * measurements stay. `rev` is the store's when it was read: a wait for a revision that the core has
 * not been shown goes on, so changes of keys that are none of the core's are shown as well (`count`
 * may be 0). `ret_update` was initialised and gets what is to be published and told. */
struct core_kv {
    const char *key;
    struct str value; /* .p NULL: deleted */
    uint64_t rev;     /* of the last put; for a deletion that of the change */
};
int core_observe(struct core *c, const struct core_kv *kv, unsigned count, bool whole, uint64_t rev,
                 struct core_update *ret_update, struct err *err) MUST_CHECK;

/* Decide. `ret_update` was initialised; what it held from the step before is gone. Event time does
 * not run backwards. */
void core_step(struct core *c, const struct core_event *ev, struct core_update *ret_update);
/* What was staged became true with store revision `rev`, or nothing of it did. */
void core_commit(struct core *c, uint64_t rev, struct core_update *u);
void core_abandon(struct core *c, const struct err *why, struct core_update *u);

/* ---- the decisions, compiled (compile.c) ----------------------------------------------------- */

/* The route of one migration as nodes must serve it; a pure function of what is stored. False when
 * there is no such migration. */
bool core_compile(const struct core *c, const char *migration, struct route *ret) MUST_CHECK;
/* Its newest emergency order; false when there never was one. */
bool core_emergency(const struct core *c, const char *migration, struct emergency *ret) MUST_CHECK;
/* Store revision of the migration's latest decision; 0: unknown migration. */
uint64_t core_decision_rev(const struct core *c, const char *migration);
/* The highest revision of any decision or deletion: that of the whole set of routes. Replicas which
 * have seen the same of the store agree on it, and publish at it. */
uint64_t core_revision(const struct core *c);
/* Borrowed until the next step; NULL: unknown migration. */
const struct plan *core_plan(const struct core *c, const char *migration);
/* How many migrations there are. */
unsigned core_migrations(const struct core *c);
/* Their names, sorted: next after `after` ("" for the first), NULL at the end. */
const char *core_next_migration(const struct core *c, const char *after);
