/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/ports.h"

#include <unistd.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/listener.h"

/* Whoever holds a missing port may go at any time. */
#define RETRY dur_s(1)

struct port {
    struct port *prev, *next;
    struct address at;
    bool wanted;               /* by the set that is followed */
    bool listening;            /* the lanes do, or will by the sockets in `fd` */
    int fd[PROXY_THREADS_MAX]; /* not handed over yet; -1: is */
};

struct ports {
    struct loop *loop; /* borrowed */
    unsigned lanes;
    struct address base;
    struct port *list; /* utlist */
    struct timer retry;
    ports_fn on_free;
    void *ctx;
};

void ports_address(const struct route_tcp *tcp, const struct address *base, struct address *ret)
{
    if (!tcp->address[0] || !address_parse(tcp->address, (uint16_t)tcp->port, ret))
        *ret = *base;
    address_set_port(ret, (uint16_t)tcp->port);
}

static void forget(struct ports *p, struct port *port)
{
    for (unsigned i = 0; i < p->lanes; i++) {
        if (port->fd[i] >= 0)
            close(port->fd[i]);
    }
    DL_DELETE(p->list, port);
    xfreep(&port);
}

static struct port *get_port(struct ports *p, const struct address *at)
{
    struct port *port;

    DL_FOREACH (p->list, port) {
        if (address_eq(&port->at, at))
            return port;
    }
    port = xnew(struct port);
    port->at = *at;
    memset(port->fd, -1, sizeof port->fd);
    DL_APPEND(p->list, port);
    return port;
}

static bool try_port(struct ports *p, struct port *port, struct err *err)
{
    if (!port->listening)
        port->listening = listener_bind(&port->at, port->fd, p->lanes, err) == 0;
    if (!port->listening)
        memset(port->fd, -1, sizeof port->fd);
    return port->listening;
}

static int listen_for(struct ports *p, const struct route *route, struct err *err)
{
    struct address at;
    struct port *port;
    struct err why;

    ports_address(&route->tcp, &p->base, &at);
    port = get_port(p, &at);
    port->wanted = true;
    if (try_port(p, port, &why))
        return 0;
    err_set(err, ERR_UNAVAILABLE, "%s gets no connections: %s", route->migration.s, why.msg);
    return err_hint(err, "free the port on this node, or give the migration another one");
}

static void forget_unwanted(struct ports *p)
{
    struct port *port, *next;

    DL_FOREACH_SAFE (p->list, port, next) {
        if (!port->wanted)
            forget(p, port);
    }
}

static void on_retry(struct timer *t)
{
    struct ports *p = container_of(t, struct ports, retry);
    bool more = false;
    struct port *port;

    DL_FOREACH (p->list, port)
        more |= !port->listening && try_port(p, port, NULL);
    if (more)
        p->on_free(p->ctx);
    else
        timer_set(p->loop, &p->retry, RETRY, on_retry, "proxy ports");
}

int ports_follow(struct ports *p, const struct ruleset *set, struct err *err)
{
    struct port *port;
    struct err more;
    int r = 0;

    DL_FOREACH (p->list, port)
        port->wanted = false;
    for (unsigned i = 0; i < set->count; i++) {
        const struct route *route = &set->entry[i].route;

        if (route->tcp.port > 0 && listen_for(p, route, r < 0 ? &more : err) < 0)
            r = -ERR_UNAVAILABLE;
    }
    forget_unwanted(p);
    if (r < 0)
        timer_set(p->loop, &p->retry, RETRY, on_retry, "proxy ports");
    else
        timer_cancel(&p->retry);
    return r;
}

struct port_order *ports_hand_over(struct ports *p, unsigned lane, unsigned *ret_count)
{
    struct port_order *order = NULL;
    struct port *port;
    unsigned n = 0;

    DL_FOREACH (p->list, port) {
        if (!port->listening)
            continue;
        order = xrealloc(order, (n + 1) * sizeof *order);
        order[n++] = (struct port_order){port->at, port->fd[lane]};
        port->fd[lane] = -1;
    }
    *ret_count = n;
    return order;
}

struct ports *ports_new(struct loop *loop, unsigned lanes, const struct address *base,
                        ports_fn on_free, void *ctx)
{
    struct ports *p = xnew(struct ports);

    p->loop = loop;
    p->lanes = lanes;
    p->base = *base;
    p->on_free = on_free;
    p->ctx = ctx;
    return p;
}

void ports_free(struct ports *p)
{
    if (!p)
        return;
    while (p->list)
        forget(p, p->list);
    timer_cancel(&p->retry);
    xfreep(&p);
}
