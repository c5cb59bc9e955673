/* SPDX-License-Identifier: Apache-2.0 */
/* The agent has three parts: how an update is judged (agent_take.c), orders beside the coordinator
 * (agent_order.c), and what becomes of what was accepted (agent.c). For these alone; others use
 * agent.h. owner: control loop. */
#pragma once

#include "sidecar/agent/agent.h"

/* The same set may stand in several places; each holds its own reference. */
struct agent {
    struct name node;
    struct labels labels;
    struct ruleset *accepted;   /* newest verified */
    struct ruleset *writing;    /* being written */
    struct ruleset *on_disk;    /* written last */
    struct ruleset *unwritable; /* could not be written; waits for agent_retry() */
    struct ruleset *publishing; /* handed to the proxy */
    struct ruleset *overtaken;  /* handed out before it; the loops may be taking it over */
    struct ruleset *serving;    /* every loop serves with it */
    struct epochs *epochs;      /* owned */
    uint64_t orders;            /* rises with every change of `epochs` */
    uint64_t orders_writing;    /* as of the write that is out, and */
    uint64_t orders_on_disk;    /* of the last that came to an end */
    wall_t serving_since;
    bool connected;
    bool ack_due, nack_due;
    bool nack_refuses;   /* else the nack only tells what the set lacks */
    bool telling;        /* orders stand that the coordinator has not heard of */
    unsigned untold;     /* of epochs: those before were told */
    bool write_failed;   /* the last one */
    bool told_unwritten; /* that orders are not on disk */
    uint64_t nack_term, nack_revision;
    char nack_reason[TEXT_SIZE];
};

/* Let `slot` hold `set` (NULL: none), with a reference of its own. */
void agent_put(struct ruleset **slot, struct ruleset *set);
struct position agent_position_of(const struct ruleset *set); /* NULL: of none */

/* Add what this node serves of the route; that of one which was resolved before is the same. */
int agent_add_resolved(const struct agent *a, struct ruleset *set, const struct route *route,
                       struct str rule, struct err *err) MUST_CHECK;
/* Accept `set` (may be NULL) under the newest orders, which may have come after it was built. */
void agent_adopt(struct agent *a, struct ruleset *set);
/* The coordinator is to hear what is wrong with that set; the words are the caller's to write. */
void agent_owe_nack(struct agent *a, bool refuses, uint64_t term, uint64_t revision);

enum epoch_outcome agent_take_order(struct agent *a, const struct emergency *order);
/* For EPOCH_FULL. */
int agent_no_room(const struct name *migration, struct err *err);
/* Is there an order that the coordinator should hear of now? */
bool agent_can_tell(const struct agent *a);
/* A write came to an end: the disk may have taken the orders that it did not take before, or the
 * other way round. */
void agent_note_disk(struct agent *a);
