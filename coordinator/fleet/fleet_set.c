/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/fleet/fleet_set.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_wire.h"

/* One migration. Its order outlives its route: a node that comes back from a long absence must hear
 * of it even when the migration is gone. */
struct entry {
    struct name migration;
    char *rule; /* owned, encoded Route; NULL: no route */
    size_t rule_len;
    struct emergency order; /* epoch 0: none ever */
    bool route_changed;     /* since the base, as the two below */
    bool order_changed;
    bool known; /* the base has a route for it */
    UT_hash_handle hh;
};

struct fleet_set {
    struct entry *entries; /* by name */
    char incarnation[40];
    uint64_t term;
    uint64_t revision;
    uint64_t base;
    struct sha256 checksum; /* of the revision */
    struct rpc_msg *full;   /* of the revision; NULL until somebody needs it */
};

struct fleet_set *fleet_set_new(const char *incarnation, uint64_t term)
{
    struct fleet_set *s = xnew(struct fleet_set);

    CHECK(str_copy(str_of(incarnation), s->incarnation, sizeof(s->incarnation)));
    s->term = term;
    return s;
}

static void drop_entry(struct fleet_set *s, struct entry *e)
{
    HASH_DEL(s->entries, e);
    free(e->rule);
    free(e);
}

static void drop_full(struct fleet_set *s)
{
    rpc_msg_unref(s->full);
    s->full = NULL;
}

void fleet_set_free(struct fleet_set *s)
{
    struct entry *e, *next;

    if (!s)
        return;
    HASH_ITER (hh, s->entries, e, next)
        drop_entry(s, e);
    drop_full(s);
    free(s);
}

void fleet_set_rise(struct fleet_set *s, uint64_t term)
{
    if (term <= s->term)
        return;
    s->term = term;
    drop_full(s);
}

uint64_t fleet_set_epoch(const struct fleet_set *s, const struct name *migration)
{
    struct entry *e;

    HASH_FIND_STR(s->entries, migration->s, e);
    return e ? e->order.epoch : 0;
}

bool fleet_set_orders_changed(const struct fleet_set *s)
{
    struct entry *e, *next;

    HASH_ITER (hh, s->entries, e, next)
        if (e->order_changed)
            return true;
    return false;
}

uint64_t fleet_set_revision(const struct fleet_set *s)
{
    return s->revision;
}

uint64_t fleet_set_base(const struct fleet_set *s)
{
    return s->base;
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct entry *entry_of(struct fleet_set *s, const struct name *migration)
{
    struct entry *e;

    HASH_FIND_STR(s->entries, migration->s, e);
    if (e)
        return e;
    e = xnew(struct entry);
    e->migration = *migration;
    HASH_ADD_STR(s->entries, migration.s, e);
    return e;
}

static void set_rule(struct entry *e, char *rule, size_t len)
{
    bool same = rule && e->rule && len == e->rule_len && memcmp(rule, e->rule, len) == 0;

    e->route_changed = e->route_changed || !same;
    free(e->rule);
    e->rule = rule;
    e->rule_len = len;
}

static void apply_route(struct fleet_set *s, struct fleet_route *r)
{
    CLEANUP(buf_deinitp) struct buf rule = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct entry *e = entry_of(s, &r->route.migration);

    if (r->has_emergency && r->emergency.epoch > e->order.epoch) {
        e->order = r->emergency;
        e->order_changed = true;
    }
    if (r->removed) {
        set_rule(e, NULL, 0);
    } else {
        fleet_wire_route(&r->route, &rule);
        size_t len = rule.len;
        set_rule(e, buf_steal(&rule), len);
    }
}

/* The same sum that nodes compute, by the same function. */
static void sum_up(struct fleet_set *s)
{
    struct ruleset *all = ruleset_new(s->incarnation, s->term, s->revision);
    struct entry *e, *next;

    HASH_ITER (hh, s->entries, e, next) {
        struct route named = {.migration = e->migration};

        if (e->rule)
            CHECK(ruleset_add(all, &named, (struct str){e->rule, e->rule_len}, NULL) == 0);
    }
    CHECK(ruleset_finish(all, NULL) == 0);
    s->checksum = all->checksum;
    ruleset_unref(all);
}

void fleet_set_apply(struct fleet_set *s, uint64_t revision, struct fleet_route *routes,
                     unsigned count)
{
    CHECK(revision >= s->revision && revision > 0);
    for (unsigned i = 0; i < count; i++)
        apply_route(s, &routes[i]);
    s->revision = revision;
    drop_full(s);
    sum_up(s);
}

/* ---- updates --------------------------------------------------------------------------------- */

/* An Update whose parts are arrays of one allocation each, sized for every entry. */
struct update {
    Switchyard__V1__CoordinatorMessage m;
    Switchyard__V1__Update u;
    Switchyard__V1__RouteUpdate *route;
    Switchyard__V1__RouteUpdate **route_at;
    Switchyard__V1__EmergencyOrder *order;
    Switchyard__V1__EmergencyOrder **order_at;
    char **removed;
};

static void update_init(struct update *up, struct fleet_set *s, bool full)
{
    size_t n = HASH_COUNT(s->entries);

    switchyard__v1__update__init(&up->u);
    up->u.term = s->term;
    up->u.revision = s->revision;
    up->u.full = full;
    up->u.base_revision = full ? 0 : s->base;
    up->u.incarnation = s->incarnation;
    up->u.checksum = (ProtobufCBinaryData){SHA256_SIZE, s->checksum.b};
    up->route = xcalloc(n + 1, sizeof(*up->route));
    up->u.upserts = up->route_at = xcalloc(n + 1, sizeof(*up->route_at));
    up->order = xcalloc(n + 1, sizeof(*up->order));
    up->u.emergencies = up->order_at = xcalloc(n + 1, sizeof(*up->order_at));
    up->u.removes = up->removed = xcalloc(n + 1, sizeof(*up->removed));
}

static void add_route(struct update *up, struct entry *e)
{
    size_t i = up->u.n_upserts++;

    switchyard__v1__route_update__init(&up->route[i]);
    up->route[i].migration = e->migration.s;
    up->route[i].rule = (ProtobufCBinaryData){e->rule_len, (uint8_t *)e->rule};
    up->route_at[i] = &up->route[i];
}

static void add_order(struct update *up, struct entry *e)
{
    size_t i = up->u.n_emergencies++;

    fleet_wire_order(&e->order, &up->order[i]);
    up->order_at[i] = &up->order[i];
}

static struct rpc_msg *encode(struct fleet_set *s, bool full)
{
    struct update up;
    struct rpc_msg *m;
    struct entry *e, *next;

    update_init(&up, s, full);
    HASH_ITER (hh, s->entries, e, next) {
        if (e->rule && (full || e->route_changed))
            add_route(&up, e);
        if (!e->rule && !full && e->route_changed && e->known)
            up.removed[up.u.n_removes++] = e->migration.s;
        if (e->order.epoch > 0 && (full || e->order_changed))
            add_order(&up, e);
    }
    switchyard__v1__coordinator_message__init(&up.m);
    up.m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_UPDATE;
    up.m.update = &up.u;
    m = rpc_msg_encode(&up.m.base);
    free(up.route);
    free(up.route_at);
    free(up.order);
    free(up.order_at);
    free(up.removed);
    return m;
}

struct rpc_msg *fleet_set_full(struct fleet_set *s)
{
    if (!s->full)
        s->full = encode(s, true);
    return s->full;
}

struct rpc_msg *fleet_set_delta(struct fleet_set *s)
{
    return encode(s, false);
}

void fleet_set_pushed(struct fleet_set *s)
{
    struct entry *e, *next;

    s->base = s->revision;
    HASH_ITER (hh, s->entries, e, next) {
        e->route_changed = false;
        e->order_changed = false;
        e->known = e->rule != NULL;
        if (!e->rule && e->order.epoch == 0)
            drop_entry(s, e);
    }
}
