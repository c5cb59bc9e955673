/* SPDX-License-Identifier: Apache-2.0 */
/* Judging an update: what comes of it is a whole set that matches its checksum, or a refusal with
 * the reason. */
#include <inttypes.h>

#include "sidecar/agent/agent_parts.h"
#include "sidecar/agent/agent_state.h"

static bool is_named(const struct agent_update *u, const char *migration)
{
    for (unsigned i = 0; i < u->upsert_count; i++)
        if (strcmp(u->upsert[i].route.migration.s, migration) == 0)
            return true;
    for (unsigned i = 0; i < u->remove_count; i++)
        if (strcmp(u->remove[i].s, migration) == 0)
            return true;
    return false;
}

static int add_upsert(const struct agent *a, struct ruleset *set, const struct agent_route *new,
                      struct err *err)
{
    int r;

    if (new->rule.n > AGENT_RULE_MAX)
        return err_set(err, ERR_INVALID, "the rule of %s has %zu bytes, at most %u are taken",
                       new->route.migration.s, new->rule.n, AGENT_RULE_MAX);
    r = route_check(&new->route, err);
    return r < 0 ? r : agent_add_resolved(a, set, &new->route, new->rule, err);
}

/* The routes of the accepted set that the update does not name, then the update's own. */
static int add_routes(const struct agent *a, struct ruleset *set, const struct agent_update *u,
                      struct err *err)
{
    const struct ruleset *base = u->full ? NULL : a->accepted;
    int r;

    for (unsigned i = 0; base && i < base->count; i++) {
        const struct ruleset_entry *e = &base->entry[i];

        if (is_named(u, e->route.migration.s))
            continue;
        r = ruleset_add(set, &e->route, e->rule, err);
        if (r < 0)
            return r;
    }
    for (unsigned i = 0; i < u->upsert_count; i++) {
        r = add_upsert(a, set, &u->upsert[i], err);
        if (r < 0)
            return r;
    }
    return ruleset_finish(set, err);
}

static int check_sum(const struct ruleset *set, const struct agent_update *u, struct err *err)
{
    char want[SHA256_HEX], have[SHA256_HEX];

    if (sha256_eq(&set->checksum, &u->checksum))
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "revision %" PRIu64
                   ": checksum of the resulting rule set is %.12s..., the "
                   "coordinator says %.12s...",
                   u->to.revision, sha256_hex(&set->checksum, have),
                   sha256_hex(&u->checksum, want));
}

static int build(const struct agent *a, const struct agent_update *u, struct ruleset **ret,
                 struct err *err)
{
    CLEANUP(ruleset_unrefp)
    struct ruleset *set = ruleset_new(u->to.incarnation, u->to.term, u->to.revision);
    int r;

    r = add_routes(a, set, u, err);
    if (r < 0)
        return r;
    r = check_sum(set, u, err);
    if (r < 0)
        return r;
    *ret = steal(set);
    return 0;
}

/* Returns whether any order is new. */
static bool take_orders(struct agent *a, const struct agent_update *u)
{
    bool changed = false;

    for (unsigned i = 0; i < u->emergency_count; i++)
        if (u->emergency[i].epoch > 0)
            changed = agent_take_order(a, &u->emergency[i]) == EPOCH_NEWER || changed;
    return changed;
}

static int refuse(struct agent *a, const struct agent_update *u, const struct err *err)
{
    agent_owe_nack(a, true, u->to.term, u->to.revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "%s", err->msg);
    return -(int)err->code;
}

/* Whoever leads now, it is the same set. */
static bool is_accepted(const struct agent *a, const struct agent_update *u)
{
    struct position have = agent_position_of(a->accepted);

    return a->accepted && strcmp(have.incarnation, u->to.incarnation) == 0 &&
           have.revision == u->to.revision && sha256_eq(&a->accepted->checksum, &u->checksum);
}

static bool misses_base(const struct agent *a, const struct agent_update *u)
{
    return !u->full && (!a->accepted || a->accepted->revision != u->base_revision);
}

static int check_orders(const struct agent *a, const struct agent_update *u, struct err *err)
{
    for (unsigned i = 0; i < u->emergency_count; i++) {
        const char *migration = u->emergency[i].migration.s;

        if (u->emergency[i].epoch == 0)
            return err_set(err, ERR_INVALID, "the emergency order for %s has no epoch", migration);
        if (!epochs_find(a->epochs, migration))
            return agent_no_room(&u->emergency[i].migration, err);
    }
    return 0;
}

static int judge(const struct agent *a, const struct agent_update *u, struct ruleset **ret,
                 struct err *err)
{
    struct position have = agent_position_of(a->accepted);
    int r;

    r = position_check(&have, &u->to, u->full, err);
    if (r < 0)
        return r;
    r = check_orders(a, u, err);
    if (r < 0)
        return r;
    if (u->flaw)
        return err_set(err, ERR_INVALID, "%s", u->flaw);
    return build(a, u, ret, err);
}

int agent_take(struct agent *a, const struct agent_update *u, struct err *err)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    bool changed = take_orders(a, u);
    struct err why = {0};

    if (misses_base(a, u)) {
        agent_adopt(a, a->accepted);
        return AGENT_GAP;
    }
    if (judge(a, u, &set, &why) < 0) {
        agent_adopt(a, a->accepted);
        err_copy(err, &why);
        return refuse(a, u, &why);
    }
    if (is_accepted(a, u) && !changed) {
        a->ack_due = a->ack_due || a->serving == a->accepted;
        return AGENT_KNOWN;
    }
    epochs_stamp(a->epochs, set);
    agent_put(&a->accepted, set);
    agent_put(&a->unwritable, NULL);
    return 0;
}
