/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/upstream.h"

#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/dial.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/transport/tls_client.h"

/* ---- pools ----------------------------------------------------------------------------------- */

/* For the pool's own: they do not outlive it. */
static bool dial_link(void *ctx, struct transport *t, transport_fn fn)
{
    struct upstream_pool *p = ctx;

    return dial(t, p->lane->loop, &p->address, p->tls, p->protocol, &p->session, fn);
}

static struct h2_client *new_h2(struct upstream_pool *p)
{
    const struct proxy_config *config = p->lane->config;
    const struct h2_config h2 = {
        .secure = p->tls != NULL,
        .head_max = (uint32_t)config->max_head_bytes,
        .idle = config->upstream_idle,
    };

    return h2_client_new(p->lane->loop, &h2, dial_link, p);
}

bool upstream_dial(struct upstream_pool *p, struct tls_session *session, struct transport *t,
                   transport_fn fn, bool *ret_reused)
{
    *ret_reused = false;
    if (p->h2)
        return h2_client_open(p->h2, t, LOOP_WRITE, fn, ret_reused);
    return dial(t, p->lane->loop, &p->address, p->tls, p->protocol, session, fn);
}

static struct upstream_pool *new_pool(struct lane *lane, const struct address *address,
                                      struct tls_client *tls, enum upstream_protocol protocol)
{
    struct upstream_pool *p = xnew(struct upstream_pool);

    p->lane = lane;
    p->address = *address;
    p->tls = tls ? tls_client_ref(tls) : NULL;
    p->protocol = protocol;
    if (protocol == UPSTREAM_H2)
        p->h2 = new_h2(p);
    DL_APPEND(lane->pools, p);
    return p;
}

bool upstream_pool_is_for(const struct upstream_pool *p, const struct address *address,
                          const struct tls_client *tls, enum upstream_protocol protocol)
{
    return address_eq(&p->address, address) && p->tls == tls && p->protocol == protocol;
}

struct upstream_pool *upstream_pool_get(struct lane *lane, const struct address *address,
                                        struct tls_client *tls, enum upstream_protocol protocol)
{
    struct upstream_pool *p;

    DL_FOREACH (lane->pools, p) {
        if (upstream_pool_is_for(p, address, tls, protocol))
            break;
    }
    if (!p)
        p = new_pool(lane, address, tls, protocol);
    p->refs++;
    p->views++;
    return p;
}

static void unref_pool(struct upstream_pool *p)
{
    CHECK(p->refs > 0);
    if (--p->refs > 0)
        return;
    CHECK(!p->idle);
    DL_DELETE(p->lane->pools, p);
    h2_client_free(p->h2);
    tls_session_forget(&p->session);
    tls_client_unref(p->tls);
    xfreep(&p);
}

static void close_oldest(struct upstream_pool *p)
{
    struct upstream *oldest = p->idle->prev; /* utlist: the head's prev is the tail */

    DL_DELETE(p->idle, oldest);
    p->idle_count--;
    upstream_close(&oldest);
}

void upstream_pool_put(struct upstream_pool *p)
{
    CHECK(p->views > 0);
    if (--p->views == 0) {
        while (p->idle)
            close_oldest(p);
    }
    unref_pool(p);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void leave_pool(struct upstream *u)
{
    DL_DELETE(u->pool->idle, u);
    u->pool->idle_count--;
}

static void on_deadline(struct timer *t)
{
    struct upstream *u = container_of(t, struct upstream, deadline.timer);

    if (!deadline_is_due(u->pool->lane->loop, &u->deadline, on_deadline))
        return;
    if (u->conn) {
        conn_on_timeout(u->conn, CONN_UPSTREAM_LATE);
        return;
    }
    leave_pool(u);
    upstream_close(&u);
}

/* Idle, anything that comes is the end: the peer closed, or it talks out of turn. */
static void on_event(struct transport *t, unsigned events)
{
    struct upstream *u = container_of(t, struct upstream, transport);

    if (u->conn) {
        u->ready |= events;
        conn_run(u->conn);
        return;
    }
    leave_pool(u);
    upstream_close(&u);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct upstream *new_upstream(struct upstream_pool *p)
{
    struct upstream *u = xnew(struct upstream);

    if (!upstream_dial(p, &p->session, &u->transport, on_event, &u->reused)) {
        xfreep(&u);
        return NULL;
    }
    u->pool = p;
    p->refs++;
    return u;
}

static void begin_work(struct upstream *u, struct conn *c)
{
    u->conn = c;
    u->pool->busy++;
}

static void end_work(struct upstream *u)
{
    if (!u->conn)
        return;
    u->conn = NULL;
    u->pool->busy--;
    if (UNLIKELY(u->pool->lane->queues.busy != NULL))
        queue_wake(u->pool->lane);
}

struct upstream *upstream_connect(struct upstream_pool *p, struct conn *c)
{
    struct upstream *u = new_upstream(p);

    if (u)
        begin_work(u, c);
    return u;
}

enum transport_state upstream_establish(struct upstream *u)
{
    enum transport_state s = transport_establish(&u->transport);

    u->connected = s == TRANSPORT_STANDS;
    return s;
}

struct upstream *upstream_take(struct upstream_pool *p, struct conn *c, bool sure)
{
    while (p->idle) {
        struct upstream *u = p->idle;

        leave_pool(u);
        if (sure && !transport_is_quiet(&u->transport)) {
            upstream_close(&u);
            continue;
        }
        begin_work(u, c);
        u->reused = true;
        u->ready = 0;
        return u;
    }
    return NULL;
}

void upstream_give(struct upstream **up)
{
    struct upstream *u = *up;
    struct upstream_pool *p = u->pool;

    CHECK(!u->in && !u->out);
    if (p->views == 0 || u->eof || u->broken || u->ready & LOOP_HANGUP) {
        upstream_close(up);
        return;
    }
    *up = NULL;
    end_work(u);
    transport_want(&u->transport, LOOP_READ);
    deadline_set(p->lane->loop, &u->deadline, p->lane->config->upstream_idle, on_deadline);
    DL_PREPEND(p->idle, u);
    if (++p->idle_count > UPSTREAM_IDLE_MAX)
        close_oldest(p);
}

void upstream_close(struct upstream **up)
{
    struct upstream *u = *up;
    struct upstream_pool *p;

    if (!u)
        return;
    *up = NULL;
    p = u->pool;
    end_work(u);
    iobuf_give(&p->lane->bufs, &u->in);
    iobuf_give(&p->lane->bufs, &u->out);
    deadline_cancel(&u->deadline);
    transport_close(&u->transport);
    xfreep(&u);
    unref_pool(p);
}

void upstream_expect(struct upstream *u, dur_t within)
{
    deadline_set(u->pool->lane->loop, &u->deadline, within, on_deadline);
}
