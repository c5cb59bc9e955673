/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/invariants.h"
#include "coordinator/core/stage_fsm.h"
#include "tests/sim/sim_check_state.h"
#include "tests/sim/sim_store.h"

struct sim_check *sim_check_new(struct sim *s)
{
    struct sim_check *c = xnew(struct sim_check);

    c->sim = s;
    return c;
}

struct sim_check *sim_check_free(struct sim_check *c)
{
    if (!c)
        return NULL;
    sim_ledger_deinit(&c->ledger);
    free(c);
    return NULL;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static void take_one(struct sim_check *c, const char *migration, struct sim_snap *ret)
{
    const struct core *core = sim_coord_core(c->sim->coord);
    mono_t mono = sim_coord_mono(c->sim->coord);
    struct view_status st;
    unsigned stage;

    CHECK(view_status(core, migration, sim_wall(c->sim), mono, &st, NULL) == 0);
    CHECK(str_copy(str_of(migration), ret->migration.s, NAME_SIZE));
    stage = st.rollout->stage;
    ret->rollout = *st.rollout;
    ret->epoch = st.emergency ? st.emergency->epoch : 0;
    ret->new_requests = sim_check_quiet(c, migration)->new_requests;
    ret->new_errors = sim_check_quiet(c, migration)->new_errors;
    if (stage > 0 && st.plan->stage[stage - 1].has_gate)
        ret->gate_requests = st.plan->stage[stage - 1].gate.min_requests;
}

static void take_all(struct sim_check *c, struct sim_snap ret[SIM_MIGRATIONS_MAX])
{
    const struct core *core = sim_coord_core(c->sim->coord);
    unsigned n = 0;

    memset(ret, 0, SIM_MIGRATIONS_MAX * sizeof *ret);
    for (const char *m = ""; (m = core_next_migration(core, m));) {
        CHECK(n < SIM_MIGRATIONS_MAX);
        take_one(c, m, &ret[n++]);
    }
}

static const struct sim_snap *find_snap(const struct sim_snap in[SIM_MIGRATIONS_MAX],
                                        const struct sim_snap *like)
{
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++)
        if (name_eq(&in[i].migration, &like->migration))
            return &in[i];
    return NULL;
}

/* The name of a field that differs, or NULL. */
static const char *find_difference(const struct rollout *a, const struct rollout *b)
{
    if (a->phase != b->phase)
        return "phase";
    if (a->resume_phase != b->resume_phase && a->phase == PHASE_PAUSED)
        return "resume phase";
    if (a->stage != b->stage)
        return "stage";
    if (a->weight_bp != b->weight_bp || a->weight_by_hand != b->weight_by_hand)
        return "weight";
    if (a->override != b->override)
        return "override";
    if (a->since.ns != b->since.ns || a->bake_until.ns != b->bake_until.ns ||
        a->bake_left.ns != b->bake_left.ns || a->deadline.ns != b->deadline.ns)
        return "times";
    if (a->history_seq != b->history_seq || strcmp(a->why, b->why) != 0)
        return "history";
    return NULL;
}

static void compare(struct sim_check *c, const struct sim_snap want[SIM_MIGRATIONS_MAX],
                    const struct sim_snap have[SIM_MIGRATIONS_MAX], const char *when)
{
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct sim_snap *w = &want[i], *h = find_snap(have, w);
        const char *differs;

        if (!w->migration.s[0])
            continue;
        differs = h ? find_difference(&w->rollout, &h->rollout) : "existence";
        if (!differs && w->epoch != h->epoch)
            differs = "emergency order";
        if (differs)
            sim_fail(c->sim, "%s: %s of %s is not what it was", when, differs, w->migration.s);
    }
}

/* ---- steps of the core ----------------------------------------------------------------------- */

void sim_check_stepping(struct sim_check *c, const struct core_event *ev)
{
    c->event = ev->kind;
    if (ev->kind == EV_COMMAND)
        c->command = ev->command->kind;
    take_all(c, c->before);
}

static void check_core(struct sim_check *c)
{
    struct err err;

    if (invariants_check(sim_coord_core(c->sim->coord), &err) < 0)
        sim_fail(c->sim, "invariant of the core: %s", err.msg);
}

void sim_check_abandoned(struct sim_check *c)
{
    struct sim_snap after[SIM_MIGRATIONS_MAX];

    take_all(c, after);
    compare(c, c->before, after, "after a step that was not stored");
    check_core(c);
}

/* The row of the stage table that leads from `a` to `b`. */
static const struct sm_row *find_row(const struct rollout *a, const struct rollout *b)
{
    for (unsigned i = 0; i < stage_machine.row_count; i++) {
        const struct sm_row *row = &stage_machine.rows[i];
        int to = row->to == SM_STAY ? row->state : row->to;

        if (row->state == (int)a->phase && to == (int)b->phase &&
            str_starts(str_of(b->why), str_of(row->why)))
            return row;
    }
    return NULL;
}

/* Commands that change something beside the machine. */
static bool is_beside(const struct sim_check *c)
{
    return c->event == EV_COMMAND &&
           (c->command == CMD_APPLY || c->command == CMD_CLEAR || c->command == CMD_DELETE);
}

/* A stage is left by what it has proven: there was traffic enough to prove it with. */
static void check_gate(struct sim_check *c, const struct sim_snap *was, const struct sm_row *row)
{
    if (row->event != STAGE_REVIEW && !(row->event == STAGE_PROMOTE && row->state == PHASE_BAKING))
        return;
    if (was->new_requests < was->gate_requests)
        sim_fail(c->sim, "%s: the gate passed with %" PRIu64 " of %u requests on new",
                 was->migration.s, was->new_requests, was->gate_requests);
}

static void say_move(struct sim_check *c, const struct sim_snap *is)
{
    const struct rollout *r = &is->rollout;

    sim_say(c->sim, is->migration.s, "is %s at stage %u, %g %%: %s", phase_name(r->phase), r->stage,
            r->weight_bp / 100.0, r->why);
}

static void check_move(struct sim_check *c, const struct sim_snap *was, const struct sim_snap *is)
{
    const struct sm_row *row;
    struct sim_coverage *taken = c->sim->config.coverage;

    if (!find_difference(&was->rollout, &is->rollout))
        return;
    say_move(c, is);
    if (is_beside(c)) {
        if (was->rollout.phase != is->rollout.phase)
            sim_fail(c->sim, "%s: %s moved the machine", is->migration.s,
                     core_command_name(c->command));
        return;
    }
    row = find_row(&was->rollout, &is->rollout);
    if (!row) {
        sim_fail(c->sim, "%s: no row leads from %s to %s by \"%s\"", is->migration.s,
                 phase_name(was->rollout.phase), phase_name(is->rollout.phase), is->rollout.why);
        return;
    }
    check_gate(c, was, row);
    if (row->event == STAGE_TRIGGER && was->new_errors == 0)
        sim_fail(c->sim, "%s: a trigger fired by errors of an earlier decision", is->migration.s);
    CHECK(stage_machine.row_count <= SIM_ROWS_MAX);
    if (taken)
        taken->taken[row - stage_machine.rows]++;
}

void sim_check_committed(struct sim_check *c, uint64_t rev)
{
    take_all(c, c->last);
    c->last_rev = rev;
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct sim_snap *is = &c->last[i], *was = find_snap(c->before, is);

        if (!is->migration.s[0])
            continue;
        if (was)
            check_move(c, was, is);
        else if (is->rollout.phase != PHASE_PENDING)
            sim_fail(c->sim, "%s begins as %s", is->migration.s, phase_name(is->rollout.phase));
    }
    check_core(c);
}

/* ---- what was acknowledged ------------------------------------------------------------------- */

void sim_check_stored(struct sim_check *c, const struct store_txn *txn, uint64_t rev)
{
    sim_ledger_note(&c->ledger, txn, rev);
    sim_check_raised(c, rev);
}

void sim_check_answered(struct sim_check *c, const struct sim_op *op)
{
    struct sim_deed *deed = sim_ledger_deed(&c->ledger, op->operator_name);

    if (op->state == SIM_OP_REFUSED && op->refused.code != ERR_UNKNOWN_OUTCOME && deed)
        sim_fail(c->sim, "%s is refused, and stored: %s", op->operator_name, op->refused.msg);
    if (op->state != SIM_OP_DONE || !op->changed)
        return;
    if (op->command.kind == CMD_DELETE) {
        const struct sim_decision *d =
            sim_ledger_at(&c->ledger, op->migration, sim_store_rev(c->sim->store));

        if (!d || d->exists)
            sim_fail(c->sim, "%s is acknowledged, and not stored", op->operator_name);
    } else if (!deed) {
        sim_fail(c->sim, "%s is acknowledged, and not stored", op->operator_name);
    } else {
        deed->acknowledged = true;
    }
}

static bool is_in_history(const struct core *core, const struct sim_deed *deed)
{
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    unsigned n = view_history(core, deed->migration.s, entry, CORE_HISTORY_KEPT);

    if (n > 0 && deed->sequence + CORE_HISTORY_KEPT <= entry[0]->sequence)
        return true; /* too old to be kept */
    for (unsigned i = 0; i < n; i++)
        if (entry[i]->sequence == deed->sequence &&
            strcmp(entry[i]->operator_name, deed->operator_name) == 0)
            return true;
    return false;
}

static void check_deeds(struct sim_check *c)
{
    const struct core *core = sim_coord_core(c->sim->coord);

    for (const struct sim_deed *d = c->ledger.deeds; d; d = d->older)
        if (d->acknowledged && d->rev > sim_ledger_deleted(&c->ledger, d->migration.s) &&
            !is_in_history(core, d))
            sim_fail(c->sim, "%s was acknowledged, and is forgotten", d->operator_name);
}

static void check_decisions(struct sim_check *c, uint64_t rev)
{
    struct sim_snap now[SIM_MIGRATIONS_MAX];

    take_all(c, now);
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct rollout *r = &now[i].rollout;
        const struct sim_decision *d = sim_ledger_at(&c->ledger, now[i].migration.s, rev);

        if (!now[i].migration.s[0])
            continue;
        if (!d || !d->exists || d->weight_bp != r->weight_bp || d->override != r->override ||
            d->epoch != now[i].epoch)
            sim_fail(c->sim, "%s was loaded as something else than what is stored",
                     now[i].migration.s);
    }
    if (rev == c->last_rev)
        compare(c, c->last, now, "after a start");
    memcpy(c->last, now, sizeof now);
    c->last_rev = rev;
}

void sim_check_loaded(struct sim_check *c, uint64_t rev)
{
    if (c->sim->failure[0])
        return;
    check_core(c);
    check_decisions(c, rev);
    check_deeds(c);
}

void sim_check_coord_died(struct sim_check *c)
{
    memset(c->before, 0, sizeof c->before);
}

void sim_check_step(struct sim_check *c)
{
    if (sim_coord_core(c->sim->coord) && !c->sim->failure[0])
        sim_check_claims(c);
}
