/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/drill.h"
#include "coordinator/core/invariants.h"
#include "coordinator/core/stage_fsm.h"
#include "tests/sim/sim_check_state.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_store.h"

#define COUNT_EACH dur_ms(500)

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
    while (c->promises) {
        struct sim_promise *p = c->promises;

        c->promises = p->next;
        free(p);
    }
    while (c->published) {
        struct sim_published *p = c->published;

        c->published = p->next;
        free(p);
    }
    free(c);
    return NULL;
}

/* ---- the path in the table ------------------------------------------------------------------- */

static bool same_times(const struct rollout *a, const struct rollout *b)
{
    return a->since.ns == b->since.ns && a->bake_until.ns == b->bake_until.ns &&
           a->bake_left.ns == b->bake_left.ns && a->deadline.ns == b->deadline.ns &&
           a->step_at.ns == b->step_at.ns && a->step_every.ns == b->step_every.ns &&
           a->standby_until.ns == b->standby_until.ns;
}

/* The name of a field that differs, or NULL: of those that the stage machine alone moves; */
static const char *find_moved(const struct rollout *a, const struct rollout *b)
{
    if (a->phase != b->phase)
        return "phase";
    if (a->resume_phase != b->resume_phase && a->phase == PHASE_PAUSED)
        return "resume phase";
    if (a->stage != b->stage || a->full != b->full || a->entering_stage != b->entering_stage)
        return "stage";
    if (a->wave != b->wave || a->base_stage != b->base_stage)
        return "wave";
    if (a->weight_bp != b->weight_bp || a->weight_by_hand != b->weight_by_hand)
        return "weight";
    if (a->override != b->override)
        return "override";
    return same_times(a, b) ? NULL : "times";
}

/* and of the others, too. */
static const char *find_difference(const struct rollout *a, const struct rollout *b)
{
    const char *moved = find_moved(a, b);

    if (moved)
        return moved;
    if (a->history_seq != b->history_seq || strcmp(a->why, b->why) != 0)
        return "history";
    if (!flags_eq(&a->flags_by_hand, &b->flags_by_hand))
        return "flags";
    if (a->mirror_by_hand != b->mirror_by_hand || a->mirror_bp != b->mirror_bp)
        return "mirror";
    if (a->approval_count != b->approval_count)
        return "approvals";
    if (!sim_check_same_breaker(a, b))
        return "breaker";
    return sim_check_same_drill(a, b) ? NULL : "drill";
}

/* The row of the stage table that leads from `a` to `b`: the one whose sentence says most. */
static const struct sm_row *find_row(const struct rollout *a, const struct rollout *b)
{
    const struct sm_row *best = NULL;

    for (unsigned i = 0; i < stage_machine.row_count; i++) {
        const struct sm_row *row = &stage_machine.rows[i];
        int to = row->to == SM_STAY ? row->state : row->to;

        if (row->state == (int)a->phase && to == (int)b->phase &&
            str_starts(str_of(b->why), str_of(row->why)) &&
            (!best || strlen(row->why) > strlen(best->why)))
            best = row;
    }
    return best;
}

/* What is recorded of changes beside the machine. */
static bool is_beside(const struct sim_decision *d)
{
    static const enum core_command_kind kinds[] = {
        CMD_APPLY,         CMD_CLEAR,        CMD_DELETE,       CMD_DRILL,
        CMD_APPROVE,       CMD_SET_FLAG,     CMD_BREAKER_OPEN, CMD_BREAKER_CLOSE,
        CMD_BREAKER_RESET, CMD_BREAKER_TUNE, CMD_SET_MIRROR,
    };

    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(d->event, core_command_name(kinds[i])) == 0)
            return true;
    return strcmp(d->event, DRILL_ENDED) == 0;
}

/* Another plan may make another thing of a stage, of its waves and of the standby. */
static void check_beside(struct sim_check *c, const struct sim_decision *was,
                         const struct sim_decision *is)
{
    bool applied = strcmp(is->event, core_command_name(CMD_APPLY)) == 0;
    const char *moved = find_moved(&was->rollout, &is->rollout);

    if (applied && was->rollout.phase == is->rollout.phase)
        return;
    if (moved)
        sim_fail(c->sim, "%s: %s moved the machine: the %s", is->migration.s, is->event, moved);
}

/* Deadlines move with a clock that was set. */
static void check_unrecorded(struct sim_check *c, const struct sim_decision *was,
                             const struct sim_decision *is)
{
    const char *moved = find_moved(&was->rollout, &is->rollout);

    if (moved && strcmp(moved, "times") != 0)
        sim_fail(c->sim, "%s: the %s was moved, and nothing is recorded", is->migration.s, moved);
}

/* A stage, or a wave, is left by what it has proven: its nodes had traffic enough to prove it
 * with. */
static void check_gate(struct sim_check *c, const struct sim_decision *was,
                       const struct sm_row *row)
{
    const char *migration = was->migration.s;
    uint32_t asked = was->rollout.full ? 0 : was->plan->stage[was->rollout.stage].gate_requests;
    uint64_t had = sim_check_quiet(c, migration)->reached_requests;

    if (row->event != STAGE_REVIEW && !(row->event == STAGE_PROMOTE && row->state == PHASE_BAKING))
        return;
    if (was->rollout.stage > 0 && had < asked)
        sim_fail(c->sim, "%s: the gate passed with %" PRIu64 " of %u requests on new", migration,
                 had, asked);
}

static void check_trigger(struct sim_check *c, const struct sim_decision *was,
                          const struct sm_row *row)
{
    const struct sim_quiet *q = sim_check_quiet(c, was->migration.s);

    if (row->event == STAGE_TRIGGER && q->new_errors == 0 && !q->said[JOB_TRIGGER].failed &&
        !was->plan->stage[was->rollout.stage].falls_quiet)
        sim_fail(c->sim, "%s: a trigger fired by errors of an earlier decision", was->migration.s);
}

/* What goes back in whatever way sends nobody to new who was not there. */
static void check_fall(struct sim_check *c, const struct sim_decision *was,
                       const struct sim_decision *is, const struct sm_row *row)
{
    if ((row->effects & (FX_FALL | FX_STEP | FX_END)) && sim_decision_bp(is) > sim_decision_bp(was))
        sim_fail(c->sim, "%s goes from %g %% up to %g %%: %s", is->migration.s,
                 sim_decision_bp(was) / 100.0, sim_decision_bp(is) / 100.0, is->rollout.why);
}

static void say_move(struct sim_check *c, const struct sim_decision *is)
{
    const struct rollout *r = &is->rollout;

    sim_say(c->sim, is->migration.s, "is %s at stage %u, %g %%: %s", phase_name(r->phase), r->stage,
            r->weight_bp / 100.0, r->why);
}

static void check_move(struct sim_check *c, const struct sim_decision *was,
                       const struct sim_decision *is)
{
    struct sim_coverage *taken = c->sim->config.coverage;
    const struct sm_row *row;

    if (!is->event[0] && was->rollout.phase == is->rollout.phase) {
        check_unrecorded(c, was, is);
        return;
    }
    say_move(c, is);
    if (is_beside(is)) {
        check_beside(c, was, is);
        return;
    }
    row = find_row(&was->rollout, &is->rollout);
    if (!row) {
        sim_fail(c->sim, "%s: no row leads from %s to %s by \"%s\"", is->migration.s,
                 phase_name(was->rollout.phase), phase_name(is->rollout.phase), is->rollout.why);
        return;
    }
    check_gate(c, was, row);
    check_trigger(c, was, row);
    check_fall(c, was, is, row);
    sim_check_work(c, was, is, row);
    CHECK(stage_machine.row_count <= SIM_ROWS_MAX);
    if (taken)
        taken->taken[row - stage_machine.rows]++;
}

static void check_moves(struct sim_check *c, uint64_t rev)
{
    for (const struct sim_decision *is = c->ledger.decisions; is && is->rev == rev;
         is = is->older) {
        const struct sim_decision *was = sim_ledger_at(&c->ledger, is->migration.s, rev - 1);

        if (!is->exists)
            continue;
        if (was && was->exists) {
            check_move(c, was, is);
            sim_check_needs(c, was, is);
            sim_check_drill(c, was, is);
            sim_check_breaker(c, was, is);
        } else if (is->rollout.phase != PHASE_PENDING) {
            sim_fail(c->sim, "%s begins as %s", is->migration.s, phase_name(is->rollout.phase));
        }
    }
}

/* ---- what was acknowledged ------------------------------------------------------------------- */

/* An entry that was acknowledged makes room for newer ones only, or goes with its plan. */
static void check_dropped(struct sim_check *c, uint64_t rev)
{
    for (const struct sim_deed *d = c->ledger.deeds; d; d = d->older) {
        const struct sim_decision *is = sim_ledger_at(&c->ledger, d->migration.s, rev);

        if (d->dropped == rev && d->acknowledged && is->exists &&
            d->sequence + CORE_HISTORY_KEPT > is->rollout.history_seq)
            sim_fail(c->sim, "%s was acknowledged, and its entry is deleted", d->operator_name);
    }
}

static bool is_again(const struct sim_deed *d, const struct sim_deed *before)
{
    return strcmp(before->event, "emergency_rollback") == 0 &&
           strcmp(d->event, before->event) == 0 &&
           strcmp(d->operator_name, before->operator_name) == 0 &&
           name_eq(&d->migration, &before->migration);
}

/* An emergency is given to one coordinator after the other until somebody answers. What is no
 * longer in the history is not remembered. */
static void check_once(struct sim_check *c, uint64_t rev)
{
    for (const struct sim_deed *new = c->ledger.deeds; new &&new->rev == rev; new = new->older)
        for (const struct sim_deed *d = new->older; d; d = d->older)
            if (d->dropped == 0 && is_again(new, d))
                sim_fail(c->sim, "%s is carried out twice", d->operator_name);
}

void sim_check_stored(struct sim_check *c, struct sim_asker who, const struct store_txn *txn,
                      uint64_t rev)
{
    sim_ledger_note(&c->ledger, sim_store_change(c->sim->store, rev));
    sim_check_fence(c, who, txn, rev);
    check_moves(c, rev);
    check_dropped(c, rev);
    check_once(c, rev);
    sim_check_deeds_told(c, rev);
    sim_check_raised(c, rev);
}

static void check_done(struct sim_check *c, const struct sim_op *op, struct sim_deed *deed)
{
    if (op->command.kind == CMD_DELETE) {
        if (sim_ledger_deleted(&c->ledger, op->migration) <= op->given_at)
            sim_fail(c->sim, "%s is acknowledged, and not stored", op->operator_name);
    } else if (!deed) {
        sim_fail(c->sim, "%s is acknowledged, and not stored", op->operator_name);
    } else {
        deed->acknowledged = true;
    }
}

static void promise(struct sim_check *c, const struct sim_op *op, uint64_t epoch)
{
    struct sim_promise *p = xnew(struct sim_promise);

    *p = (struct sim_promise){op, epoch, c->promises};
    c->promises = p;
}

/* At rest: what was acknowledged ahead of the store is in it, as that order or a later one. */
static void check_promise(struct sim_check *c, const struct sim_promise *p)
{
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const char *m = c->quiet[i].migration.s;
        const struct sim_decision *d = m[0] ? sim_ledger_at(&c->ledger, m, UINT64_MAX) : NULL;
        bool meant = p->op->command.all || strcmp(p->op->migration, m) == 0;

        if (d && d->exists && meant && d->epoch < p->epoch && !p->op->command.all)
            sim_fail(c->sim, "%s was given order %" PRIu64 " of %s, and the store has %" PRIu64,
                     p->op->operator_name, p->epoch, m, d->epoch);
    }
}

void sim_check_rest(struct sim_check *c)
{
    for (const struct sim_promise *p = c->promises; p; p = p->next)
        check_promise(c, p);
}

void sim_check_answered(struct sim_check *c, const struct sim_op *op, const struct sim_answer *a)
{
    struct sim_deed *deed = sim_ledger_deed(&c->ledger, op->operator_name);
    bool nobody_knows = a->refused.code == ERR_UNKNOWN_OUTCOME || op->command.kind == CMD_EMERGENCY;

    if (a->refused.code == ERR_NONE && a->unstored_epoch > 0)
        promise(c, op, a->unstored_epoch);
    else if (a->refused.code == ERR_NONE && a->changed)
        check_done(c, op, deed);
    else if (a->refused.code != ERR_NONE && !nobody_knows && deed)
        sim_fail(c->sim, "%s is refused, and stored: %s", op->operator_name, a->refused.msg);
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

static void check_deeds(struct sim_check *c, const struct sim_coord *coord, uint64_t rev)
{
    for (const struct sim_deed *d = c->ledger.deeds; d; d = d->older)
        if (d->acknowledged && d->rev <= rev &&
            d->rev > sim_ledger_deleted(&c->ledger, d->migration.s) &&
            !is_in_history(sim_coord_core(coord), d))
            sim_fail(c->sim, "%s was acknowledged, and %s has forgotten it", d->operator_name,
                     sim_coord_name(coord)->s);
}

/* ---- what a core remembers ------------------------------------------------------------------- */

/* To the letter what the store held at one of its revisions, from `rev` on; NULL, or what is not.
 */
static const char *find_flaw(struct sim_check *c, const char *migration,
                             const struct view_status *st, uint64_t rev)
{
    const char *differs = "existence";

    for (const struct sim_decision *d = c->ledger.decisions; d; d = d->older) {
        if (strcmp(d->migration.s, migration) != 0)
            continue;
        if (d->exists)
            differs = find_difference(&d->rollout, st->rollout);
        if (d->exists && !differs && d->epoch != (st->emergency ? st->emergency->epoch : 0))
            differs = "emergency order";
        if (!differs || d->rev <= rev)
            return differs;
    }
    return differs;
}

/* `rev`: what it has published. */
static void check_memory(struct sim_check *c, const struct sim_coord *coord, uint64_t rev)
{
    const struct core *core = sim_coord_core(coord);
    const char *who = sim_coord_name(coord)->s;

    for (const char *m = ""; (m = core_next_migration(core, m));) {
        struct view_status st;
        const char *flaw;

        CHECK(view_status(core, m, sim_coord_wall(coord), sim_coord_mono(coord), &st, NULL) == 0);
        flaw = find_flaw(c, m, &st, rev);
        if (flaw)
            sim_fail(c->sim, "%s of %s at %s is not what is stored at revision %" PRIu64, flaw, m,
                     who, rev);
    }
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const char *m = c->quiet[i].migration.s;
        const struct sim_decision *d = m[0] ? sim_ledger_at(&c->ledger, m, rev) : NULL;
        const struct sim_decision *last = m[0] ? sim_ledger_at(&c->ledger, m, UINT64_MAX) : NULL;

        if (d && d->exists && d == last && core_decision_rev(core, m) == 0)
            sim_fail(c->sim, "%s does not know %s, which is stored at revision %" PRIu64, who, m,
                     rev);
    }
}

void sim_check_turn(struct sim_check *c, const struct sim_coord *coord)
{
    const struct core *core = sim_coord_core(coord);
    uint64_t *looked_at = &c->looked_at[sim_coord_index(coord)];
    uint64_t published = sim_fleet_revision(sim_coord_fleet(coord));
    struct err err;

    if (!core || c->sim->failure[0])
        return;
    if (!sim_coord_is_stepping(coord) && invariants_check(core, &err) < 0)
        sim_fail(c->sim, "invariant of the core of %s: %s", sim_coord_name(coord)->s, err.msg);
    check_memory(c, coord, published);
    sim_check_events(c, coord);
    if (*looked_at != published)
        check_deeds(c, coord, published);
    *looked_at = published;
    if (c->counted[sim_coord_index(coord)].ns <= c->sim->now.ns) {
        sim_check_counted(c, coord);
        c->counted[sim_coord_index(coord)] = mono_add(c->sim->now, COUNT_EACH);
    }
    sim_check_claims(c, coord);
}

void sim_check_published(struct sim_check *c, const struct sim_coord *coord, uint64_t rev,
                         const struct sha256 *sum)
{
    struct sim_published *p;

    for (p = c->published; p; p = p->next) {
        if (p->rev != rev)
            continue;
        if (!sha256_eq(&p->sum, sum))
            sim_fail(c->sim, "%s publishes something else as revision %" PRIu64 " than another",
                     sim_coord_name(coord)->s, rev);
        return;
    }
    p = xnew(struct sim_published);
    *p = (struct sim_published){rev, *sum, c->published};
    c->published = p;
}

void sim_check_coord_died(struct sim_check *c, const struct sim_coord *coord)
{
    c->looked_at[sim_coord_index(coord)] = 0;
    c->told[sim_coord_index(coord)] = (struct event_place){.revision = 0};
    c->election[sim_coord_index(coord)] = ELECTION_OUTSIDE;
}

void sim_check_step(struct sim_check *c)
{
    if (!c->sim->failure[0])
        sim_check_leaders(c);
    for (unsigned i = 0; i < c->sim->config.coordinators; i++)
        if (sim_coord_core(c->sim->coord[i]) && !c->sim->failure[0])
            sim_check_claims(c, c->sim->coord[i]);
}
