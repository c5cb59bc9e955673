/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request as the next hop gets it: what that is told about who asked, and how. */
#include <inttypes.h>
#include <string.h>

#include "common/http1/http1_write.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"

/* Value of X-Forwarded-For that we are ready to extend; past it our part goes on its own line. */
#define FORWARDED_MAX 1024
/* "[v6-or-name]:65535" */
#define HOST_MAX (ENDPOINT_SIZE + 8)

#define FOR   STR("X-Forwarded-For")
#define HOST  STR("X-Forwarded-Host")
#define PROTO STR("X-Forwarded-Proto")
#define HOPS  STR("Max-Forwards")
/* More than anybody means. */
#define HOPS_MAX 1000000

struct forward {
    struct http1_extra extra[7]; /* For, Host, Proto, Forwarded, Via, hops and the caller's */
    unsigned count;
    bool has_host; /* said by an earlier hop */
    bool has_proto;
    size_t n; /* of `text` */
    bool full;
    char hops[16];
    char text[FORWARDED_MAX]; /* what earlier hops said, a comma and a space behind each */
};

static void add(struct forward *f, struct str name, struct str value, bool replace)
{
    f->extra[f->count++] = (struct http1_extra){name, value, replace};
}

static void keep_value(struct forward *f, struct str value)
{
    f->full = f->full || f->n + value.n + 2 + ADDRESS_TEXT_SIZE > sizeof f->text;
    if (f->full)
        return;
    memcpy(f->text + f->n, value.p, value.n);
    memcpy(f->text + f->n + value.n, ", ", 2);
    f->n += value.n + 2;
}

/* What earlier hops said. All three names begin with X and differ in their length. */
static void read_received(struct forward *f, const struct http1_head *h)
{
    for (uint32_t i = 0; i < h->header_count; i++) {
        struct str name = http1_name(h, i);

        if (name.n < FOR.n || name.n > PROTO.n || (name.p[0] | 0x20) != 'x')
            continue;
        if (str_ieq(name, FOR))
            keep_value(f, http1_value(h, i));
        else if (str_ieq(name, HOST))
            f->has_host = true;
        else if (str_ieq(name, PROTO))
            f->has_proto = true;
    }
}

/* Their addresses, and our peer's behind them. */
static void add_for(struct forward *f, struct str peer)
{
    if (f->full || f->n == 0) {
        add(f, FOR, peer, false);
        return;
    }
    memcpy(f->text + f->n, peer.p, peer.n);
    add(f, FOR, (struct str){f->text, f->n + peer.n}, true);
}

static struct str scheme_of(const struct conn *c)
{
    return c->secure ? STR("https") : STR("http");
}

static void append(struct forward *f, const struct conn *c)
{
    const struct http1_head *h = &c->req->head;

    read_received(f, h);
    add_for(f, (struct str){c->peer, c->peer_len});
    if (!f->has_host && http1_host(h).n > 0)
        add(f, HOST, http1_host(h), false);
    if (!f->has_proto)
        add(f, PROTO, scheme_of(c), false);
}

/* Nobody in front of us is to be believed. A field without a value is only taken away. */
static void replace(struct forward *f, const struct conn *c)
{
    struct str host = http1_host(&c->req->head);

    add(f, FOR, (struct str){c->peer, c->peer_len}, true);
    add(f, HOST, host.n > 0 ? host : (struct str){NULL, 0}, true);
    add(f, PROTO, scheme_of(c), true);
    add(f, STR("Forwarded"), (struct str){NULL, 0}, true);
}

static void add_via(struct forward *f, const struct http1_head *h)
{
    add(f, STR("Via"), h->minor > 0 ? STR("1.1 switchyard") : STR("1.0 switchyard"), false);
}

int64_t conn_hops_left(const struct http1_head *h)
{
    int64_t left = HOPS_UNLIMITED;
    uint64_t number;

    for (uint32_t i = 0; i < h->header_count; i++) {
        if (!str_ieq(http1_name(h, i), HOPS))
            continue;
        if (left != HOPS_UNLIMITED || !str_to_u64(http1_value(h, i), UINT64_MAX, &number))
            return HOPS_UNREADABLE;
        left = number < HOPS_MAX ? (int64_t)number : HOPS_MAX;
    }
    return left;
}

/* One that has none left does not come here. */
static void take_hop(struct forward *f, const struct http1_head *h)
{
    int64_t left = conn_hops_left(h);

    if (left <= 0)
        return;
    str_fmt(f->hops, sizeof f->hops, "%" PRId64, left - 1);
    add(f, HOPS, str_of(f->hops), true);
}

/* A client of HTTP/1.0 that names no host gets the system's own name: an empty Host is allowed (RFC
 * 9112 3.2), but refused by many. */
static struct str name_system(const struct request *req, char dst[HOST_MAX])
{
    const struct endpoint *e = &req->route->entry->route.upstream[req->system].endpoint[0];
    bool literal = strchr(e->host, ':') != NULL;

    str_fmt(dst, HOST_MAX, "%s%s%s:%u", literal ? "[" : "", e->host, literal ? "]" : "",
            (unsigned)e->port);
    return str_of(dst);
}

size_t conn_write_head(const struct conn *c, struct http1_out out, const struct http1_extra *more,
                       char *dst, size_t size)
{
    const struct proxy_config *config = c->lane->config;
    const struct http1_head *h = &c->req->head;
    char host[HOST_MAX];
    struct forward f;

    f.count = 0;
    f.n = 0;
    f.full = f.has_host = f.has_proto = false;
    if (config->forwarded == PROXY_FORWARDED_APPEND)
        append(&f, c);
    else if (config->forwarded == PROXY_FORWARDED_REPLACE)
        replace(&f, c);
    if (config->via)
        add_via(&f, h);
    if (UNLIKELY(h->method == HTTP1_OPTIONS || h->method == HTTP1_TRACE))
        take_hop(&f, h);
    if (more)
        f.extra[f.count++] = *more;
    out.extra = f.extra;
    out.extra_count = f.count;
    if (http1_host(h).n == 0)
        out.host = name_system(c->req, host);
    return http1_write_request(h, &out, dst, size);
}
