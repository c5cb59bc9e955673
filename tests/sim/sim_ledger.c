/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_ledger.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "coordinator/core/core_update.h"
#include "coordinator/core/keys.h"
#include "coordinator/core/record.h"
#include "coordinator/core/record_events.h"

void sim_ledger_deinit(struct sim_ledger *l)
{
    while (l->plans) {
        struct sim_intent *p = l->plans;

        l->plans = p->older;
        free(p);
    }
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
    free(l->told);
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
    d->event[0] = '\0';
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

static unsigned work_of(const struct plan_stage *stage)
{
    unsigned work = 0;

    work |= stage->ready_count > 0 ? 1u << JOB_READY : 0;
    work |= stage->backup ? 1u << JOB_BACKUP : 0;
    work |= stage->before_count > 0 ? 1u << JOB_BEFORE : 0;
    work |= stage->after_count > 0 ? 1u << JOB_AFTER : 0;
    work |= stage->has_gate && stage->gate.check_count > 0 ? 1u << JOB_GATE : 0;
    return work;
}

static void note_stage(const struct plan_stage *from, struct sim_stage *ret)
{
    const struct plan_limits *gate = &from->gate;
    bool quiet = from->has_gate && gate->quiet_after.ns > 0;

    CHECK(from->wave_count <= SIM_WAVES_MAX);
    *ret = (struct sim_stage){
        .name = from->name,
        .work = work_of(from),
        .approvers = from->approvers,
        .enforce = from->enforce,
        .falls_quiet = quiet && gate->quiet == QUIET_ROLLBACK,
        .wave_count = from->wave_count,
    };
    if (from->has_gate && !(quiet && gate->quiet == QUIET_WARN))
        ret->gate_requests = gate->min_requests;
    for (unsigned i = 0; i < from->wave_count; i++)
        ret->wave[i] = from->wave[i].select;
}

static void note_plan(struct sim_ledger *l, struct sim_decision *d, struct str value)
{
    struct sim_intent *p = xnew(struct sim_intent);
    CLEANUP(plan_freep) struct plan *plan = NULL;

    CHECK(record_read_plan(value, &plan, NULL) == 0);
    CHECK(plan->stage_count < SIM_STAGES_MAX && plan->freeze_count <= 1);
    p->stage_count = plan->stage_count;
    for (unsigned i = 0; i < plan->stage_count; i++)
        note_stage(&plan->stage[i], &p->stage[i + 1]);
    str_fmt(p->stage[0].name.s, NAME_SIZE, "%s", plan_stage_name(plan, 0));
    p->has_trigger_checks = plan->has_triggers && plan->triggers.check_count > 0;
    if (plan->freeze_count > 0) {
        CHECK(!plan->freeze[0].weekly);
        p->frozen_from = plan->freeze[0].from;
        p->frozen_until = plan->freeze[0].until;
    }
    p->older = l->plans;
    l->plans = p;
    d->plan = p;
}

static void note_rollout(struct sim_decision *d, struct str value)
{
    d->exists = true;
    CHECK(record_read_rollout(value, &d->rollout, NULL) == 0);
    json_free(steal(d->rollout.extra));
}

static void note_order(struct sim_decision *d, struct str value)
{
    CLEANUP(json_freep) struct json *extra = NULL;
    struct emergency order;

    CHECK(record_read_emergency(value, &order, &extra, NULL) == 0);
    d->epoch = order.epoch;
    d->ordered = order.active;
}

static void note_deed(struct sim_ledger *l, const struct name *migration, uint64_t sequence,
                      uint64_t rev, struct str value)
{
    CLEANUP(json_freep) struct json *extra = NULL;
    struct history_entry entry;
    struct sim_deed *d;

    CHECK(record_read_history(value, &entry, &extra, NULL) == 0);
    for (d = l->deeds; d; d = d->older)
        if (d->sequence == sequence && name_eq(&d->migration, migration) &&
            d->rev > sim_ledger_deleted(l, migration->s))
            return; /* its measured time became known */
    d = xnew(struct sim_deed);
    d->migration = *migration;
    d->sequence = sequence;
    d->rev = rev;
    CHECK(str_copy(str_of(entry.operator_name), d->operator_name, sizeof d->operator_name));
    memcpy(d->event, entry.event, sizeof entry.event);
    d->older = l->deeds;
    l->deeds = d;
    memcpy(decision_of(l, migration, rev)->event, entry.event, sizeof entry.event);
}

static void note_drop(struct sim_ledger *l, const struct name *migration, uint64_t sequence,
                      uint64_t rev)
{
    for (struct sim_deed *d = l->deeds; d; d = d->older)
        if (d->sequence == sequence && d->dropped == 0 && name_eq(&d->migration, migration))
            d->dropped = rev;
}

static void add_told(struct sim_ledger *l, const struct event_place *at, uint64_t batch)
{
    unsigned i;

    if (l->told_count == l->told_room) {
        l->told_room = l->told_room ? 2 * l->told_room : 64;
        l->told = xrealloc(l->told, l->told_room * sizeof *l->told);
    }
    for (i = l->told_count++; i > 0 && event_place_cmp(&l->told[i - 1].at, at) > 0; i--)
        l->told[i] = l->told[i - 1];
    l->told[i] = (struct sim_told){.at = *at, .batch = batch};
}

static void note_events(struct sim_ledger *l, const struct name *migration, uint64_t sequence,
                        uint64_t rev, struct str value)
{
    struct event_batch *batch;

    CHECK(record_read_events(value, sequence, &batch, NULL) == 0);
    for (unsigned i = 0; i < batch->count; i++)
        add_told(l, &(struct event_place){rev, *migration, sequence + i}, sequence);
    event_batch_unref(batch);
}

static void note_forgotten(struct sim_ledger *l, const struct name *migration, uint64_t sequence,
                           uint64_t rev)
{
    for (unsigned i = 0; i < l->told_count; i++)
        if (l->told[i].batch == sequence && l->told[i].dropped == 0 &&
            name_eq(&l->told[i].at.migration, migration))
            l->told[i].dropped = rev;
}

bool sim_ledger_told(const struct sim_ledger *l, const char *migration, uint64_t rev)
{
    for (unsigned i = l->told_count; i-- > 0 && l->told[i].at.revision >= rev;)
        if (l->told[i].at.revision == rev && strcmp(l->told[i].at.migration.s, migration) == 0)
            return true;
    return false;
}

void sim_ledger_note(struct sim_ledger *l, const struct store_list *changes)
{
    enum key_kind kind;
    struct name name;
    uint64_t sequence;

    for (size_t i = 0; i < changes->count; i++) {
        const struct store_kv *kv = &changes->item[i];
        struct str value = {kv->value, kv->value_len};

        CHECK(keys_read(kv->key, &kind, &name, &sequence, NULL) == 0);
        if (kind == KEYS_PLAN && kv->value)
            note_plan(l, decision_of(l, &name, changes->rev), value);
        else if (kind == KEYS_ROLLOUT && kv->value)
            note_rollout(decision_of(l, &name, changes->rev), value);
        else if (kind == KEYS_ROLLOUT)
            decision_of(l, &name, changes->rev)->exists = false;
        else if (kind == KEYS_EMERGENCY && kv->value)
            note_order(decision_of(l, &name, changes->rev), value);
        else if (kind == KEYS_HISTORY && kv->value)
            note_deed(l, &name, sequence, changes->rev, value);
        else if (kind == KEYS_HISTORY)
            note_drop(l, &name, sequence, changes->rev);
        else if (kind == KEYS_EVENTS && kv->value)
            note_events(l, &name, sequence, changes->rev, value);
        else if (kind == KEYS_EVENTS)
            note_forgotten(l, &name, sequence, changes->rev);
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
    if (!d->exists || d->ordered || d->rollout.override == SYSTEM_LEGACY)
        return 0;
    return d->rollout.override == SYSTEM_NEW ? WEIGHT_BP_MAX : d->rollout.weight_bp;
}

/* ---- what it says of one node ---------------------------------------------------------------- */

bool sim_decision_waits(const struct sim_decision *d)
{
    const struct sim_stage *stage = &d->plan->stage[d->rollout.stage];

    for (unsigned i = 0; i < d->rollout.wave && i < stage->wave_count; i++)
        if (strcmp(stage->wave[i].text, "*") == 0)
            return false;
    return d->rollout.wave > 0 && d->rollout.wave < stage->wave_count;
}

bool sim_decision_reaches(const struct sim_decision *d, const struct name *node,
                          const struct labels *labels)
{
    const struct sim_stage *stage = &d->plan->stage[d->rollout.stage];

    for (unsigned i = 0; i < d->rollout.wave; i++)
        if (selector_matches(&stage->wave[i], node, labels))
            return true;
    return !sim_decision_waits(d);
}

uint32_t sim_decision_at(const struct sim_decision *d, const struct name *node,
                         const struct labels *labels, unsigned *ret_stage)
{
    const struct rollout *r = &d->rollout;
    bool reached = sim_decision_reaches(d, node, labels);

    *ret_stage = reached ? r->stage : r->base_stage;
    if (r->drill_state == DRILL_REHEARSING && !r->drill.shadow &&
        selector_matches(&r->drill.scope, node, labels))
        return 0;
    return reached || r->base_weight_bp > r->weight_bp ? r->weight_bp : r->base_weight_bp;
}

bool sim_decision_forbids(const struct sim_decision *d)
{
    const struct rollout *r = &d->rollout;

    if (r->phase == PHASE_DECOMMISSIONED)
        return true;
    return d->plan->stage[r->stage].enforce && r->weight_bp == WEIGHT_BP_MAX &&
           r->override != SYSTEM_LEGACY && !sim_decision_waits(d);
}
