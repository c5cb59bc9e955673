/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes measured, on its way to the core: reports and pasts in the order in which they came,
 * because a past contains all that was reported before it. Bounded: what the core does not take in
 * time is dropped and counted. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/fleet/fleet_state.h"
#include "coordinator/fleet/fleet_wire.h"

/* Counters that may wait for the core's loop, fleet-wide: some 20 MB. */
#define STATS_WAITING_MAX 8192u
/* Pasts wait as bytes, which are a tenth of what they hold. */
#define PAST_BYTES_WAITING_MAX (64u << 20)

/* The head of what is posted; freed after its delivery. */
struct measured {
    struct mail mail;
    void (*deliver)(struct fleet *f, struct measured *m);
};

void fleet_measured_deliver(void *ctx, struct mail *mail)
{
    struct measured *m = container_of(mail, struct measured, mail);

    m->deliver(ctx, m);
    free(m);
}

void fleet_measured_drop(void *ctx UNUSED, struct mail *mail)
{
    free(container_of(mail, struct measured, mail));
}

/* Post `m`, which weighs `n` of the `max` that may wait. */
static bool post(struct fleet *f, struct measured *m, atomic_uint *waiting, unsigned n,
                 unsigned max)
{
    if (atomic_fetch_add(waiting, n) < max && mailbox_post(f->measured, &m->mail))
        return true;
    atomic_fetch_sub(waiting, n);
    atomic_fetch_add(&f->reports_dropped, 1);
    free(m);
    return false;
}

/* ---- reports --------------------------------------------------------------------------------- */

struct report {
    struct measured measured;
    struct fleet_report report;
    struct route_stats route[];
};

static void deliver_report(struct fleet *f, struct measured *m)
{
    struct report *r = container_of(m, struct report, measured);

    atomic_fetch_sub(&f->stats_waiting, r->report.count);
    f->events->on_report(f->events_ctx, &r->report);
}

static int read_report(const struct fleet_member *from, const Switchyard__V1__Report *m,
                       struct report **ret, struct err *err)
{
    CLEANUP(xfreep) struct report *r = NULL;

    if (m->n_routes > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "report of %zu routes, at most %d are allowed",
                       m->n_routes, RULESET_ROUTES_MAX);
    r = xalloc(sizeof(*r) + m->n_routes * sizeof(r->route[0]));
    r->measured.deliver = deliver_report;
    r->report.node = from->node.name;
    r->report.now = fleet_wire_now(m);
    r->report.route = r->route;
    for (size_t i = 0; i < m->n_routes; i++) {
        if (fleet_wire_stats(m->routes[i], &r->route[i], err) < 0)
            return err_ctx(err, "report");
        r->report.count++;
    }
    *ret = steal(r);
    return 0;
}

int fleet_measured_report(struct fleet *f, const struct fleet_member *from,
                          const Switchyard__V1__Report *m, struct err *err)
{
    struct report *r = NULL;

    if (read_report(from, m, &r, err) < 0)
        return -(int)err->code;
    (void)post(f, &r->measured, &f->stats_waiting, r->report.count, STATS_WAITING_MAX);
    return 0;
}

/* ---- pasts ----------------------------------------------------------------------------------- */

/* Checked, but still encoded. */
struct past {
    struct measured measured;
    struct name node;
    bool foreign; /* its revisions are of another store's history */
    unsigned size;
    uint8_t bytes[];
};

static void deliver_past(struct fleet *f, struct measured *measured)
{
    struct past *p = container_of(measured, struct past, measured);
    Switchyard__V1__Past *m = switchyard__v1__past__unpack(NULL, p->size, p->bytes);
    struct fleet_past_box box;

    atomic_fetch_sub(&f->past_bytes_waiting, p->size);
    if (m && fleet_wire_past(m, p->foreign, &box, NULL) == 0) {
        box.past.node = p->node;
        f->events->on_past(f->events_ctx, &box.past);
        fleet_wire_past_deinit(&box);
    }
    if (m)
        switchyard__v1__past__free_unpacked(m, NULL);
}

/* It is read twice, here to refuse what cannot be and on the core's loop to be told: read, it takes
 * ten times the memory. */
int fleet_measured_past(struct fleet *f, const struct fleet_member *from, bool foreign,
                        const Switchyard__V1__Past *m, bool *ret_dropped, struct err *err)
{
    size_t size = switchyard__v1__past__get_packed_size(m);
    struct fleet_past_box box;
    struct past *p;

    if (fleet_wire_past(m, foreign, &box, err) < 0)
        return -(int)err->code;
    fleet_wire_past_deinit(&box);
    p = xalloc(sizeof(*p) + size);
    p->measured.deliver = deliver_past;
    p->node = from->node.name;
    p->foreign = foreign;
    p->size = (unsigned)switchyard__v1__past__pack(m, p->bytes);
    *ret_dropped = !post(f, &p->measured, &f->past_bytes_waiting, p->size, PAST_BYTES_WAITING_MAX);
    return 0;
}
