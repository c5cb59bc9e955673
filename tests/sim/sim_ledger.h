/* SPDX-License-Identifier: Apache-2.0 */
/* What the store ever held, read from its changes and from nothing else: the measure for what cores
 * remember and for what nodes serve. */
#pragma once

#include "common/model/event_kinds.h"
#include "common/model/rollout.h"
#include "coordinator/store/store.h"

#define SIM_STAGES_MAX 8

struct sim_decision {
    struct name migration;
    uint64_t rev;
    bool exists; /* has a rollout: */
    struct rollout rollout;
    uint32_t gate_requests[SIM_STAGES_MAX]; /* that the stage's gate asks for; 0: it has none */
    uint64_t epoch;                         /* of the newest emergency order; 0: none ever */
    bool ordered;                           /* and it is active */
    char event[32]; /* of the history entry that came with it; "": none did */
    struct sim_decision *older;
};

/* An entry of a migration's history. */
struct sim_deed {
    struct name migration;
    uint64_t rev, sequence;
    uint64_t dropped; /* revision that deleted it; 0: it stands */
    char operator_name[NAME_SIZE * 2];
    bool acknowledged;
    struct sim_deed *older;
};

/* An event, in the order in which subscribers are told. */
struct sim_told {
    struct event_place at;
    uint64_t batch;   /* the sequence in its key */
    uint64_t dropped; /* revision that deleted it; 0: it stands */
};

struct sim_ledger {
    struct sim_decision *decisions; /* owned, newest first */
    struct sim_deed *deeds;         /* owned, newest first */
    struct sim_told *told;          /* owned, oldest first */
    unsigned told_count, told_room;
};

void sim_ledger_deinit(struct sim_ledger *l);
/* A transaction has changed something. */
void sim_ledger_note(struct sim_ledger *l, const struct store_list *changes);

/* As of `rev`; NULL: unknown until then. */
const struct sim_decision *sim_ledger_at(const struct sim_ledger *l, const char *migration,
                                         uint64_t rev);
/* Of a rollout since it was last made: what it did in the name of `operator_name`. */
struct sim_deed *sim_ledger_deed(const struct sim_ledger *l, const char *operator_name);
/* Was anything of the migration told with `rev`? */
bool sim_ledger_told(const struct sim_ledger *l, const char *migration, uint64_t rev);
/* Store revision of the migration's latest deletion; 0: never. */
uint64_t sim_ledger_deleted(const struct sim_ledger *l, const char *migration);

/* The share of new: emergency, override, weight. */
uint32_t sim_decision_bp(const struct sim_decision *d);
