/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/agent.h"

#include <assert.h>
#include <inttypes.h>

#include "common/base/mem.h"

/* The same set may stand in several places; each holds its own reference. */
struct agent {
    struct ruleset *accepted; /* newest verified */
    struct ruleset *writing;  /* being written */
    struct ruleset *on_disk;  /* written last */
    struct ruleset
        *unwritable; /* could not be written; not tried again until another is accepted */
    struct ruleset *publishing; /* handed to the proxy */
    struct ruleset *serving;    /* every loop serves with it */
    struct epochs *epochs;      /* owned */
    wall_t serving_since;
    bool urgent; /* accepted adds an active emergency order: do not wait for the disk */
    bool connected;
    bool ack_due, nack_due;
    uint64_t nack_term, nack_revision;
    char nack_reason[TEXT_SIZE];
};

static void replace(struct ruleset **slot, struct ruleset *set)
{
    struct ruleset *old = *slot;

    *slot = set ? ruleset_ref(set) : NULL;
    ruleset_unref(old);
}

struct agent *agent_new(void)
{
    struct agent *a = xnew(struct agent);

    a->epochs = xnew(struct epochs);
    return a;
}

struct agent *agent_free(struct agent *a)
{
    if (!a)
        return NULL;
    replace(&a->accepted, NULL);
    replace(&a->writing, NULL);
    replace(&a->on_disk, NULL);
    replace(&a->unwritable, NULL);
    replace(&a->publishing, NULL);
    replace(&a->serving, NULL);
    xfreep(&a->epochs);
    xfreep(&a);
    return NULL;
}

void agent_restore(struct agent *a, struct ruleset *set, const struct epochs *epochs)
{
    assert(!a->accepted);
    *a->epochs = *epochs;
    replace(&a->accepted, set);
    replace(&a->on_disk, set);
}

/* ---- judging an update
 * ---------------------------------------------------------------------------------- */

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

/* The routes of `base` that the update does not name, then the update's own. */
static int add_routes(struct ruleset *set, const struct ruleset *base, const struct agent_update *u,
                      struct err *err)
{
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
        r = route_check(&u->upsert[i].route, err);
        if (r < 0)
            return r;
        r = ruleset_add(set, &u->upsert[i].route, u->upsert[i].rule, err);
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

    r = add_routes(set, u->full ? NULL : a->accepted, u, err);
    if (r < 0)
        return r;
    r = check_sum(set, u, err);
    if (r < 0)
        return r;
    *ret = steal(set);
    return 0;
}

/* Returns whether an active order is new; *ret_changed whether any order is. */
static bool take_orders(struct agent *a, const struct agent_update *u, bool *ret_changed)
{
    bool urgent = false;

    *ret_changed = false;
    for (unsigned i = 0; i < u->emergency_count; i++) {
        if (epochs_take(a->epochs, &u->emergency[i]) != EPOCH_NEWER)
            continue;
        *ret_changed = true;
        urgent = urgent || u->emergency[i].active;
    }
    return urgent;
}

static int refuse(struct agent *a, const struct agent_update *u, const struct err *err)
{
    a->nack_due = true;
    a->nack_term = u->to.term;
    a->nack_revision = u->to.revision;
    str_fmt(a->nack_reason, sizeof a->nack_reason, "%s", err->msg);
    return -(int)err->code;
}

static bool is_accepted(const struct agent *a, const struct agent_update *u)
{
    struct position have = position_of(a->accepted);

    return strcmp(have.incarnation, u->to.incarnation) == 0 && have.term == u->to.term &&
           have.revision == u->to.revision && sha256_eq(&a->accepted->checksum, &u->checksum);
}

static bool misses_base(const struct agent *a, const struct agent_update *u)
{
    return !u->full && (!a->accepted || a->accepted->revision != u->base_revision);
}

/* Every emergency order in an update must have its epoch. */
static int check_orders(const struct agent_update *u, struct err *err)
{
    for (unsigned i = 0; i < u->emergency_count; i++)
        if (u->emergency[i].epoch == 0)
            return err_set(err, ERR_INVALID, "emergency order for %s has no epoch",
                           u->emergency[i].migration.s);
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
    r = check_orders(u, err);
    if (r < 0)
        return r;
    return build(a, u, ret, err);
}

int agent_take(struct agent *a, const struct agent_update *u, struct err *err)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    struct err why = {0};
    bool changed;

    if (misses_base(a, u))
        return AGENT_GAP;
    if (judge(a, u, &set, &why) < 0) {
        err_copy(err, &why);
        return refuse(a, u, &why);
    }
    bool known = a->accepted && is_accepted(a, u);
    if (take_orders(a, u, &changed))
        a->urgent = true;
    if (known && !changed) {
        a->ack_due = a->serving == a->accepted;
        return AGENT_KNOWN;
    }
    epochs_stamp(a->epochs, set);
    replace(&a->accepted, set);
    replace(&a->unwritable, NULL);
    return 0;
}

/* ---- jobs
 * ------------------------------------------------------------------------------------------------
 */

enum agent_job agent_next(struct agent *a)
{
    if (a->connected && a->nack_due)
        return AGENT_NACK;
    if (a->connected && a->ack_due)
        return AGENT_ACK;
    if (!a->accepted)
        return AGENT_IDLE;
    if (!a->publishing && a->serving != a->accepted && (a->on_disk == a->accepted || a->urgent))
        return AGENT_PUBLISH;
    if (!a->writing && a->on_disk != a->accepted && a->unwritable != a->accepted)
        return AGENT_WRITE;
    return AGENT_IDLE;
}

struct ruleset *agent_accepted(struct agent *a)
{
    return a->accepted;
}

struct ruleset *agent_publishable(struct agent *a)
{
    assert(!a->publishing && a->accepted);
    replace(&a->publishing, a->accepted);
    a->urgent = false;
    return ruleset_ref(a->publishing);
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

void agent_write_started(struct agent *a)
{
    assert(!a->writing && a->accepted);
    replace(&a->writing, a->accepted);
}

void agent_written(struct agent *a)
{
    assert(a->writing);
    replace(&a->on_disk, a->writing);
    replace(&a->writing, NULL);
}

/* The same set under the newest orders. Its routes were a valid set before, so this cannot fail. */
static struct ruleset *restamped(const struct ruleset *set, const struct epochs *epochs)
{
    struct ruleset *copy = ruleset_new(set->incarnation, set->term, set->revision);
    int r = 0;

    for (unsigned i = 0; i < set->count && r == 0; i++)
        r = ruleset_add(copy, &set->entry[i].route, set->entry[i].rule, NULL);
    if (r == 0)
        r = ruleset_finish(copy, NULL);
    assert(r == 0);
    epochs_stamp(epochs, copy);
    return copy;
}

/* Give up the set `failed`: go back to what is served and tell the coordinator why. Orders that
 * came with it hold all the same: an endpoint that cannot be resolved must not keep a node from
 * going to legacy. */
static void fall_back(struct agent *a, const struct ruleset *failed, const char *doing,
                      const char *why)
{
    a->nack_due = true;
    a->nack_term = failed->term;
    a->nack_revision = failed->revision;
    str_fmt(a->nack_reason, sizeof a->nack_reason, "%s: %s", doing, why);
    if (failed != a->accepted)
        return;
    replace(&a->accepted, a->serving);
    if (a->serving && !epochs_obeyed(a->epochs, a->serving)) {
        CLEANUP(ruleset_unrefp) struct ruleset *set = restamped(a->serving, a->epochs);

        replace(&a->accepted, set);
        a->urgent = true;
    }
}

void agent_write_failed(struct agent *a, const char *why)
{
    assert(a->writing);
    CLEANUP(ruleset_unrefp) struct ruleset *failed = steal(a->writing);

    replace(&a->unwritable, failed);
    if (failed != a->publishing && failed != a->serving && !a->urgent)
        fall_back(a, failed, "cannot keep the rule set on disk", why);
}

void agent_serving(struct agent *a, wall_t now)
{
    assert(a->publishing);
    replace(&a->serving, a->publishing);
    replace(&a->publishing, NULL);
    a->serving_since = now;
    a->ack_due = true;
}

void agent_publish_failed(struct agent *a, const char *why)
{
    assert(a->publishing);
    CLEANUP(ruleset_unrefp) struct ruleset *failed = steal(a->publishing);

    fall_back(a, failed, "the proxy cannot serve the rule set", why);
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

/* ---- freshness
 * ------------------------------------------------------------------------------------------ */

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
    assert(!"a link state without a name");
    return "";
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
