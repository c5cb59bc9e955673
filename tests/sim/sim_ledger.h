/* SPDX-License-Identifier: Apache-2.0 */
/* What the store ever held, read from its changes and from nothing else: the measure for what cores
 * remember and for what nodes serve. */
#pragma once

#include "common/model/event_kinds.h"
#include "common/model/rollout.h"
#include "common/model/selector.h"
#include "coordinator/store/store.h"

#define SIM_STAGES_MAX 8
#define SIM_WAVES_MAX  4

/* What checks want to know of a plan. */
struct sim_intent {
    unsigned stage_count;
    struct sim_stage {
        struct name name;
        uint32_t gate_requests; /* without which the gate does not pass */
        unsigned work;          /* jobs, a bit for each core_job_kind */
        unsigned approvers;
        bool enforce;
        bool falls_quiet; /* without traffic it is rolled back */
        struct selector wave[SIM_WAVES_MAX];
        unsigned wave_count;
    } stage[SIM_STAGES_MAX]; /* [0]: none is entered */
    bool has_trigger_checks;
    wall_t frozen_from, frozen_until;
    struct sim_intent *older;
};

struct sim_decision {
    struct name migration;
    uint64_t rev;
    bool exists; /* has a rollout: */
    struct rollout rollout;
    const struct sim_intent *plan; /* the ledger's; NULL: there never was one */
    uint64_t epoch;                /* of the newest emergency order; 0: none ever */
    bool ordered;                  /* and it is active */
    char event[32];                /* of the history entry that came with it; "": none did */
    struct sim_decision *older;
};

/* An entry of a migration's history. */
struct sim_deed {
    struct name migration;
    uint64_t rev, sequence;
    uint64_t dropped; /* revision that deleted it; 0: it stands */
    char operator_name[NAME_SIZE * 2];
    char event[32];
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
    struct sim_intent *plans;       /* owned, newest first */
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
/* Is a wave of the stage still to come? */
bool sim_decision_waits(const struct sim_decision *d);
/* Is the node among those that the stage has reached? */
bool sim_decision_reaches(const struct sim_decision *d, const struct name *node,
                          const struct labels *labels);
/* What one node serves of it, without emergency and override: the weight of new, and *ret_stage.
 * Those that the stage has not reached are where they were before it. */
uint32_t sim_decision_at(const struct sim_decision *d, const struct name *node,
                         const struct labels *labels, unsigned *ret_stage);
/* Is legacy forbidden? */
bool sim_decision_forbids(const struct sim_decision *d);
