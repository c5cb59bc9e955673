/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "common/base/check.h"
#include "tests/sim/sim_check_state.h"
#include "tests/sim/sim_store.h"

struct sim_quiet *sim_check_quiet(struct sim_check *c, const char *migration)
{
    struct sim_quiet *unused = NULL;

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        struct sim_quiet *q = &c->quiet[i];

        if (strcmp(q->migration.s, migration) == 0)
            return q;
        if (!unused && !q->migration.s[0])
            unused = q;
    }
    CHECK(unused);
    CHECK(str_copy(str_of(migration), unused->migration.s, NAME_SIZE));
    return unused;
}

/* ---- what a lane serves ---------------------------------------------------------------------- */

static void check_order(struct sim_check *c, const struct sim_node *n, const struct ruleset *set,
                        const struct ruleset *old)
{
    if (old && set->revision < old->revision)
        sim_fail(c->sim, "%s goes back from revision %" PRIu64 " to %" PRIu64, sim_node_name(n)->s,
                 old->revision, set->revision);
    if (set->revision > sim_store_rev(c->sim->store))
        sim_fail(c->sim, "%s serves revision %" PRIu64 ", which is not stored", sim_node_name(n)->s,
                 set->revision);
    for (unsigned i = 0; old && i < old->count; i++) {
        const struct ruleset_entry *was = &old->entry[i];
        const struct ruleset_entry *is = ruleset_find(set, was->route.migration.s);

        if (is && is->emergency.epoch < was->emergency.epoch)
            sim_fail(c->sim, "%s lifts emergency order %" PRIu64 " of %s by %" PRIu64,
                     sim_node_name(n)->s, was->emergency.epoch, was->route.migration.s,
                     is->emergency.epoch);
    }
}

/* Orders may be ahead of the set's revision: they do not wait for it. An order that was given at
 * the node may have the epoch of a lifting that it has not heard of, and then goes before it. */
static const char *find_fault(const struct sim_node *n, const struct sim_decision *d,
                              const struct ruleset_entry *e)
{
    unsigned stage;

    if (!e)
        return d->exists ? "without its route" : NULL;
    if (!d->exists)
        return "that is deleted";
    if (e->route.weight_bp != sim_decision_at(d, sim_node_name(n), sim_node_labels(n), &stage))
        return "with another weight";
    if (strcmp(e->route.stage, d->plan->stage[stage].name.s) != 0)
        return "as another stage";
    if (e->route.forbid_legacy != sim_decision_forbids(d))
        return "with another answer about legacy";
    if (e->route.override != d->rollout.override)
        return "with another override";
    if (e->emergency.epoch < d->epoch)
        return "without its emergency order";
    if (e->emergency.epoch == d->epoch && d->ordered && !e->emergency.active)
        return "with its emergency order turned around";
    return NULL;
}

static void check_content(struct sim_check *c, const struct sim_node *n, const struct ruleset *set)
{
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const char *migration = c->quiet[i].migration.s;
        const struct sim_decision *d = sim_ledger_at(&c->ledger, migration, set->revision);
        const char *fault = d ? find_fault(n, d, ruleset_find(set, migration)) : NULL;

        if (fault)
            sim_fail(c->sim, "%s serves revision %" PRIu64 " of %s %s", sim_node_name(n)->s,
                     set->revision, migration, fault);
    }
}

static uint32_t effective_bp(const struct ruleset_entry *e)
{
    if (e->emergency.active)
        return 0;
    if (e->route.forbid_legacy)
        return WEIGHT_BP_MAX;
    if (e->route.override == SYSTEM_LEGACY)
        return 0;
    return e->route.override == SYSTEM_NEW ? WEIGHT_BP_MAX : e->route.weight_bp;
}

static void check_raise(struct sim_check *c, const struct sim_node *n,
                        const struct ruleset_entry *is, const struct ruleset_entry *was)
{
    if (effective_bp(is) < effective_bp(was))
        return;
    for (unsigned key = 0; key < SIM_KEYS; key++)
        if (sim_node_route(was, key) == SYSTEM_NEW && sim_node_route(is, key) != SYSTEM_NEW)
            sim_fail(c->sim, "%s moves user-%u of %s back to legacy on a raise",
                     sim_node_name(n)->s, key, is->route.migration.s);
}

void sim_check_lane(struct sim_check *c, const struct sim_node *n, unsigned lane,
                    const struct ruleset *old)
{
    const struct ruleset *set = sim_node_lane(n, lane);

    check_order(c, n, set, old);
    check_content(c, n, set);
    for (unsigned i = 0; old && i < set->count; i++) {
        const struct ruleset_entry *was = ruleset_find(old, set->entry[i].route.migration.s);

        if (was)
            check_raise(c, n, &set->entry[i], was);
    }
}

/* ---- what a node said ------------------------------------------------------------------------ */

void sim_check_acked(struct sim_check *c, const struct sim_node *n, uint64_t rev)
{
    unsigned i = sim_node_index(n);

    for (unsigned lane = 0; lane < SIM_LANES && rev > 0; lane++) {
        const struct ruleset *set = sim_node_lane(n, lane);

        if (!set || set->revision < rev)
            sim_fail(c->sim, "%s says that it serves revision %" PRIu64 ", and lane %u does not",
                     sim_node_name(n)->s, rev, lane);
        for (unsigned e = 0; set && e < set->count; e++)
            c->node[i].acked_order = c->node[i].acked_order || set->entry[e].emergency.active;
    }
    if (rev > c->node[i].acked_rev)
        c->node[i].acked_rev = rev;
}

void sim_check_started(struct sim_check *c, const struct sim_node *n)
{
    unsigned i = sim_node_index(n);
    uint64_t kept = sim_node_disk_rev(n);

    if (kept < c->node[i].acked_rev && !c->node[i].acked_order)
        sim_fail(c->sim, "%s acknowledged revision %" PRIu64 " and starts with %" PRIu64,
                 sim_node_name(n)->s, c->node[i].acked_rev, kept);
    c->node[i].acked_rev = kept;
    c->node[i].acked_order = false;
    for (unsigned m = 0; m < SIM_MIGRATIONS_MAX; m++) {
        struct sim_quiet *q = &c->quiet[m];

        if (q->boot[i])
            q->boot[i] = kept >= q->rev ? sim_node_boot(n) : 0;
    }
}

/* ---- claims ---------------------------------------------------------------------------------- */

static bool takes_part(const struct sim_coord *coord, const struct sim_node *n)
{
    const struct sim_heard *h = sim_coord_heard(coord, sim_node_index(n));

    return h->connected && sim_node_is_running(n) && h->boot == sim_node_boot(n);
}

static bool is_excused(const struct core *core, const char *migration, const struct sim_node *n)
{
    const struct name *excused;
    unsigned count = view_quarantined(core, migration, &excused);

    for (unsigned i = 0; i < count; i++)
        if (name_eq(&excused[i], sim_node_name(n)))
            return true;
    return false;
}

static void check_claim(struct sim_check *c, const struct sim_node *n, const char *migration,
                        uint64_t rev)
{
    for (unsigned lane = 0; lane < SIM_LANES; lane++) {
        const struct ruleset *set = sim_node_lane(n, lane);

        if (!set || set->revision < rev)
            sim_fail(c->sim, "%s is said to have converged at %" PRIu64 ", and %s serves %" PRIu64,
                     migration, rev, sim_node_name(n)->s, set ? set->revision : 0);
    }
}

static void claimed(struct sim_check *c, const struct sim_coord *coord, const char *migration,
                    uint64_t rev)
{
    const struct sim_decision *d = sim_ledger_at(&c->ledger, migration, UINT64_MAX);
    struct sim_quiet *q = sim_check_quiet(c, migration);
    bool falls = d && d->rev <= rev && sim_decision_bp(d) == 0;

    for (unsigned i = 0; i < c->sim->config.nodes; i++) {
        const struct sim_node *n = c->sim->node[i];

        if (!takes_part(coord, n) || is_excused(sim_coord_core(coord), migration, n))
            continue;
        check_claim(c, n, migration, rev);
        if (falls)
            q->boot[i] = sim_node_boot(n);
    }
    if (falls) {
        q->holds = true;
        q->rev = rev;
    }
}

void sim_check_claims(struct sim_check *c, const struct sim_coord *coord)
{
    const struct core *core = sim_coord_core(coord);
    mono_t mono = sim_coord_mono(coord);

    for (const char *m = ""; (m = core_next_migration(core, m));) {
        uint64_t rev = core_decision_rev(core, m);
        struct view_convergence v;

        view_convergence(core, m, rev, mono, &v);
        if (v.nodes == 0 || v.lagging > 0)
            continue;
        claimed(c, coord, m, rev);
        sim_check_known(c, coord, m);
    }
}

void sim_check_raised(struct sim_check *c, uint64_t rev)
{
    for (const struct sim_decision *d = c->ledger.decisions; d && d->rev == rev; d = d->older) {
        struct sim_quiet *q = sim_check_quiet(c, d->migration.s);

        if (d->rollout.decision_rev == 0)
            q->new_requests = q->reached_requests = q->new_errors = 0;
        if (sim_decision_bp(d) == 0)
            continue;
        q->holds = false;
        memset(q->boot, 0, sizeof q->boot);
    }
}

void sim_check_routed(struct sim_check *c, const struct sim_node *n, const struct ruleset_entry *e,
                      enum system to, bool fails)
{
    struct sim_quiet *q = sim_check_quiet(c, e->route.migration.s);

    q->requests[to]++;
    if (to != SYSTEM_NEW)
        return;
    sim_check_held_open(c, n, e);
    q->new_requests++;
    q->reached_requests +=
        sim_decision_reaches(sim_ledger_at(&c->ledger, q->migration.s, UINT64_MAX),
                             sim_node_name(n), sim_node_labels(n));
    q->new_errors += fails;
    if (q->holds && q->boot[sim_node_index(n)] == sim_node_boot(n))
        sim_fail(c->sim, "%s routes a request of %s to new after the converged fall of %" PRIu64,
                 sim_node_name(n)->s, e->route.migration.s, q->rev);
}

/* ---- reports --------------------------------------------------------------------------------- */

/* The requests on new that the gate counts, all made under the latest decision. */
static void check_judged(struct sim_check *c, const struct sim_coord *coord, const char *migration)
{
    const struct sim_decision *d = sim_ledger_at(&c->ledger, migration, UINT64_MAX);
    uint64_t made = sim_check_quiet(c, migration)->new_requests;
    struct view_status st;

    if (!d || core_decision_rev(sim_coord_core(coord), migration) < d->rev)
        return; /* it has not heard of it */
    CHECK(view_status(sim_coord_core(coord), migration, sim_coord_wall(coord),
                      sim_coord_mono(coord), &st, NULL) == 0);
    for (unsigned i = 0; i < st.gate.check_count; i++)
        if (strcmp(st.gate.check[i].name, "minRequests") == 0 &&
            st.gate.check[i].value > (double)made)
            sim_fail(c->sim, "%s counts %g requests of %s on new, and %" PRIu64 " were made",
                     sim_coord_name(coord)->s, st.gate.check[i].value, migration, made);
}

/* Once each: what a node had measured before, and what it reports. */
void sim_check_counted(struct sim_check *c, const struct sim_coord *coord)
{
    const struct core *core = sim_coord_core(coord);
    mono_t mono = sim_coord_mono(coord);

    for (const char *m = ""; core && (m = core_next_migration(core, m));) {
        const struct sim_quiet *q = sim_check_quiet(c, m);
        struct view_stats v;

        CHECK(view_stats(core, m, dur_s(3600), mono, &v, NULL) == 0);
        for (int i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++)
            if (v.system[i].requests > q->requests[i])
                sim_fail(c->sim, "%s counts %" PRIu64 " requests of %s on %s, of %" PRIu64,
                         sim_coord_name(coord)->s, v.system[i].requests, m,
                         system_name((enum system)i), q->requests[i]);
        check_judged(c, coord, m);
    }
}
