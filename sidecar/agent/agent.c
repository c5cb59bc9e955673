/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/agent.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/agent/agent_state.h"

/* The same set may stand in several places; each holds its own reference. */
struct agent {
    struct name node;
    struct labels labels;
    struct ruleset *accepted;   /* newest verified */
    struct ruleset *writing;    /* being written */
    struct ruleset *on_disk;    /* written last */
    struct ruleset *unwritable; /* could not be written; waits for agent_retry() */
    struct ruleset *publishing; /* handed to the proxy */
    struct ruleset *overtaken;  /* handed out before it; the loops may be taking it over */
    struct ruleset *serving;    /* every loop serves with it */
    struct epochs *epochs;      /* owned */
    uint64_t orders;            /* rises with every change of `epochs` */
    uint64_t orders_writing;    /* as of the write that is out, and */
    uint64_t orders_on_disk;    /* of the last that came to an end */
    wall_t serving_since;
    bool connected;
    bool ack_due, nack_due;
    bool nack_refuses;   /* else the nack only tells what the set lacks */
    bool telling;        /* orders stand that the coordinator has not heard of */
    unsigned untold;     /* of epochs: those before were told */
    bool write_failed;   /* the last one */
    bool told_unwritten; /* that orders are not on disk */
    uint64_t nack_term, nack_revision;
    char nack_reason[TEXT_SIZE];
};

static void put(struct ruleset **slot, struct ruleset *set)
{
    struct ruleset *old = *slot;

    *slot = set ? ruleset_ref(set) : NULL;
    ruleset_unref(old);
}

struct agent *agent_new(const struct name *node, const struct labels *labels)
{
    struct agent *a = xnew(struct agent);

    a->node = *node;
    a->labels = *labels;
    a->epochs = xnew(struct epochs);
    return a;
}

struct agent *agent_free(struct agent *a)
{
    if (!a)
        return NULL;
    put(&a->accepted, NULL);
    put(&a->writing, NULL);
    put(&a->on_disk, NULL);
    put(&a->unwritable, NULL);
    put(&a->publishing, NULL);
    put(&a->overtaken, NULL);
    put(&a->serving, NULL);
    xfreep(&a->epochs);
    xfreep(&a);
    return NULL;
}

/* ---- judging an update ----------------------------------------------------------------------- */

static struct position position_of(const struct ruleset *set)
{
    if (!set)
        return (struct position){.incarnation = ""};
    return (struct position){
        .incarnation = set->incarnation, .term = set->term, .revision = set->revision};
}

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

/* What this node serves of the route; that of one which was resolved before is the same. */
static int add_resolved(const struct agent *a, struct ruleset *set, const struct route *route,
                        struct str rule, struct err *err)
{
    struct route own;

    route_for_node(route, &a->node, &a->labels, &own);
    return ruleset_add(set, &own, rule, err);
}

static int add_upsert(const struct agent *a, struct ruleset *set, const struct agent_route *new,
                      struct err *err)
{
    int r;

    if (new->rule.n > AGENT_RULE_MAX)
        return err_set(err, ERR_INVALID, "the rule of %s has %zu bytes, at most %u are taken",
                       new->route.migration.s, new->rule.n, AGENT_RULE_MAX);
    r = route_check(&new->route, err);
    return r < 0 ? r : add_resolved(a, set, &new->route, new->rule, err);
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

static enum epoch_outcome take_order(struct agent *a, const struct emergency *order)
{
    enum epoch_outcome r = epochs_take(a->epochs, order);

    a->orders += r == EPOCH_NEWER;
    return r;
}

/* Returns whether any order is new. */
static bool take_orders(struct agent *a, const struct agent_update *u)
{
    bool changed = false;

    for (unsigned i = 0; i < u->emergency_count; i++)
        if (u->emergency[i].epoch > 0)
            changed = take_order(a, &u->emergency[i]) == EPOCH_NEWER || changed;
    return changed;
}

/* The same set for this node and under the newest orders. Its routes were a valid set before, so
 * this cannot fail. */
static struct ruleset *restamped(const struct agent *a, const struct ruleset *set)
{
    struct ruleset *copy = ruleset_new(set->incarnation, set->term, set->revision);
    int r = 0;

    for (unsigned i = 0; i < set->count && r == 0; i++)
        r = add_resolved(a, copy, &set->entry[i].route, set->entry[i].rule, NULL);
    if (r == 0)
        r = ruleset_finish(copy, NULL);
    CHECK(r == 0);
    epochs_stamp(a->epochs, copy);
    return copy;
}

void agent_restore(struct agent *a, struct ruleset *set, const struct epochs *epochs)
{
    CLEANUP(ruleset_unrefp) struct ruleset *own = NULL;

    CHECK(!a->accepted);
    *a->epochs = *epochs;
    own = restamped(a, set);
    put(&a->accepted, own);
    put(&a->on_disk, own);
}

/* Accept `set` (may be NULL) under the newest orders, which may have come after it was built. */
static void adopt(struct agent *a, struct ruleset *set)
{
    CLEANUP(ruleset_unrefp) struct ruleset *copy = NULL;

    if (set && !epochs_obeyed(a->epochs, set))
        copy = restamped(a, set);
    put(&a->accepted, copy ? copy : set);
}

static void owe_nack(struct agent *a, bool refuses, uint64_t term, uint64_t revision)
{
    a->nack_due = true;
    a->nack_refuses = refuses;
    a->nack_term = term;
    a->nack_revision = revision;
}

static int refuse(struct agent *a, const struct agent_update *u, const struct err *err)
{
    owe_nack(a, true, u->to.term, u->to.revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "%s", err->msg);
    return -(int)err->code;
}

/* Whoever leads now, it is the same set. */
static bool is_accepted(const struct agent *a, const struct agent_update *u)
{
    struct position have = position_of(a->accepted);

    return a->accepted && strcmp(have.incarnation, u->to.incarnation) == 0 &&
           have.revision == u->to.revision && sha256_eq(&a->accepted->checksum, &u->checksum);
}

static bool misses_base(const struct agent *a, const struct agent_update *u)
{
    return !u->full && (!a->accepted || a->accepted->revision != u->base_revision);
}

static int no_room(const struct name *migration, struct err *err)
{
    return err_set(err, ERR_EXHAUSTED, "no room for the emergency order for %s: %d stand",
                   migration->s, EPOCHS_MAX);
}

static int check_orders(const struct agent *a, const struct agent_update *u, struct err *err)
{
    for (unsigned i = 0; i < u->emergency_count; i++) {
        const char *migration = u->emergency[i].migration.s;

        if (u->emergency[i].epoch == 0)
            return err_set(err, ERR_INVALID, "the emergency order for %s has no epoch", migration);
        if (!epochs_find(a->epochs, migration))
            return no_room(&u->emergency[i].migration, err);
    }
    return 0;
}

static int judge(const struct agent *a, const struct agent_update *u, struct ruleset **ret,
                 struct err *err)
{
    struct position have = position_of(a->accepted);
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
        adopt(a, a->accepted);
        return AGENT_GAP;
    }
    if (judge(a, u, &set, &why) < 0) {
        adopt(a, a->accepted);
        err_copy(err, &why);
        return refuse(a, u, &why);
    }
    if (is_accepted(a, u) && !changed) {
        a->ack_due = a->ack_due || a->serving == a->accepted;
        return AGENT_KNOWN;
    }
    epochs_stamp(a->epochs, set);
    put(&a->accepted, set);
    put(&a->unwritable, NULL);
    return 0;
}

/* ---- orders beside the coordinator ----------------------------------------------------------- */

static void tell_all(struct agent *a)
{
    a->telling = true;
    a->untold = 0;
}

/* An operator who asks twice, or asks nodes that heard of it from the coordinator meanwhile, gives
 * one order, not a race of epochs. */
static bool stands(const struct emergency *have, const struct emergency *order)
{
    return have && have->active && strcmp(have->reason, order->reason) == 0 &&
           strcmp(have->operator_name, order->operator_name) == 0;
}

static int order_one(struct agent *a, const struct name *migration, const struct emergency *order,
                     struct err *err)
{
    const struct emergency *have = epochs_find(a->epochs, migration->s);
    struct emergency next = *order;

    if (stands(have, order))
        return AGENT_KNOWN;
    if (have && have->epoch == UINT64_MAX)
        return err_set(err, ERR_REFUSED, "there is no epoch above that of %s", migration->s);
    next.migration = *migration;
    next.epoch = have ? have->epoch + 1 : 1;
    next.active = true;
    if (take_order(a, &next) == EPOCH_FULL)
        return no_room(migration, err);
    tell_all(a);
    return 0;
}

static int order_all(struct agent *a, const struct emergency *order, struct err *err)
{
    int worst = AGENT_KNOWN;

    for (unsigned i = 0; i < a->accepted->count && worst >= 0; i++) {
        int r = order_one(a, &a->accepted->entry[i].route.migration, order, err);

        worst = r < worst ? r : worst;
    }
    return worst;
}

static int no_such_route(const struct agent *a, const char *name, struct err *err)
{
    const char *names[RULESET_ROUTES_MAX + 1] = {NULL};
    const char *near;

    for (unsigned i = 0; i < a->accepted->count; i++)
        names[i] = a->accepted->entry[i].route.migration.s;
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_NOT_FOUND, "this node has no route for a migration \"%s\"", name);
    if (near)
        return err_hint(err, "did you mean \"%s\"?", near);
    return err_hint(err, "order all of them");
}

int agent_order(struct agent *a, const struct emergency *order, struct err *err)
{
    const char *name = order->migration.s;
    int r;

    if (!a->accepted || a->accepted->count == 0)
        return err_set(err, ERR_REFUSED, "this node has no routes: there is nothing on new here");
    if (name[0] && !ruleset_find(a->accepted, name))
        return no_such_route(a, name, err);
    r = name[0] ? order_one(a, &order->migration, order, err) : order_all(a, order, err);
    adopt(a, a->accepted);
    return r;
}

int agent_pushed_order(struct agent *a, const struct emergency *order, struct err *err)
{
    enum epoch_outcome r = take_order(a, order);

    if (r == EPOCH_FULL)
        return no_room(&order->migration, err);
    adopt(a, a->accepted);
    tell_all(a);
    return r == EPOCH_NEWER ? 0 : AGENT_KNOWN;
}

bool agent_obeys(const struct agent *a, const char *migration)
{
    const struct emergency *order = epochs_find(a->epochs, migration);
    const struct ruleset_entry *e = a->serving ? ruleset_find(a->serving, migration) : NULL;

    return order && e && e->emergency.epoch == order->epoch;
}

/* Every active order is told, known ones too: the coordinator knows by the epoch what is new. */
static unsigned next_untold(const struct agent *a)
{
    unsigned i = a->untold;

    while (i < a->epochs->count && !a->epochs->item[i].active)
        i++;
    return i;
}

/* Told is what every loop serves, and what has no route here. */
static bool can_tell(const struct agent *a)
{
    unsigned i = next_untold(a);
    const char *migration;

    if (!a->connected || !a->telling || i == a->epochs->count)
        return false;
    migration = a->epochs->item[i].migration.s;
    return agent_obeys(a, migration) || !a->accepted || !ruleset_find(a->accepted, migration);
}

const struct emergency *agent_untold(const struct agent *a)
{
    unsigned i = next_untold(a);

    CHECK(i < a->epochs->count);
    return &a->epochs->item[i];
}

void agent_told(struct agent *a)
{
    a->untold = next_untold(a) + 1;
    a->telling = a->untold < a->epochs->count;
}

bool agent_orders_unwritten(const struct agent *a)
{
    return a->write_failed && a->orders_on_disk != a->orders;
}

/* The disk took the orders that it did not take before, or the other way round. */
static void note_disk(struct agent *a)
{
    if (a->told_unwritten == agent_orders_unwritten(a))
        return;
    a->told_unwritten = !a->told_unwritten;
    tell_all(a);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static bool has_active_order(const struct ruleset *set, const char *migration)
{
    const struct ruleset_entry *e = set ? ruleset_find(set, migration) : NULL;

    return e && e->emergency.active;
}

/* Does the accepted set bring an active order that is not served yet, or that the disk does not
 * have? The second kind is served already, under an older revision: a disk that cannot take it must
 * not keep the node from saying so. */
static bool adds_active_order(const struct agent *a)
{
    for (unsigned i = 0; i < a->accepted->count; i++) {
        const struct ruleset_entry *e = &a->accepted->entry[i];
        const char *migration = e->route.migration.s;

        if (e->emergency.active &&
            !(has_active_order(a->serving, migration) && has_active_order(a->on_disk, migration)))
            return true;
    }
    return false;
}

/* Is it what is served, under other orders? */
static bool changes_orders_only(const struct agent *a)
{
    const struct ruleset *have = a->serving, *want = a->accepted;

    return have && strcmp(have->incarnation, want->incarnation) == 0 && have->term == want->term &&
           have->revision == want->revision && sha256_eq(&have->checksum, &want->checksum);
}

/* Orders never wait for the disk nor for another set's names. */
static bool is_urgent(const struct agent *a)
{
    return adds_active_order(a) || changes_orders_only(a);
}

static bool should_publish(const struct agent *a)
{
    if (a->accepted == a->serving || a->accepted == a->publishing)
        return false;
    return is_urgent(a) || (!a->publishing && a->accepted == a->on_disk);
}

static bool should_write(const struct agent *a)
{
    return !a->writing && a->unwritable != a->accepted &&
           (a->on_disk != a->accepted || a->orders_on_disk != a->orders);
}

enum agent_job agent_next(const struct agent *a)
{
    if (a->connected && a->nack_due)
        return AGENT_NACK;
    if (a->connected && a->ack_due)
        return AGENT_ACK;
    if (a->accepted && should_publish(a))
        return AGENT_PUBLISH;
    if (can_tell(a))
        return AGENT_TELL;
    return a->accepted && should_write(a) ? AGENT_WRITE : AGENT_IDLE;
}

const struct ruleset *agent_accepted(const struct agent *a)
{
    return a->accepted;
}

const struct ruleset *agent_served(const struct agent *a)
{
    return a->serving;
}

const struct epochs *agent_epochs(const struct agent *a)
{
    return a->epochs;
}

struct position agent_position(const struct agent *a)
{
    return position_of(a->accepted);
}

struct position agent_position_serving(const struct agent *a)
{
    return position_of(a->serving);
}

struct position agent_position_nack(const struct agent *a, const char **ret_reason)
{
    struct position p = position_of(a->accepted);

    *ret_reason = a->nack_reason;
    p.term = a->nack_term;
    p.revision = a->nack_revision;
    return p;
}

bool agent_nack_refuses(const struct agent *a)
{
    return a->nack_refuses;
}

const struct ruleset *agent_write_started(struct agent *a)
{
    CHECK(!a->writing && a->accepted);
    put(&a->writing, a->accepted);
    a->orders_writing = a->orders;
    return a->writing;
}

void agent_written(struct agent *a)
{
    CHECK(a->writing);
    put(&a->on_disk, a->writing);
    put(&a->writing, NULL);
    a->orders_on_disk = a->orders_writing;
    a->write_failed = false;
    note_disk(a);
}

/* The newest set that the loops serve, or that may be on its way to them; else the one they start
 * with. */
static struct ruleset *newest_out(const struct agent *a)
{
    if (a->publishing)
        return a->publishing;
    return a->serving ? a->serving : a->on_disk;
}

/* Give up the set `failed`: go back to what is served, or is about to be, and tell the coordinator
 * why. Orders that came with it hold all the same. There is nothing to go back to from a set that
 * only changes orders; it waits to be tried again. */
static void fall_back(struct agent *a, const struct ruleset *failed, const char *why)
{
    owe_nack(a, true, failed->term, failed->revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "cannot keep the rule set on disk: %s", why);
    if (failed == a->accepted && !changes_orders_only(a))
        adopt(a, newest_out(a));
}

void agent_write_failed(struct agent *a, const char *why)
{
    CHECK(a->writing);
    CLEANUP(ruleset_unrefp) struct ruleset *failed = steal(a->writing);
    bool in_use = failed == a->publishing || failed == a->serving;

    put(&a->unwritable, failed);
    a->write_failed = true;
    note_disk(a);
    if (!in_use && !(failed == a->accepted && is_urgent(a)))
        fall_back(a, failed, why);
}

struct ruleset *agent_publishable(struct agent *a)
{
    CHECK(a->accepted && a->publishing != a->accepted);
    if (a->publishing)
        put(&a->overtaken, a->publishing);
    put(&a->publishing, a->accepted);
    return ruleset_ref(a->publishing);
}

static bool is_behind(const struct ruleset *set, const struct ruleset *serving)
{
    return serving && strcmp(set->incarnation, serving->incarnation) == 0 &&
           set->revision <= serving->revision;
}

/* An overtaken set may have reached the loops before the one that follows it, also one that two
 * others have overtaken since: whatever the loops serve must not be gone back behind. */
void agent_serving(struct agent *a, const struct ruleset *set, wall_t now)
{
    CLEANUP(ruleset_unrefp) struct ruleset *served = ruleset_ref(set);

    if (served != a->publishing && served != a->overtaken && is_behind(served, a->serving))
        return;
    if (served == a->publishing || served == a->overtaken)
        put(&a->overtaken, NULL);
    if (served == a->publishing)
        put(&a->publishing, NULL);
    put(&a->serving, served);
    a->serving_since = now;
    a->ack_due = true;
}

void agent_lacking(struct agent *a, const struct ruleset *set, const char *why)
{
    if (set != a->accepted || a->nack_due)
        return;
    owe_nack(a, false, set->term, set->revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "serves revision %" PRIu64 " in part: %s",
            set->revision, why);
}

void agent_retry(struct agent *a)
{
    put(&a->unwritable, NULL);
}

wall_t agent_serving_since(const struct agent *a)
{
    return a->serving_since;
}

void agent_acked(struct agent *a)
{
    a->ack_due = false;
}

void agent_nacked(struct agent *a)
{
    a->nack_due = false;
}

/* ---- freshness ------------------------------------------------------------------------------- */

const char *agent_link_name(enum agent_link l)
{
    switch (l) {
    case LINK_EMPTY:
        return "empty";
    case LINK_STALE:
        return "stale";
    case LINK_CURRENT:
        return "current";
    case LINK_BEHIND:
        return "behind";
    }
    check_die("a link state without a name");
}

enum agent_link agent_link(const struct agent *a)
{
    if (!a->serving)
        return LINK_EMPTY;
    if (!a->connected)
        return LINK_STALE;
    return a->serving == a->accepted ? LINK_CURRENT : LINK_BEHIND;
}

void agent_connected(struct agent *a, bool up)
{
    a->connected = up;
    if (!up)
        a->nack_due = false;
    /* A new coordinator learns from Hello what is served; an acknowledgement would repeat it. */
    if (up)
        a->ack_due = false;
}
