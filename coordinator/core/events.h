/* SPDX-License-Identifier: Apache-2.0 */
/* What a step tells subscribers (common/model/event_kinds.h), stored in its transaction. Most of it
 * is read off the change itself, so that whatever changes something tells of it, however it came
 * about. The rest is said with events_say() and watched for in events_watch.h. Pure. */
#pragma once

#include "coordinator/core/core_update.h"
#include "coordinator/core/staging.h"

/* Batches that go in one transaction, of all migrations together. */
#define EVENTS_DROPS_MAX 512u
/* Deleted migrations whose events stay; then those of the one that was deleted first go. */
#define EVENTS_DELETED_KEPT 32u
/* With more migrations in one step a flag's change is not told one by one: the transaction has a
 * size. */
#define EVENTS_EACH_FLAG_MAX 16u

/* The change of `s` tells of this, before what is read off it. Both texts are the update's, or
 * live as long; `node` may be "". */
void events_say(const struct core *c, struct core_update *u, struct staged *s, enum event_kind kind,
                const char *node, const char *text);

/* Everything staged is known: make the batches, number them, choose which old ones go. */
void events_finish(struct core *c, struct core_update *u);
/* The batch of `s`, if it has one, is stored as `rev`. */
void events_commit(struct core *c, struct staged *s, uint64_t rev);
/* Forget all events of a migration without a plan, and it, when nothing else is left. */
void events_forget(struct core *c, struct migration *m, uint64_t rev);
