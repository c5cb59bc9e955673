/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "coordinator/core/keys.h"
#include "coordinator/driver/member.h"
#include "tests/sim/sim_check_state.h"
#include "tests/sim/sim_loop.h"

/* ---- the table ------------------------------------------------------------------------------- */

void sim_check_elected(struct sim_check *c, const struct sim_coord *coord, const struct sm_row *row)
{
    int *state = &c->election[sim_coord_index(coord)];
    struct sim_coverage *taken = c->sim->config.coverage;

    if (row->state != *state)
        sim_fail(c->sim, "the election of %s goes on from %s, and it was %s",
                 sim_coord_name(coord)->s, sm_state_name(&election_machine, row->state),
                 sm_state_name(&election_machine, *state));
    *state = row->to == SM_STAY ? row->state : row->to;
    if (taken)
        taken->elected[row - election_machine.rows]++;
}

/* ---- who leads ------------------------------------------------------------------------------- */

static bool is_leader(const struct sim_check *c, const struct sim_coord *coord)
{
    return c->leader.rev > 0 && c->leader.who.coord == sim_coord_index(coord) &&
           c->leader.who.boot == sim_coord_boot(coord);
}

/* What is written to the leader key, by whom; and its end, by nobody. */
void sim_check_changed(struct sim_check *c, struct sim_asker who, store_lease lease,
                       const struct store_list *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (strcmp(changes->item[i].key, KEY_LEADER) != 0)
            continue;
        c->leader = (struct sim_leader){.who = who, .lease = lease};
        if (changes->item[i].value)
            c->leader.rev = changes->rev;
    }
}

/* The belief ends before the lease can. */
static void check_belief(struct sim_check *c, const struct sim_coord *coord)
{
    const char *who = sim_coord_name(coord)->s;

    if (!is_leader(c, coord))
        sim_fail(c->sim, "%s leads, and the leader key is not its own", who);
    else if (!mono_before(c->sim->now, sim_store_lease_end(c->sim->store, c->leader.lease)))
        sim_fail(c->sim, "%s leads longer than its lease", who);
}

void sim_check_leaders(struct sim_check *c)
{
    const struct sim_coord *leader = NULL;

    for (unsigned i = 0; i < c->sim->config.coordinators && !c->sim->config.no_leases; i++) {
        const struct sim_coord *coord = c->sim->coord[i];
        struct driver_health h;

        if (!sim_coord_accepts(coord) || !sim_coord_has_looked(coord))
            continue;
        sim_coord_health(coord, &h);
        if (!h.leadership.here)
            continue;
        if (mono_before(sim_store_leases_right(c->sim->store), c->sim->now))
            check_belief(c, coord);
        if (leader && mono_before(sim_store_leases_right(c->sim->store), c->sim->now))
            sim_fail(c->sim, "%s and %s lead at the same time", sim_coord_name(leader)->s,
                     sim_coord_name(coord)->s);
        leader = coord;
    }
}

/* ---- the fence ------------------------------------------------------------------------------- */

static bool is_decided(const struct store_op *op)
{
    enum key_kind kind;
    struct name name;
    uint64_t sequence;

    return op->kind != STORE_COMPARE && keys_read(op->key.p, &kind, &name, &sequence, NULL) == 0 &&
           (kind == KEYS_PLAN || kind == KEYS_ROLLOUT || kind == KEYS_EMERGENCY ||
            kind == KEYS_HISTORY);
}

/* Without the fence everything that is decided is an emergency order. */
static void check_free(struct sim_check *c, const char *who, uint64_t rev)
{
    for (const struct sim_decision *d = c->ledger.decisions; d && d->rev == rev; d = d->older) {
        const struct sim_decision *was = sim_ledger_at(&c->ledger, d->migration.s, rev - 1);

        if (!d->ordered || (was && d->epoch <= was->epoch))
            sim_fail(c->sim, "%s decides on %s without the fence", who, d->migration.s);
    }
}

void sim_check_fence(struct sim_check *c, struct sim_asker who, const struct store_txn *txn,
                     uint64_t rev)
{
    const char *name = sim_coord_name(c->sim->coord[who.coord])->s;
    const struct store_op *fence = NULL;
    bool decides = false;

    for (size_t i = 0; i < txn->count; i++) {
        if (txn->op[i].kind == STORE_COMPARE && str_eq(txn->op[i].key, STR(KEY_LEADER)) &&
            txn->op[i].rev > 0)
            fence = &txn->op[i];
        decides = decides || is_decided(&txn->op[i]);
    }
    if (!decides || c->sim->config.no_leases)
        return;
    if (!fence)
        check_free(c, name, rev);
    else if (c->leader.rev != fence->rev || c->leader.who.coord != who.coord ||
             c->leader.who.boot != who.boot)
        sim_fail(c->sim, "%s writes in term %" PRIu64 ", which is not its own", name, fence->rev);
}
