/* SPDX-License-Identifier: Apache-2.0 */
/* Who else is there, and who leads: the keys that stand under leases. What is read, watched and
 * written of them arrives in any order, and counts by its revision. */
#include <stdlib.h>
#include <uthash.h>

#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

struct driver_member {
    struct name id;
    struct driver_key key;
    UT_hash_handle hh;
};

/* False when it was known. A value that cannot be read is somebody of whom nothing is known. */
static bool take(struct driver_key *k, const struct core_kv *kv)
{
    struct err err;

    if (kv->rev <= k->rev)
        return false;
    k->rev = kv->rev;
    k->present = kv->value.p != NULL;
    if (k->present && member_read(kv->value, &k->record, &err) < 0)
        log_err(LOG_WARN, LOG_ELECTION, &err, "key=%s", LOGQ(kv->key));
    return true;
}

/* ---- the leader ------------------------------------------------------------------------------ */

static bool is_ours(const struct driver *d, const struct driver_key *k)
{
    return k->present && member_is(&k->record, &d->config.self, d->lead.lease);
}

enum election_event members_leader_event(const struct driver *d)
{
    const struct driver_key *k = &d->members.leader;

    if (!k->present)
        return ELECTION_EV_VACANT;
    return is_ours(d, k) ? ELECTION_EV_OURS : ELECTION_EV_OTHER;
}

static bool take_leader(struct driver *d, const struct core_kv *kv)
{
    struct driver_key *k = &d->members.leader;

    if (!take(k, kv))
        return false;
    if (k->present)
        d->members.term = k->rev;
    driver_go_on(d);
    return true;
}

void members_lead(struct driver *d, const struct member_record *m, store_rev rev)
{
    if (rev < d->members.leader.rev)
        return;
    d->members.leader = (struct driver_key){rev, true, *m};
    d->members.term = rev;
    driver_go_on(d);
}

void members_saw_leader(struct driver *d, const struct store_list *list)
{
    struct core_kv kv = {KEY_LEADER, {NULL, 0}, list->rev};

    for (size_t i = 0; i < list->count; i++) {
        const struct store_kv *at = &list->item[i];

        if (strcmp(at->key, KEY_LEADER) == 0)
            kv = (struct core_kv){at->key, {at->value, at->value_len}, at->rev};
    }
    take_leader(d, &kv);
}

/* ---- the others ------------------------------------------------------------------------------ */

static void tell_member(struct driver *d, const struct driver_member *m, bool gone)
{
    if (d->ready)
        d->ports->on_member(d->ports_ctx, &m->key.record.member, gone);
}

static void forget(struct driver *d, struct driver_member *m)
{
    HASH_DEL(d->members.others, m);
    free(m);
}

/* Of those that are gone the revision is kept while there is room: an old change must not bring
 * them back. */
static struct driver_member *find_or_add(struct driver *d, const char *id)
{
    struct driver_member *m, *old, *next;

    HASH_FIND_STR(d->members.others, id, m);
    if (m)
        return m;
    HASH_ITER (hh, d->members.others, old, next)
        if (HASH_COUNT(d->members.others) >= MEMBERS_MAX && !old->key.present)
            forget(d, old);
    m = xnew(struct driver_member);
    if (HASH_COUNT(d->members.others) >= MEMBERS_MAX ||
        !str_copy(str_of(id), m->id.s, sizeof(m->id.s))) {
        free(m);
        return NULL;
    }
    HASH_ADD_STR(d->members.others, id.s, m);
    return m;
}

static void take_other(struct driver *d, const char *id, const struct core_kv *kv)
{
    struct driver_member *m = find_or_add(d, id);
    bool was_present = m && m->key.present;

    if (!m || !take(&m->key, kv))
        return;
    m->key.record.member.id = m->id;
    if (m->key.present || was_present)
        tell_member(d, m, !m->key.present);
}

/* Our own key under our lease is what says that we are here. */
static void take_own(struct driver *d, const struct core_kv *kv)
{
    struct member_record m;

    if (d->lead.registered == 0 || kv->rev <= d->lead.registered)
        return;
    if (kv->value.p && member_read(kv->value, &m, NULL) == 0 &&
        member_is(&m, &d->config.self, d->lead.lease))
        d->lead.registered = kv->rev;
    else
        lead_event(d, ELECTION_EV_ENDED);
}

void members_saw(struct driver *d, const struct core_kv *kv)
{
    const char *id = kv->key + sizeof(KEY_COORDINATORS) - 1;

    if (strcmp(kv->key, KEY_LEADER) == 0) {
        if (take_leader(d, kv))
            lead_event(d, members_leader_event(d));
    } else if (strcmp(id, d->config.self.id.s) == 0) {
        take_own(d, kv);
    } else {
        take_other(d, id, kv);
    }
}

static bool is_in(const struct store_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_starts(str_of(list->item[i].key), STR(KEY_COORDINATORS)) &&
            strcmp(list->item[i].key + sizeof(KEY_COORDINATORS) - 1, id) == 0)
            return true;
    return false;
}

void members_saw_all(struct driver *d, const struct store_list *list)
{
    const struct core_kv no_own = {KEY_COORDINATORS, {NULL, 0}, list->rev};
    struct driver_member *m, *next;

    for (size_t i = 0; i < list->count; i++) {
        const struct store_kv *at = &list->item[i];
        const struct core_kv kv = {at->key, {at->value, at->value_len}, at->rev};

        if (str_starts(str_of(at->key), STR(KEY_COORDINATORS)))
            members_saw(d, &kv);
    }
    HASH_ITER (hh, d->members.others, m, next)
        if (m->key.present && !is_in(list, m->id.s))
            take_other(d, m->id.s, &no_own);
    if (!is_in(list, d->config.self.id.s))
        take_own(d, &no_own);
    members_saw_leader(d, list);
    if (!d->lead.here || members_leader_event(d) != ELECTION_EV_OURS)
        lead_event(d, members_leader_event(d));
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct leadership leadership_of(struct driver *d)
{
    const struct driver_key *k = &d->members.leader;
    struct leadership l = {.here = d->lead.here, .term = d->members.term};

    if (d->lead.alone) {
        l.leader = d->config.self;
        l.term = 1;
        l.since = d->config.self.since;
    } else if (k->present && (l.here || !is_ours(d, k))) {
        l.leader = k->record.member;
        l.since = k->record.leads_since;
    }
    return l;
}

static bool same(const struct leadership *a, const struct leadership *b)
{
    return a->here == b->here && a->term == b->term && name_eq(&a->leader.id, &b->leader.id) &&
           strcmp(a->leader.boot, b->leader.boot) == 0;
}

void members_tell(struct driver *d)
{
    struct leadership now = leadership_of(d);

    if (!d->ready || (d->members.told_any && same(&now, &d->members.told)))
        return;
    if (!d->members.told_any) {
        struct driver_member *m, *next;

        HASH_ITER (hh, d->members.others, m, next)
            if (m->key.present)
                tell_member(d, m, false);
    }
    d->members.told_any = true;
    d->members.told = now;
    d->ports->on_leader(d->ports_ctx, &now);
}

void members_deinit(struct driver *d)
{
    struct driver_member *m, *next;

    HASH_ITER (hh, d->members.others, m, next)
        forget(d, m);
}
