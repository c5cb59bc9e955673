/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/fleet/fleet_wire.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_wire_compare.h"

/* ---- a route to bytes ------------------------------------------------------------------------ */

struct upstream_message {
    Switchyard__V1__Upstream m;
    Switchyard__V1__UpstreamTls tls;
    char *endpoint[ROUTE_ENDPOINTS_MAX];
    char url[ROUTE_ENDPOINTS_MAX][ENDPOINT_URL_SIZE];
};

struct flags_message {
    Switchyard__V1__RouteFlag flag[FLAGS_MAX];
    Switchyard__V1__RouteFlag *at[FLAGS_MAX];
};

struct ahead_message {
    Switchyard__V1__Ahead m;
    char *selector[ROUTE_SELECTORS_MAX];
    struct flags_message flags;
};

/* A Route with everything it points to. */
struct route_message {
    Switchyard__V1__Route m;
    Switchyard__V1__Key key, fallback_key;
    Switchyard__V1__Fallback fallback;
    Switchyard__V1__Breaker breaker;
    struct upstream_message legacy, new_system;
    struct flags_message flags;
    struct ahead_message ahead;
    struct compare_message compare;
    char *host[ROUTE_HOSTS_MAX];
    char *method[ROUTE_METHODS_MAX];
    Switchyard__V1__Tcp tcp;
    Switchyard__V1__Mirror mirror;
    char *mirror_method[ROUTE_METHODS_MAX];
};

static const Switchyard__V1__Key__Source key_sources[KEY_SOURCE_COUNT] = {
    [KEY_NONE] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_UNSPECIFIED,
    [KEY_RANDOM] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_RANDOM,
    [KEY_HEADER] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_HEADER,
    [KEY_COOKIE] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_COOKIE,
    [KEY_PATH_SEGMENT] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_PATH_SEGMENT,
    [KEY_CLIENT_ADDRESS] = SWITCHYARD__V1__KEY__SOURCE__SOURCE_CLIENT_ADDRESS,
};

static const Switchyard__V1__System systems[SYSTEM_COUNT] = {
    [SYSTEM_NONE] = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED,
    [SYSTEM_LEGACY] = SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY,
    [SYSTEM_NEW] = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW,
};

static Switchyard__V1__Key *fill_key(struct route_key *k, Switchyard__V1__Key *ret)
{
    if (k->source == KEY_NONE)
        return NULL;
    switchyard__v1__key__init(ret);
    ret->source = key_sources[k->source];
    ret->name = k->name;
    ret->segment = k->segment;
    return ret;
}

static Switchyard__V1__Fallback *fill_fallback(struct route_fallback *f, struct route_message *ret)
{
    Switchyard__V1__Fallback *m = &ret->fallback;

    switchyard__v1__fallback__init(m);
    m->on_connect_error = (f->on & FALLBACK_CONNECT_ERROR) != 0;
    m->on_timeout = (f->on & FALLBACK_TIMEOUT) != 0;
    m->on_5xx = (f->on & FALLBACK_5XX) != 0;
    m->max_body_bytes = f->max_body;
    m->budget_bp = f->budget_bp;
    for (unsigned i = 0; i < f->method_count; i++)
        ret->method[i] = f->method[i];
    m->methods = ret->method;
    m->n_methods = f->method_count;
    return m;
}

static Switchyard__V1__UpstreamTls *fill_tls(struct route_tls *t, Switchyard__V1__UpstreamTls *ret)
{
    if (!t->on)
        return NULL;
    switchyard__v1__upstream_tls__init(ret);
    ret->server_name = t->name;
    ret->ca_file = t->ca_file;
    ret->cert_file = t->cert_file;
    ret->key_file = t->key_file;
    ret->any_certificate = !t->verify;
    return ret;
}

static Switchyard__V1__Upstream *fill_upstream(struct route_upstream *u,
                                               struct upstream_message *ret)
{
    static const Switchyard__V1__Upstream__Protocol protocols[UPSTREAM_PROTOCOL_COUNT] = {
        [UPSTREAM_HTTP1] = SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_HTTP1,
        [UPSTREAM_H2] = SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_H2,
    };

    switchyard__v1__upstream__init(&ret->m);
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        endpoint_url(&u->endpoint[i], ret->url[i]);
        ret->endpoint[i] = ret->url[i];
    }
    ret->m.protocol = protocols[u->protocol];
    ret->m.tls = fill_tls(&u->tls, &ret->tls);
    ret->m.endpoints = ret->endpoint;
    ret->m.n_endpoints = u->endpoint_count;
    ret->m.connect_timeout_ms = u->connect_timeout_ms;
    ret->m.response_timeout_ms = u->response_timeout_ms;
    ret->m.max_connections = u->max_connections;
    if (u->health_path[0]) {
        ret->m.health_path = u->health_path;
        ret->m.health_interval_ms = u->health_interval_ms;
    }
    return &ret->m;
}

static Switchyard__V1__Breaker *fill_breaker(const struct route_breaker *b,
                                             Switchyard__V1__Breaker *ret)
{
    static const Switchyard__V1__Breaker__Mode modes[BREAKER_MODE_COUNT] = {
        [BREAKER_MODE_ENFORCE] = SWITCHYARD__V1__BREAKER__MODE__MODE_ENFORCE,
        [BREAKER_MODE_WATCH] = SWITCHYARD__V1__BREAKER__MODE__MODE_WATCH,
        [BREAKER_MODE_OFF] = SWITCHYARD__V1__BREAKER__MODE__MODE_OFF,
    };
    static const Switchyard__V1__Breaker__Order orders[BREAKER_ORDER_COUNT] = {
        [BREAKER_ORDER_NONE] = SWITCHYARD__V1__BREAKER__ORDER__ORDER_NONE,
        [BREAKER_ORDER_OPEN] = SWITCHYARD__V1__BREAKER__ORDER__ORDER_OPEN,
        [BREAKER_ORDER_CLOSE] = SWITCHYARD__V1__BREAKER__ORDER__ORDER_CLOSE,
        [BREAKER_ORDER_PROBE] = SWITCHYARD__V1__BREAKER__ORDER__ORDER_PROBE,
        [BREAKER_ORDER_RESET] = SWITCHYARD__V1__BREAKER__ORDER__ORDER_RESET,
    };

    if (!b->errors && !b->error_rate_bp && !b->slow_rate_bp && !b->order_number)
        return NULL;
    switchyard__v1__breaker__init(ret);
    ret->errors = b->errors;
    ret->window_ms = b->window_ms;
    ret->open_for_ms = b->open_for_ms;
    ret->half_open_requests = b->half_open_requests;
    ret->error_rate_bp = b->error_rate_bp;
    ret->slow_ms = b->slow_ms;
    ret->slow_rate_bp = b->slow_rate_bp;
    ret->min_requests = b->min_requests;
    ret->re_ramp_ms = b->re_ramp_ms;
    ret->mode = modes[b->mode];
    ret->order = orders[b->order];
    ret->order_number = b->order_number;
    return ret;
}

/* A comparison obeys the limits of the mirror, too. */
static Switchyard__V1__Mirror *fill_mirror(struct route *r, struct route_message *ret)
{
    struct route_mirror *m = &r->mirror;

    if (!m->share_bp && !m->by_hand && !r->ahead.mirror_bp && !r->compare.sample_bp)
        return NULL;
    switchyard__v1__mirror__init(&ret->mirror);
    ret->mirror.share_bp = m->share_bp;
    ret->mirror.off_above_bp = m->off_above_bp;
    ret->mirror.timeout_ms = m->timeout_ms;
    ret->mirror.max_body_bytes = m->max_body;
    ret->mirror.max_pending = m->max_pending;
    ret->mirror.max_bytes_per_s = m->max_bytes_per_s;
    ret->mirror.by_hand = m->by_hand;
    for (unsigned i = 0; i < m->method_count; i++)
        ret->mirror_method[i] = m->method[i];
    ret->mirror.methods = ret->mirror_method;
    ret->mirror.n_methods = m->method_count;
    return &ret->mirror;
}

static Switchyard__V1__Tcp *fill_tcp(struct route_tcp *t, Switchyard__V1__Tcp *ret)
{
    if (t->port == 0)
        return NULL;
    switchyard__v1__tcp__init(ret);
    ret->port = t->port;
    ret->address = t->address;
    ret->idle_timeout_ms = t->idle_timeout_ms;
    return ret;
}

static size_t fill_flags(struct flags *f, struct flags_message *ret)
{
    for (unsigned i = 0; i < f->count; i++) {
        switchyard__v1__route_flag__init(&ret->flag[i]);
        ret->flag[i].name = f->flag[i].name;
        ret->flag[i].value = f->flag[i].value;
        ret->at[i] = &ret->flag[i];
    }
    return f->count;
}

static Switchyard__V1__Ahead *fill_ahead(struct route_ahead *a, struct ahead_message *ret)
{
    if (a->selector_count == 0)
        return NULL;
    switchyard__v1__ahead__init(&ret->m);
    for (unsigned i = 0; i < a->selector_count; i++)
        ret->selector[i] = a->selector[i].text;
    ret->m.selectors = ret->selector;
    ret->m.n_selectors = a->selector_count;
    ret->m.weight_bp = a->weight_bp;
    ret->m.mirror_bp = a->mirror_bp;
    ret->m.stage = a->stage;
    ret->m.n_flags = fill_flags(&a->flags, &ret->flags);
    ret->m.flags = ret->flags.at;
    return &ret->m;
}

static void fill_route(struct route *r, struct route_message *ret)
{
    Switchyard__V1__Route *m = &ret->m;

    switchyard__v1__route__init(m);
    m->migration = r->migration.s;
    for (unsigned i = 0; i < r->host_count; i++)
        ret->host[i] = r->host[i];
    m->hosts = ret->host;
    m->n_hosts = r->host_count;
    m->path_prefix = r->path_prefix;
    m->tcp = fill_tcp(&r->tcp, &ret->tcp);
    m->key = fill_key(&r->key, &ret->key);
    m->fallback_key = fill_key(&r->fallback_key, &ret->fallback_key);
    m->salt = r->salt;
    m->weight_bp = r->weight_bp;
    m->override = systems[r->override];
    m->fallback = fill_fallback(&r->fallback, ret);
    m->legacy = fill_upstream(&r->upstream[SYSTEM_LEGACY], &ret->legacy);
    m->new_ = fill_upstream(&r->upstream[SYSTEM_NEW], &ret->new_system);
    m->breaker = fill_breaker(&r->breaker, &ret->breaker);
    m->mirror = fill_mirror(r, ret);
    m->expose_system = r->expose_system;
    m->stage = r->stage;
    m->n_flags = fill_flags(&r->flags, &ret->flags);
    m->flags = ret->flags.at;
    m->ahead = fill_ahead(&r->ahead, &ret->ahead);
    m->drill = r->drill.text;
    m->forbid_legacy = r->forbid_legacy;
    m->compare = fleet_wire_compare(&r->compare, &ret->compare);
}

void fleet_wire_route(struct route *r, struct buf *b)
{
    struct route_message m;
    char *to;

    fill_route(r, &m);
    to = buf_reserve(b, switchyard__v1__route__get_packed_size(&m.m));
    CHECK(to);
    b->len += switchyard__v1__route__pack(&m.m, (uint8_t *)to);
}

void fleet_wire_order(struct emergency *e, Switchyard__V1__EmergencyOrder *ret)
{
    switchyard__v1__emergency_order__init(ret);
    ret->migration = e->migration.s;
    ret->epoch = e->epoch;
    ret->active = e->active;
    ret->reason = e->reason;
    ret->operator_ = e->operator_name;
    ret->ordered_at = e->ordered_at.ns;
}
