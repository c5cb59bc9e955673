/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/agent.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/agent/agent_parts.h"

void agent_put(struct ruleset **slot, struct ruleset *set)
{
    struct ruleset *old = *slot;

    *slot = set ? ruleset_ref(set) : NULL;
    ruleset_unref(old);
}

struct position agent_position_of(const struct ruleset *set)
{
    if (!set)
        return (struct position){.incarnation = ""};
    return (struct position){
        .incarnation = set->incarnation, .term = set->term, .revision = set->revision};
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
    agent_put(&a->accepted, NULL);
    agent_put(&a->writing, NULL);
    agent_put(&a->on_disk, NULL);
    agent_put(&a->unwritable, NULL);
    agent_put(&a->publishing, NULL);
    agent_put(&a->overtaken, NULL);
    agent_put(&a->serving, NULL);
    xfreep(&a->epochs);
    xfreep(&a);
    return NULL;
}

/* ---- what is accepted ------------------------------------------------------------------------ */

int agent_add_resolved(const struct agent *a, struct ruleset *set, const struct route *route,
                       struct str rule, struct err *err)
{
    struct route own;

    route_for_node(route, &a->node, &a->labels, &own);
    return ruleset_add(set, &own, rule, err);
}

/* The same set for this node and under the newest orders. Its routes were a valid set before, so
 * this cannot fail. */
static struct ruleset *restamped(const struct agent *a, const struct ruleset *set)
{
    struct ruleset *copy = ruleset_new(set->incarnation, set->term, set->revision);
    int r = 0;

    for (unsigned i = 0; i < set->count && r == 0; i++)
        r = agent_add_resolved(a, copy, &set->entry[i].route, set->entry[i].rule, NULL);
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
    agent_put(&a->accepted, own);
    agent_put(&a->on_disk, own);
}

void agent_adopt(struct agent *a, struct ruleset *set)
{
    CLEANUP(ruleset_unrefp) struct ruleset *copy = NULL;

    if (set && !epochs_obeyed(a->epochs, set))
        copy = restamped(a, set);
    agent_put(&a->accepted, copy ? copy : set);
}

void agent_owe_nack(struct agent *a, bool refuses, uint64_t term, uint64_t revision)
{
    a->nack_due = true;
    a->nack_refuses = refuses;
    a->nack_term = term;
    a->nack_revision = revision;
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
    if (agent_can_tell(a))
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
    return agent_position_of(a->accepted);
}

struct position agent_position_serving(const struct agent *a)
{
    return agent_position_of(a->serving);
}

struct position agent_position_nack(const struct agent *a, const char **ret_reason)
{
    struct position p = agent_position_of(a->accepted);

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
    agent_put(&a->writing, a->accepted);
    a->orders_writing = a->orders;
    return a->writing;
}

void agent_written(struct agent *a)
{
    CHECK(a->writing);
    agent_put(&a->on_disk, a->writing);
    agent_put(&a->writing, NULL);
    a->orders_on_disk = a->orders_writing;
    a->write_failed = false;
    agent_note_disk(a);
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
    agent_owe_nack(a, true, failed->term, failed->revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "cannot keep the rule set on disk: %s", why);
    if (failed == a->accepted && !changes_orders_only(a))
        agent_adopt(a, newest_out(a));
}

void agent_write_failed(struct agent *a, const char *why)
{
    CHECK(a->writing);
    CLEANUP(ruleset_unrefp) struct ruleset *failed = steal(a->writing);
    bool in_use = failed == a->publishing || failed == a->serving;

    agent_put(&a->unwritable, failed);
    a->write_failed = true;
    agent_note_disk(a);
    if (!in_use && !(failed == a->accepted && is_urgent(a)))
        fall_back(a, failed, why);
}

struct ruleset *agent_publishable(struct agent *a)
{
    CHECK(a->accepted && a->publishing != a->accepted);
    if (a->publishing)
        agent_put(&a->overtaken, a->publishing);
    agent_put(&a->publishing, a->accepted);
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
        agent_put(&a->overtaken, NULL);
    if (served == a->publishing)
        agent_put(&a->publishing, NULL);
    agent_put(&a->serving, served);
    a->serving_since = now;
    a->ack_due = true;
}

void agent_lacking(struct agent *a, const struct ruleset *set, const char *why)
{
    if (set != a->accepted || a->nack_due)
        return;
    agent_owe_nack(a, false, set->term, set->revision);
    str_fmt(a->nack_reason, sizeof a->nack_reason, "serves revision %" PRIu64 " in part: %s",
            set->revision, why);
}

void agent_retry(struct agent *a)
{
    agent_put(&a->unwritable, NULL);
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
