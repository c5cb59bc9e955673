/* SPDX-License-Identifier: Apache-2.0 */
/* Which request a question is about. Every proxy that can ask has its own way to say so. */
#include "sidecar/proxy/edge.h"

static struct str find(const struct http1_head *h, struct str name)
{
    struct str value = {NULL, 0};

    (void)http1_find(h, name, &value);
    return value;
}

/* The first of `names` that is there and not empty. */
static struct str first_of(const struct http1_head *h, const struct str *names, unsigned count)
{
    struct str value = {NULL, 0};

    for (unsigned i = 0; i < count && value.n == 0; i++)
        value = find(h, names[i]);
    return value;
}

/* Envoy puts the path behind ours. */
static struct str path_behind(const struct http1_head *h)
{
    struct str path = http1_path(h);

    path.p += EDGE_DECIDE.n;
    path.n -= EDGE_DECIDE.n;
    return path.n > 0 && path.p[0] == '/' ? path : STR("/");
}

static struct str path_of(const struct http1_head *h)
{
    static const struct str names[] = {STR("X-Original-URI"), STR("X-Forwarded-Uri"),
                                       STR("X-Envoy-Original-Path")};
    struct str path = first_of(h, names, ARRAY_LEN(names));

    return path.n > 0 ? path : path_behind(h);
}

static struct str host_of(const struct http1_head *h)
{
    static const struct str names[] = {STR("X-Original-Host"), STR("X-Forwarded-Host")};
    struct str host = first_of(h, names, ARRAY_LEN(names)), rest;

    /* Of a list, what the client asked for is first. */
    str_cut(host, ',', &host, &rest);
    return conn_without_port(host.n > 0 ? str_trim(host) : http1_host(h));
}

/* Of X-Forwarded-For only the last one counts: the proxy that asks has added it, what stands before
 * it is hearsay. */
static struct str client_of(const struct http1_head *h, struct str peer)
{
    struct str real = find(h, STR("X-Real-IP")), last, list;

    if (real.n > 0)
        return real;
    for (uint32_t i = h->header_count; i-- > 0;) {
        if (!str_ieq(http1_name(h, i), STR("X-Forwarded-For")))
            continue;
        list = http1_value(h, i);
        last = list;
        while (list.n > 0)
            str_cut(list, ',', &last, &list);
        return str_trim(last).n > 0 ? str_trim(last) : peer;
    }
    return peer;
}

struct edge_origin edge_origin(const struct http1_head *h, struct str peer)
{
    return (struct edge_origin){
        .host = host_of(h), .path = path_of(h), .client = client_of(h, peer)};
}
