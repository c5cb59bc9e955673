/* SPDX-License-Identifier: Apache-2.0 */
/* Events of what is not stored: verdicts of gates and breakers of nodes. Only who leads tells of
 * them, of changes only, and of each migration's at most once in EVENTS_WATCH_EVERY. What was told
 * last is read from the stored events, so that another leader goes on from there. Pure. */
#pragma once

#include "coordinator/core/event_log.h"
#include "coordinator/core/staging.h"

#define EVENTS_WATCH_EVERY dur_s(10)
/* Nodes whose breakers open together are told of together. */
#define EVENTS_WATCH_GATHER dur_s(1)

/* Time has passed: say what changed, with `s` or, NULL, a change of its own. */
void events_watch(struct core *c, struct migration *m, struct staged *s, struct core_update *u);
/* The current stage is about to be left: the verdict that lets it go is told, if it is news. */
void events_watch_gate(struct core *c, struct staged *s, struct core_update *u);
/* A node's breaker was reported. */
void events_watch_breaker(struct core *c, struct migration *m, const struct node *node);
/* This batch is stored, by whomever. */
void events_watch_told(struct core *c, struct migration *m, const struct event_batch *b);
