/* SPDX-License-Identifier: Apache-2.0 */
/* What the store ever held, read from the transactions that it carried out and from nothing else:
 * the measure for what the core remembers and for what nodes serve. */
#pragma once

#include "common/model/ids.h"
#include "coordinator/store/store.h"

struct sim_decision {
    struct name migration;
    uint64_t rev;
    bool exists; /* has a rollout */
    uint32_t weight_bp;
    enum system override;
    uint64_t epoch; /* of the newest emergency order; 0: none ever */
    bool ordered;   /* and it is active */
    struct sim_decision *older;
};

/* An entry of a migration's history. */
struct sim_deed {
    struct name migration;
    uint64_t rev, sequence;
    char operator_name[NAME_SIZE * 2];
    bool acknowledged;
    struct sim_deed *older;
};

struct sim_ledger {
    struct sim_decision *decisions; /* owned, newest first */
    struct sim_deed *deeds;         /* owned, newest first */
};

void sim_ledger_deinit(struct sim_ledger *l);
/* A transaction was carried out and made `rev`. */
void sim_ledger_note(struct sim_ledger *l, const struct store_txn *txn, uint64_t rev);

/* As of `rev`; NULL: unknown until then. */
const struct sim_decision *sim_ledger_at(const struct sim_ledger *l, const char *migration,
                                         uint64_t rev);
/* Of a rollout since it was last made: what it did in the name of `operator_name`. */
struct sim_deed *sim_ledger_deed(const struct sim_ledger *l, const char *operator_name);
/* Store revision of the migration's latest deletion; 0: never. */
uint64_t sim_ledger_deleted(const struct sim_ledger *l, const char *migration);

/* The share of new: emergency, override, weight. */
uint32_t sim_decision_bp(const struct sim_decision *d);
