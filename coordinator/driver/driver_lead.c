/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the election asks for: our own key and the leader key, when to act, and pauses.
 * The lease is in driver_lease.c. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "coordinator/driver/driver_state.h"

#define JITTER_MS       100
#define PAUSE_MIN_MS    50
#define PAUSE_MAX_MS    1000
#define PATIENCE_MORE_S 2 /* than a lease, with an id that is in use at the start */

/* Before it was registered for the first time somebody waits, and not for ever. */
void lead_failed(struct driver *d, enum election_event ev, const struct err *err)
{
    struct driver_lead *l = &d->lead;
    dur_t patience = {l->election.ttl.ns + dur_s(PATIENCE_MORE_S).ns};

    if (l->failing.code == ERR_NONE)
        log_err(LOG_WARN, LOG_ELECTION, err, "id=%s state=%s", d->config.self.id.s,
                sm_state_name(&election_machine, l->election.sm.state));
    if (l->failing.code == ERR_NONE)
        l->failing_since = loop_now(d->loop);
    l->failing = *err;
    d->store_errors++;
    if (!d->ready && (!d->core || mono_sub(loop_now(d->loop), l->failing_since).ns >= patience.ns))
        driver_is_ready(d, l->registered ? NULL : err);
    if (d->failed)
        return;
    lead_event(d, ev);
}

/* ---- the keys -------------------------------------------------------------------------------- */

/* Put `key` under the lease, if there is none. */
static int put_key(struct driver *d, struct str key, wall_t leads_since, store_thread_txn_fn fn,
                   struct err *err)
{
    const struct member_record m = {d->config.self, d->lead.lease, leads_since};
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(MEMBER_TEXT_MAX);
    struct store_op op[] = {{STORE_COMPARE, .key = key}, {STORE_PUT, .key = key}};
    const struct store_txn txn = {op, ARRAY_LEN(op), d->lead.lease};
    struct driver_ask *a = ask_new(d);
    int r;

    CHECK(member_write(&m, &value));
    op[1].value = buf_view(&value);
    r = store_thread_txn(d->store, &txn, fn, a, err);
    if (r < 0)
        ask_free(a);
    return r;
}

static void key_failed(struct driver *d, int r, const struct err *err)
{
    if (r == -ERR_NOT_FOUND)
        return lead_event(d, ELECTION_EV_ENDED);
    lead_failed(d, r == -ERR_UNKNOWN_OUTCOME ? ELECTION_EV_UNKNOWN : ELECTION_EV_FAILED, err);
}

static void registered(struct driver *d, store_rev rev)
{
    d->lead.registered = rev;
    d->lead.failing = (struct err){.code = ERR_NONE};
    backoff_reset(&d->lead.backoff);
    lead_event(d, ELECTION_EV_REGISTERED);
}

static void taken(struct driver *d, const struct member_record *by)
{
    const char *id = d->config.self.id.s;
    char since[WALL_TEXT_MAX];
    struct err err;

    if (by)
        err_set(&err, ERR_EXISTS,
                "a coordinator with the id %s is registered already, at %s since %s", id,
                by->member.address, wall_text(by->member.since, since));
    else
        err_set(&err, ERR_EXISTS, "a coordinator with the id %s was registered already", id);
    err_hint(&err, "give this one its own --id, or stop the other");
    lead_failed(d, ELECTION_EV_TAKEN, &err);
}

static void on_own_key(void *ctx, int r, struct store_list *list, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;
    struct member_record m;

    if (ask_is_stale(a))
        return;
    if (r < 0)
        return lead_failed(d, ELECTION_EV_FAILED, err);
    for (size_t i = 0; i < list->count; i++) {
        const struct store_kv *kv = &list->item[i];

        if (strcmp(kv->key + sizeof(KEY_COORDINATORS) - 1, d->config.self.id.s) != 0 ||
            member_read((struct str){kv->value, kv->value_len}, &m, NULL) < 0)
            continue;
        return member_is(&m, &d->config.self, d->lead.lease) ? registered(d, kv->rev)
                                                             : taken(d, &m);
    }
    taken(d, NULL);
}

static void load_key(struct driver *d, struct str prefix, store_thread_load_fn fn)
{
    struct driver_ask *a = ask_new(d);
    struct err err;

    if (store_thread_load(d->store, prefix, fn, a, &err) == 0)
        return;
    ask_free(a);
    lead_failed(d, ELECTION_EV_FAILED, &err);
}

static void own_key(const struct driver *d, char dst[STORE_KEY_MAX + 1])
{
    CHECK(str_fmt(dst, STORE_KEY_MAX + 1, KEY_COORDINATORS "%s", d->config.self.id.s));
}

static void on_put_own(void *ctx, int r, store_rev rev, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;
    char key[STORE_KEY_MAX + 1];

    if (ask_is_stale(a))
        return;
    own_key(d, key);
    if (r == 0)
        registered(d, rev);
    else if (r == STORE_CONFLICT)
        load_key(d, str_of(key), on_own_key);
    else
        key_failed(d, r, err);
}

static void put_own(struct driver *d)
{
    char key[STORE_KEY_MAX + 1];
    struct err err;

    if (!d->core)
        return; /* lead_loaded() asks again */
    own_key(d, key);
    if (put_key(d, str_of(key), (wall_t){0}, on_put_own, &err) < 0)
        lead_failed(d, ELECTION_EV_FAILED, &err);
}

static void on_leader_key(void *ctx, int r, struct store_list *list, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;

    if (ask_is_stale(a))
        return;
    if (r < 0)
        return lead_failed(d, ELECTION_EV_FAILED, err);
    members_saw_leader(d, list);
    lead_event(d, members_leader_event(d));
}

static void read_leader(struct driver *d)
{
    load_key(d, STR(KEY_LEADER), on_leader_key);
}

static void on_put_leader(void *ctx, int r, store_rev rev, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;
    const struct member_record m = {d->config.self, a->lease, d->lead.campaigned};

    if (ask_is_stale(a))
        return;
    if (r == 0) {
        members_lead(d, &m, rev);
        lead_event(d, members_leader_event(d));
    } else if (r == STORE_CONFLICT) {
        read_leader(d);
    } else {
        key_failed(d, r, err);
    }
}

static void campaign(struct driver *d)
{
    struct err err;

    d->lead.campaigned = loop_wall(d->loop);
    if (put_key(d, STR(KEY_LEADER), d->lead.campaigned, on_put_leader, &err) < 0)
        lead_failed(d, ELECTION_EV_FAILED, &err);
}

/* ---- acting ---------------------------------------------------------------------------------- */

static void lead(struct driver *d)
{
    d->lead.here = true;
    d->lead.failing = (struct err){.code = ERR_NONE};
    backoff_reset(&d->lead.backoff);
    core_lead(d->core, true);
    event_queue_repeat_orders(&d->queue);
}

static void step_down(struct driver *d)
{
    d->lead.here = false;
    core_lead(d->core, false);
}

bool lead_may_act(struct driver *d)
{
    if (d->lead.alone)
        return true;
    if (d->lead.here && !election_leads(&d->lead.election, loop_now(d->loop)))
        lead_event(d, ELECTION_EV_LATE);
    return d->lead.here;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void on_pause(struct timer *t)
{
    lead_event(container_of(t, struct driver, lead.pause), ELECTION_EV_PAUSED);
}

static void pause_for(struct driver *d, dur_t t)
{
    timer_set(d->loop, &d->lead.pause, t, on_pause, "driver.pause");
}

static void jitter(struct driver *d)
{
    pause_for(d, dur_ms((int64_t)rng_below(&d->lead.rng, JITTER_MS)));
}

static void pause_longer(struct driver *d)
{
    pause_for(d, backoff_next(&d->lead.backoff, &d->lead.rng));
}

static void (*const effects[])(struct driver *d) = {
    [ELECTION_FX_BIT_STEP_DOWN] = step_down, [ELECTION_FX_BIT_DROP] = lease_drop,
    [ELECTION_FX_BIT_GRANT] = lease_grant,   [ELECTION_FX_BIT_REGISTER] = put_own,
    [ELECTION_FX_BIT_KEEP] = lease_keep,     [ELECTION_FX_BIT_CAMPAIGN] = campaign,
    [ELECTION_FX_BIT_READ] = read_leader,    [ELECTION_FX_BIT_LEAD] = lead,
    [ELECTION_FX_BIT_JITTER] = jitter,       [ELECTION_FX_BIT_PAUSE] = pause_longer,
    [ELECTION_FX_BIT_REVOKE] = lease_revoke,
};

static void log_move(const struct driver *d)
{
    const struct sm_step *s = sm_history(&d->lead.election.sm, 0);

    log_line(LOG_INFO, LOG_ELECTION, "id=%s state=%s from=%s term=%" PRIu64 " why=%s",
             d->config.self.id.s, sm_state_name(&election_machine, s->to),
             sm_state_name(&election_machine, s->from), d->members.term, LOGQ(s->row->why));
}

void lead_event(struct driver *d, enum election_event ev)
{
    struct election *e = &d->lead.election;
    uint64_t moves = e->sm.moves;
    uint32_t fx = election_event(e, ev, loop_now(d->loop), loop_wall(d->loop));

    if (e->sm.moves != moves)
        log_move(d);
    for (unsigned i = 0; i < ELECTION_FX_COUNT; i++)
        if (fx & (1u << i))
            effects[i](d);
    if (d->lead.registered && (d->lead.here || d->members.leader.present))
        driver_is_ready(d, NULL);
    if (election_state(e) == ELECTION_GONE)
        driver_left(d);
    driver_go_on(d);
}

/* ---- the contract of driver_state.h ---------------------------------------------------------- */

void lead_begin(struct driver *d)
{
    rng_seed(&d->lead.rng, d->config.seed);
    backoff_init(&d->lead.backoff, dur_ms(PAUSE_MIN_MS), dur_ms(PAUSE_MAX_MS));
    election_init(&d->lead.election, d->config.lease_ttl);
    pause_for(d, dur_ns(0));
}

void lead_loaded(struct driver *d)
{
    if (d->lead.alone) {
        lead(d);
        driver_is_ready(d, NULL);
    } else if (election_state(&d->lead.election) == ELECTION_REGISTERING) {
        put_own(d);
    }
}

void lead_stop(struct driver *d)
{
    timer_cancel(&d->lead.pause);
    timer_cancel(&d->lead.keep);
    timer_cancel(&d->lead.late);
}

void lead_deinit(struct driver *d)
{
    lead_stop(d);
    asks_deinit(d);
}
