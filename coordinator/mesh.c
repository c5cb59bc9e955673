/* SPDX-License-Identifier: Apache-2.0 */
/* The other coordinators: the driver knows who is registered and who leads, the peers reach them.
 */
#include "common/base/log.h"
#include "coordinator/coordinator_state.h"

/* ---- who is there ---------------------------------------------------------------------------- */

static struct member *find_other(struct coordinator *c, const struct name *id)
{
    for (unsigned i = 0; i < c->other_count; i++) {
        if (name_eq(&c->others[i].id, id))
            return &c->others[i];
    }
    return NULL;
}

void mesh_on_member(void *ctx, const struct member *m, bool gone)
{
    struct coordinator *c = ctx;
    struct member *other = find_other(c, &m->id);

    peers_set(c->peers, &m->id, gone ? NULL : m->address);
    if (gone && other)
        *other = c->others[--c->other_count];
    else if (!gone && other)
        *other = *m;
    else if (!gone && c->other_count < PEERS_MAX)
        c->others[c->other_count++] = *m;
}

/* The term orders what leaders write, not what nodes are told: all coordinators publish the same
 * revisions. */
void mesh_on_leader(void *ctx, const struct leadership *l)
{
    struct coordinator *c = ctx;

    if (l->term > 0)
        fleet_set_term(c->fleet, l->term);
    webhooks_on_leader(c->webhooks, l);
    if (!l->leader.id.s[0])
        return log_line(LOG_WARN, LOG_LEADER, "leader=none term=%llu", (unsigned long long)l->term);
    log_line(LOG_INFO, LOG_LEADER, "leader=%s address=%s term=%llu here=%s", l->leader.id.s,
             LOGQ(l->leader.address), (unsigned long long)l->term, l->here ? "true" : "false");
}

unsigned mesh_coordinators(void *ctx, struct service_coordinator ret[SERVICE_COORDINATORS_MAX])
{
    struct coordinator *c = ctx;
    unsigned n = 0;

    for (unsigned i = 0; i <= c->other_count; i++) {
        const struct member *m = i == 0 ? &c->self : &c->others[i - 1];
        struct service_coordinator *to = &ret[n++];

        *to = (struct service_coordinator){.id = m->id, .since = m->since, .here = i == 0};
        memcpy(to->address, m->address, sizeof(to->address));
        memcpy(to->version, m->version, sizeof(to->version));
        to->reachable = to->here || peers_is_up(c->peers, m->id.s);
        str_fmt(to->why_not, sizeof(to->why_not), "%s", peers_why_down(c->peers, m->id.s));
    }
    return n;
}

/* ---- calls for the leader -------------------------------------------------------------------- */

static int find_leader(const struct coordinator *c, struct name *ret, struct err *err)
{
    struct driver_health h;

    driver_health(c->driver, &h);
    *ret = h.leadership.leader.id;
    if ((!ret->s[0] || name_eq(ret, &c->self.id)) && h.store.code != ERR_NONE) {
        err_set(err, ERR_UNAVAILABLE, "no coordinator leads at the moment; nothing was done: %s",
                h.store.msg);
        return err_hint(err, "%s", h.store.hint);
    }
    if (!ret->s[0] || name_eq(ret, &c->self.id)) {
        err_set(err, ERR_UNAVAILABLE, "no coordinator leads at the moment; nothing was done");
        return err_hint(err,
                        "try again in a few seconds; what cannot wait: `switchyard rollback "
                        "NAME --emergency --reason TEXT` needs no leader");
    }
    if (peers_is_up(c->peers, ret->s))
        return 0;
    err_set(err, ERR_UNAVAILABLE,
            "coordinator %s leads and cannot be reached from %s; nothing was done: %s", ret->s,
            c->self.id.s, peers_why_down(c->peers, ret->s));
    return err_hint(err, "ask it directly, with --endpoints %s", h.leadership.leader.address);
}

int mesh_hand_on(void *ctx, const char *method, const ProtobufCMessage *request, dur_t deadline,
                 service_reply_fn fn, void *fn_ctx, struct err *err)
{
    struct coordinator *c = ctx;
    struct name leader;
    int r = find_leader(c, &leader, err);

    if (r == 0)
        peers_forward(c->peers, &leader, method, request, deadline, fn, fn_ctx);
    return r;
}

static void on_forward(void *ctx, struct rpc_call *call, const char *from, const char *method,
                       const uint8_t *message, size_t size)
{
    struct coordinator *c = ctx;

    service_forwarded(c->service, call, from, method, message, size);
}

/* ---- the links ------------------------------------------------------------------------------- */

static void on_link(void *ctx UNUSED, const struct name *peer, bool up, const char *why)
{
    if (up)
        log_line(LOG_INFO, LOG_PEER_FOUND, "coordinator=%s", peer->s);
    else
        log_line(LOG_WARN, LOG_PEER_LOST, "coordinator=%s why=%s", peer->s, LOGQ(why));
}

/* A coordinator that is cut off from the store alone hears of orders from those that are not. */
void mesh_tell_orders(struct coordinator *c, const struct fleet_route *route, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (route[i].has_emergency && route[i].emergency.active)
            peers_push_order(c->peers, &route[i].emergency);
}

static bool is_known(const struct coordinator *c, const struct emergency *order)
{
    const struct core *core = driver_core(c->driver);
    struct emergency known;

    return core && core_emergency(core, order->migration.s, &known) && known.epoch >= order->epoch;
}

static void on_order(void *ctx, const struct name *peer, const struct emergency *order)
{
    struct coordinator *c = ctx;

    if (is_known(c, order))
        return;
    log_line(LOG_WARN, LOG_EMERGENCY, "migration=%s epoch=%llu operator=%s reason=%s from=%s",
             order->migration.s, (unsigned long long)order->epoch, LOGQ(order->operator_name),
             LOGQ(order->reason), peer->s);
    fleet_push_order(c->fleet, order);
}

static void on_ask(void *ctx, const struct name *node, const char *id, dur_t window)
{
    struct coordinator *c = ctx;

    fleet_ask_past(c->fleet, node, id, window);
}

static void on_refusal(void *ctx, const struct name *node, const char *boot, const char *why)
{
    struct coordinator *c = ctx;

    log_line(LOG_WARN, LOG_NODE_REFUSED, "node=%s coordinator=%s why=%s", node->s, c->self.id.s,
             LOGQ(why));
    fleet_refuse(c->fleet, node, boot, why);
}

const struct peers_events mesh_peers_events = {
    .on_node = roster_peer_node,
    .on_report = roster_peer_report,
    .on_past = roster_peer_past,
    .on_order = on_order,
    .on_ask = on_ask,
    .on_refusal = on_refusal,
    .on_link = on_link,
    .on_forward = on_forward,
};
