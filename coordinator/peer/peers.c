/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/peer/peer_state.h"

/* The first pause and the longest one before another dial. */
#define REDIAL_MS     100
#define REDIAL_MAX_MS 2000
/* Whether a peer is there matters to operators within seconds. */
#define KEEPALIVE_MS 2000

/* Nodes that left, which a link has not heard of: one further behind is cut and told anew. */
#define GONE_MAX FLEET_NODES_MAX

/* ---- the set --------------------------------------------------------------------------------- */

struct peer *peers_find(const struct peers *p, const char *id)
{
    struct peer *peer;

    DL_FOREACH (p->list, peer) {
        if (strcmp(peer->id.s, id) == 0)
            return peer;
    }
    return NULL;
}

struct peer *peers_get(struct peers *p, const struct name *id)
{
    struct peer *peer = peers_find(p, id->s);

    if (peer || p->count == PEERS_MAX)
        return peer;
    peer = xnew(struct peer);
    peer->peers = p;
    peer->id = *id;
    backoff_init(&peer->link.backoff, dur_ms(REDIAL_MS), dur_ms(REDIAL_MAX_MS));
    DL_APPEND(p->list, peer);
    p->count++;
    return peer;
}

static void forget_if_idle(struct peer *peer)
{
    struct peers *p = peer->peers;

    if (peer->address[0] || peer->in)
        return;
    DL_DELETE(p->list, peer);
    p->count--;
    free(peer);
}

/* Cut off from the store alone it is not registered any more, but there: our link stays with its
 * link to us. */
static void close_if_gone(struct peer *peer)
{
    if (peer->registered || peer->in || !peer->address[0])
        return;
    peer_link_close(peer);
    peer->address[0] = '\0';
}

void peers_link_changed(struct peer *peer, const char *why)
{
    struct peers *p = peer->peers;
    bool up = peer->link.heard || peer->in;
    bool is_news = up != peer->up || (!up && why && strcmp(why, peer->why) != 0);

    peer->up = up;
    str_fmt(peer->why, sizeof(peer->why), "%s", up || !why ? "" : why);
    if (is_news && !p->stopping)
        p->events->on_link(p->ctx, &peer->id, up, peer->why);
    if (!up)
        forget_if_idle(peer);
}

void peers_left(struct peer *peer, const char *why)
{
    close_if_gone(peer);
    peers_link_changed(peer, why);
}

static int set_address(struct peer *peer, const char *address, struct err *err)
{
    struct rpc_client_config config = {
        .target = peer->address,
        .keepalive = dur_ms(KEEPALIVE_MS),
        .keepalive_timeout = dur_ms(KEEPALIVE_MS),
    };

    if (!str_copy(str_of(address), peer->address, sizeof(peer->address)))
        return err_set(err, ERR_INVALID, "its address is too long");
    return rpc_client_new(&config, peer->peers->loop, &peer->link.client, err);
}

void peers_set(struct peers *p, const struct name *id, const char *address)
{
    struct peer *peer;
    struct err err;

    if (p->stopping || name_eq(id, &p->config.id))
        return;
    peer = address ? peers_get(p, id) : peers_find(p, id->s);
    if (!peer)
        return;
    peer->registered = address != NULL;
    if (!address) {
        close_if_gone(peer);
        return forget_if_idle(peer);
    }
    if (strcmp(peer->address, address) == 0)
        return;
    peer_link_close(peer);
    if (set_address(peer, address, &err) == 0)
        peer_link_dial(peer);
    else
        peers_link_changed(peer, err.msg);
}

bool peers_is_up(const struct peers *p, const char *id)
{
    const struct peer *peer = peers_find(p, id);

    return peer && peer->up;
}

const char *peers_why_down(const struct peers *p, const char *id)
{
    const struct peer *peer = peers_find(p, id);

    return peer ? peer->why : "";
}

uint64_t peers_reports_dropped(const struct peers *p)
{
    return p->dropped;
}

/* ---- to the peers ---------------------------------------------------------------------------- */

static void on_flush(struct loop_deferred *d)
{
    struct peers *p = container_of(d, struct peers, flush);
    struct peer *peer;

    DL_FOREACH (p->list, peer)
        peer_link_tell(peer);
    news_forget_gone(&p->news, peer_link_told_by_all(p));
}

static void tell_soon(struct peers *p)
{
    loop_defer(p->loop, &p->flush, on_flush);
}

/* One that takes nothing must not make us remember everybody who ever left. */
static void cut_laggards(struct peers *p)
{
    struct peer *peer;

    DL_FOREACH (p->list, peer) {
        if (p->news.gone && peer->link.heard && peer->link.told < p->news.gone->changed)
            rpc_stream_cancel(peer->link.stream);
    }
}

void peers_node(struct peers *p, const struct fleet_node *n)
{
    news_node(&p->news, n);
    if (HASH_COUNT(p->news.nodes) > FLEET_NODES_MAX + GONE_MAX)
        cut_laggards(p);
    tell_soon(p);
}

void peers_push_order(struct peers *p, const struct emergency *order)
{
    struct peer *peer;

    DL_FOREACH (p->list, peer)
        peer_link_order(peer, order);
    tell_soon(p);
}

void peers_tell_store(struct peers *p, bool works)
{
    struct peer *peer;

    if (p->store_works == works)
        return;
    p->store_works = works;
    DL_FOREACH (p->list, peer)
        peer->link.store_told = false;
    tell_soon(p);
}

bool peers_store_works(const struct peers *p)
{
    const struct peer *peer;

    DL_FOREACH (p->list, peer) {
        if (peer->in && peer->in->store_works)
            return true;
    }
    return false;
}

static void add_measured(struct peer *peer, struct measured *m)
{
    if (peer->link.heard && !measured_add(&peer->link.measured, m))
        peer->peers->dropped++;
}

void peers_report(struct peers *p, const struct fleet_report *r)
{
    struct measured *m;
    struct peer *peer;

    if (!p->list)
        return;
    m = measured_report(r);
    if (!m) {
        p->dropped++;
        return;
    }
    DL_FOREACH (p->list, peer)
        add_measured(peer, m);
    measured_unref(m);
    tell_soon(p);
}

void peers_past(struct peers *p, const struct fleet_past *h)
{
    struct peer *peer = peers_find(p, h->id);
    struct measured *m = peer ? measured_past(h) : NULL;

    if (!m) {
        p->dropped += peer != NULL;
        return;
    }
    add_measured(peer, m);
    measured_unref(m);
    tell_soon(p);
}

void peers_ask_past(struct peers *p, const struct name *peer_id, const struct name *node,
                    dur_t window)
{
    const struct peer *peer = peers_find(p, peer_id->s);

    if (peer && peer->in)
        incoming_ask(peer->in, node, window);
}

void peers_refuse(struct peers *p, const struct name *peer_id, const struct name *node,
                  const char *boot, const char *why)
{
    const struct peer *peer = peers_find(p, peer_id->s);

    if (peer && peer->in)
        incoming_refuse(peer->in, node, boot, why);
}

/* ---- life ------------------------------------------------------------------------------------ */

int peers_new(const struct peers_config *config, struct loop *l, const struct peers_events *events,
              void *ctx, struct peers **ret, struct err *err UNUSED)
{
    struct peers *p = xnew(struct peers);

    p->config = *config;
    p->loop = l;
    p->events = events;
    p->ctx = ctx;
    rng_seed_system(&p->rng);
    *ret = p;
    return 0;
}

int peers_serve(struct peers *p, struct rpc_server *server, struct err *err)
{
    return rpc_server_add(server, &switchyard__v1__peer__descriptor, peer_methods, p->loop, p, err);
}

void peers_stop(struct peers *p)
{
    struct incoming *in, *next_in;
    struct peer *peer, *next;
    struct err why;

    p->stopping = true;
    DL_FOREACH_SAFE (p->list, peer, next)
        peer_link_close(peer);
    err_set(&why, ERR_UNAVAILABLE, "coordinator %s stops", p->config.id.s);
    DL_FOREACH_SAFE (p->incoming, in, next_in)
        incoming_finish(in, &why);
}

void peers_free(struct peers *p)
{
    struct peer *peer, *next;

    if (!p)
        return;
    p->stopping = true;
    CHECK(!p->incoming); /* the server has stopped */
    DL_FOREACH_SAFE (p->list, peer, next) {
        peer_link_close(peer);
        peer->address[0] = '\0';
        forget_if_idle(peer);
    }
    CHECK(!p->forwards);
    loop_undefer(&p->flush);
    news_deinit(&p->news);
    free(p);
}
