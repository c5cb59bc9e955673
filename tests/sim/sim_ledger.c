/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_ledger.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/model/ruleset.h"
#include "coordinator/core/keys.h"

void sim_ledger_deinit(struct sim_ledger *l)
{
    while (l->decisions) {
        struct sim_decision *d = l->decisions;

        l->decisions = d->older;
        free(d);
    }
    while (l->deeds) {
        struct sim_deed *d = l->deeds;

        l->deeds = d->older;
        free(d);
    }
}

static struct sim_decision *open_decision(struct sim_ledger *l, const struct name *migration,
                                          uint64_t rev)
{
    const struct sim_decision *last = sim_ledger_at(l, migration->s, UINT64_MAX);
    struct sim_decision *d = xnew(struct sim_decision);

    if (last)
        *d = *last;
    d->migration = *migration;
    d->rev = rev;
    d->older = l->decisions;
    l->decisions = d;
    return d;
}

/* What the transaction that made `rev` says of a migration. */
static struct sim_decision *decision_of(struct sim_ledger *l, const struct name *migration,
                                        uint64_t rev)
{
    for (struct sim_decision *d = l->decisions; d && d->rev == rev; d = d->older)
        if (name_eq(&d->migration, migration))
            return d;
    return open_decision(l, migration, rev);
}

static void note_rollout(struct sim_decision *d, const struct json *j)
{
    d->exists = true;
    d->weight_bp = (uint32_t)lround(json_get_number(j, "weight", -1.0) * 100.0);
    CHECK(system_parse(str_of(json_get_string(j, "override", "")), &d->override));
}

static void note_order(struct sim_decision *d, const struct json *j)
{
    d->epoch = json_get_u64(j, "epoch", 0);
    d->ordered = json_get_bool(j, "active", false);
}

static void note_deed(struct sim_ledger *l, const struct name *migration, uint64_t sequence,
                      uint64_t rev, const struct json *j)
{
    const char *name = json_get_string(j, "operator", "");
    struct sim_deed *d;

    for (d = l->deeds; d; d = d->older)
        if (d->sequence == sequence && name_eq(&d->migration, migration) &&
            d->rev > sim_ledger_deleted(l, migration->s))
            return; /* its measured time became known */
    d = xnew(struct sim_deed);
    d->migration = *migration;
    d->sequence = sequence;
    d->rev = rev;
    str_fmt(d->operator_name, sizeof d->operator_name, "%s", name);
    d->older = l->deeds;
    l->deeds = d;
}

static void note_put(struct sim_ledger *l, const struct store_op *op, uint64_t rev)
{
    CLEANUP(json_freep) struct json *j = NULL;
    enum key_kind kind;
    struct name name;
    uint64_t sequence;

    CHECK(keys_read(op->key.p, &kind, &name, &sequence, NULL) == 0);
    CHECK(json_parse(op->value, &j, NULL) == 0);
    if (kind == KEYS_ROLLOUT)
        note_rollout(decision_of(l, &name, rev), j);
    else if (kind == KEYS_EMERGENCY)
        note_order(decision_of(l, &name, rev), j);
    else if (kind == KEYS_HISTORY)
        note_deed(l, &name, sequence, rev, j);
}

static void note_delete(struct sim_ledger *l, const struct store_op *op, uint64_t rev)
{
    enum key_kind kind;
    struct name name;
    uint64_t sequence;

    CHECK(keys_read(op->key.p, &kind, &name, &sequence, NULL) == 0);
    if (kind == KEYS_ROLLOUT)
        decision_of(l, &name, rev)->exists = false;
}

void sim_ledger_note(struct sim_ledger *l, const struct store_txn *txn, uint64_t rev)
{
    for (size_t i = 0; i < txn->count; i++) {
        if (txn->op[i].kind == STORE_PUT)
            note_put(l, &txn->op[i], rev);
        else if (txn->op[i].kind == STORE_DELETE)
            note_delete(l, &txn->op[i], rev);
    }
}

const struct sim_decision *sim_ledger_at(const struct sim_ledger *l, const char *migration,
                                         uint64_t rev)
{
    for (const struct sim_decision *d = l->decisions; d; d = d->older)
        if (d->rev <= rev && strcmp(d->migration.s, migration) == 0)
            return d;
    return NULL;
}

struct sim_deed *sim_ledger_deed(const struct sim_ledger *l, const char *operator_name)
{
    for (struct sim_deed *d = l->deeds; d; d = d->older)
        if (strcmp(d->operator_name, operator_name) == 0)
            return d;
    return NULL;
}

uint64_t sim_ledger_deleted(const struct sim_ledger *l, const char *migration)
{
    for (const struct sim_decision *d = l->decisions; d; d = d->older)
        if (!d->exists && strcmp(d->migration.s, migration) == 0)
            return d->rev;
    return 0;
}

uint32_t sim_decision_bp(const struct sim_decision *d)
{
    if (!d->exists || d->ordered || d->override == SYSTEM_LEGACY)
        return 0;
    return d->override == SYSTEM_NEW ? WEIGHT_BP_MAX : d->weight_bp;
}
