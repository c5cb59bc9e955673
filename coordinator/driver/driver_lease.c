/* SPDX-License-Identifier: Apache-2.0 */
/* The lease: asked for, kept each quarter of its time, given back. A call that was sent under a
 * lease which is no more says nothing about the one that followed it: its answer is dropped. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

#define KEEP_AGAIN_MS 200

/* ---- calls on their way ---------------------------------------------------------------------- */

struct driver_ask *ask_new(struct driver *d)
{
    struct driver_ask *a = xnew(struct driver_ask);

    *a = (struct driver_ask){d, d->lead.lease, loop_now(d->loop), NULL, NULL};
    DL_APPEND(d->lead.asks, a);
    return a;
}

void ask_free(struct driver_ask *a)
{
    DL_DELETE(a->driver->lead.asks, a);
    free(a);
}
bool ask_is_stale(const struct driver_ask *a)
{
    return a->lease != a->driver->lead.lease;
}

void asks_deinit(struct driver *d)
{
    while (d->lead.asks)
        ask_free(d->lead.asks);
}

/* ---- kept ------------------------------------------------------------------------------------ */

static void on_late(struct timer *t)
{
    lead_event(container_of(t, struct driver, lead.late), ELECTION_EV_LATE);
}

static void renewed(struct driver *d, mono_t sent)
{
    struct election *e = &d->lead.election;
    dur_t left;

    d->lead.unkept = (struct err){.code = ERR_NONE};
    election_renewed(e, sent);
    left = mono_sub(e->renew_by, loop_now(d->loop));
    timer_set(d->loop, &d->lead.late, left.ns > 0 ? left : dur_ns(0), on_late, "driver.late");
}

static void on_keep_due(struct timer *t);

static void keep_in(struct driver *d, dur_t after)
{
    timer_set(d->loop, &d->lead.keep, after, on_keep_due, "driver.keep");
}

static dur_t quarter(const struct driver *d)
{
    return dur_ns(d->lead.election.ttl.ns / 4);
}

static void on_keep_due(struct timer *t)
{
    struct driver *d = container_of(t, struct driver, lead.keep);

    keep_in(d, quarter(d));
    lead_event(d, ELECTION_EV_KEEP_DUE);
}

static void on_kept(void *ctx, int r, store_lease lease UNUSED, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;

    d->lead.keeping = false;
    if (ask_is_stale(a))
        return;
    if (r == 0) {
        renewed(d, a->sent);
    } else if (r == STORE_NOT_FOUND) {
        lead_event(d, ELECTION_EV_ENDED);
    } else {
        if (d->lead.unkept.code != err->code)
            log_err(LOG_WARN, LOG_ELECTION, err, "id=%s state=lease_not_kept", d->config.self.id.s);
        d->lead.unkept = *err;
        keep_in(d, dur_ms(KEEP_AGAIN_MS));
    }
}

static bool lease_call(struct driver *d, enum store_lease_call what, store_thread_lease_fn fn,
                       struct err *err)
{
    const struct store_thread_lease lease = {d->lead.lease, d->lead.election.ttl};
    struct driver_ask *a = ask_new(d);

    if (store_thread_lease(d->store, what, &lease, fn, a, err) == 0)
        return true;
    ask_free(a);
    return false;
}

void lease_keep(struct driver *d)
{
    if (!d->lead.keeping)
        d->lead.keeping = lease_call(d, STORE_LEASE_KEEP, on_kept, NULL);
}

static void on_dropped(void *ctx, int r UNUSED, store_lease lease UNUSED,
                       const struct err *err UNUSED)
{
    ask_free(ctx);
}

/* Nobody waits for the end of a lease that nobody keeps; the sooner the better. */
void lease_drop(struct driver *d)
{
    (void)lease_call(d, STORE_LEASE_REVOKE, on_dropped, NULL);
    d->lead.lease = 0;
    d->lead.registered = 0;
    timer_cancel(&d->lead.keep);
    timer_cancel(&d->lead.late);
}

static void on_granted(void *ctx, int r, store_lease lease, const struct err *err)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;
    struct driver *d = a->driver;

    if (r == -ERR_UNSUPPORTED) {
        d->lead.alone = true;
        return load_begin(d);
    }
    if (r < 0)
        return lead_failed(d, ELECTION_EV_FAILED, err);
    if (d->lead.lease != 0 || election_state(&d->lead.election) != ELECTION_OUTSIDE)
        return;
    d->lead.lease = lease;
    renewed(d, a->sent);
    keep_in(d, quarter(d));
    lead_event(d, ELECTION_EV_GRANTED);
    load_begin(d);
}

void lease_grant(struct driver *d)
{
    struct err err;

    if (!lease_call(d, STORE_LEASE_GRANT, on_granted, &err))
        lead_failed(d, ELECTION_EV_FAILED, &err);
}

static void on_revoked(void *ctx, int r UNUSED, store_lease lease UNUSED,
                       const struct err *err UNUSED)
{
    CLEANUP(ask_freep) struct driver_ask *a = ctx;

    lead_event(a->driver, ELECTION_EV_RELEASED);
}

void lease_revoke(struct driver *d)
{
    timer_cancel(&d->lead.keep);
    if (!lease_call(d, STORE_LEASE_REVOKE, on_revoked, NULL))
        lead_event(d, ELECTION_EV_RELEASED);
}
