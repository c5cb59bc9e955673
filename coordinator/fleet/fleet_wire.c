/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/fleet/fleet_wire.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* ---- a route to bytes ------------------------------------------------------------------------ */

#define URL_SIZE (ENDPOINT_SIZE + 20)

struct upstream_message {
    Switchyard__V1__Upstream m;
    char *endpoint[ROUTE_ENDPOINTS_MAX];
    char url[ROUTE_ENDPOINTS_MAX][URL_SIZE];
};

/* A Route with everything it points to. */
struct route_message {
    Switchyard__V1__Route m;
    Switchyard__V1__Key key, fallback_key;
    Switchyard__V1__Fallback fallback;
    Switchyard__V1__Breaker breaker;
    struct upstream_message legacy, new_system;
    char *host[ROUTE_HOSTS_MAX];
    char *method[ROUTE_METHODS_MAX];
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
    for (unsigned i = 0; i < f->method_count; i++)
        ret->method[i] = f->method[i];
    m->methods = ret->method;
    m->n_methods = f->method_count;
    return m;
}

static Switchyard__V1__Upstream *fill_upstream(const struct route_upstream *u,
                                               struct upstream_message *ret)
{
    switchyard__v1__upstream__init(&ret->m);
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        const struct endpoint *e = &u->endpoint[i];
        bool ipv6 = strchr(e->host, ':') != NULL;

        CHECK(str_fmt(ret->url[i], URL_SIZE, ipv6 ? "http://[%s]:%u" : "http://%s:%u", e->host,
                      (unsigned)e->port));
        ret->endpoint[i] = ret->url[i];
    }
    ret->m.endpoints = ret->endpoint;
    ret->m.n_endpoints = u->endpoint_count;
    ret->m.connect_timeout_ms = u->connect_timeout_ms;
    ret->m.response_timeout_ms = u->response_timeout_ms;
    return &ret->m;
}

static Switchyard__V1__Breaker *fill_breaker(const struct route_breaker *b,
                                             Switchyard__V1__Breaker *ret)
{
    if (b->errors == 0)
        return NULL;
    switchyard__v1__breaker__init(ret);
    ret->errors = b->errors;
    ret->window_ms = b->window_ms;
    ret->open_for_ms = b->open_for_ms;
    ret->half_open_requests = b->half_open_requests;
    return ret;
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
    m->key = fill_key(&r->key, &ret->key);
    m->fallback_key = fill_key(&r->fallback_key, &ret->fallback_key);
    m->salt = r->salt;
    m->weight_bp = r->weight_bp;
    m->override = systems[r->override];
    m->fallback = fill_fallback(&r->fallback, ret);
    m->legacy = fill_upstream(&r->upstream[SYSTEM_LEGACY], &ret->legacy);
    m->new_ = fill_upstream(&r->upstream[SYSTEM_NEW], &ret->new_system);
    m->breaker = fill_breaker(&r->breaker, &ret->breaker);
    m->expose_system = r->expose_system;
    m->stage = r->stage;
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

/* ---- what nodes say -------------------------------------------------------------------------- */

void fleet_wire_text(const char *from, char *ret_dst, size_t size)
{
    size_t n = strnlen(from, size - 1);
    struct str s = {from, n};
    size_t bad = 0;

    /* A cut may split a character: what is left of it goes, too. */
    if (!str_utf8_valid(s, &bad) && from[n] != '\0' && n - bad < 4)
        n = bad;
    bool valid = str_is_line((struct str){from, n}, NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        bool shown = c >= 0x20 && c != 0x7f && (c < 0x80 || valid);

        ret_dst[i] = shown ? from[i] : '?';
    }
    ret_dst[n] = '\0';
}

int fleet_wire_word(const char *what, const char *from, char *ret_dst, size_t size, struct err *err)
{
    struct str s = str_of(from);
    char shown[SHOW_SIZE];

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return err_set(err, ERR_INVALID, "%s %s is not printable ASCII", what,
                           ids_show(s, shown));
    }
    if (!str_copy(s, ret_dst, size))
        return err_set(err, ERR_INVALID, "%s %s is longer than %zu bytes", what, ids_show(s, shown),
                       size - 1);
    return 0;
}

int fleet_wire_labels(Switchyard__V1__Label *const *label, size_t count, struct labels *ret,
                      struct err *err)
{
    int r = 0;

    if (count > LABELS_MAX)
        return err_set(err, ERR_INVALID, "%zu labels, at most %d are allowed", count, LABELS_MAX);
    for (size_t i = 0; i < count && r == 0; i++)
        r = labels_add(ret, str_of(label[i]->key), str_of(label[i]->value), err);
    return r;
}

int fleet_wire_hello(const Switchyard__V1__Hello *h, struct fleet_node *ret, char *ret_boot,
                     struct err *err)
{
    int r = name_parse_node(str_of(h->node), &ret->name, err);

    if (r == 0)
        r = fleet_wire_labels(h->labels, h->n_labels, &ret->labels, err);
    if (r == 0)
        r = fleet_wire_word("boot id", h->boot, ret_boot, NAME_SIZE, err);
    if (r == 0 && ret_boot[0] == '\0')
        r = err_set(err, ERR_INVALID, "no boot id");
    if (r == 0)
        r = fleet_wire_word("version", h->version, ret->version, sizeof(ret->version), err);
    if (r == 0)
        r = fleet_wire_word("proxy address", h->proxy_address, ret->address, sizeof(ret->address),
                            err);
    if (r == 0)
        r = fleet_wire_word("control address", h->control_address, ret->control_address,
                            sizeof(ret->control_address), err);
    return r < 0 ? err_ctx(err, "hello") : 0;
}

int fleet_wire_told(const Switchyard__V1__EmergencyOrder *m, struct emergency *ret, struct err *err)
{
    int r = name_parse(str_of(m->migration), "migration", &ret->migration, err);

    if (r < 0)
        return r;
    if (m->epoch == 0)
        return err_set(err, ERR_INVALID, "the order for %s has no epoch", ret->migration.s);
    ret->epoch = m->epoch;
    ret->active = m->active;
    ret->ordered_at.ns = m->ordered_at;
    fleet_wire_text(m->reason, ret->reason, sizeof(ret->reason));
    fleet_wire_text(m->operator_, ret->operator_name, sizeof(ret->operator_name));
    return 0;
}

int fleet_wire_orders(const Switchyard__V1__Hello *h, struct emergency **ret, struct err *err)
{
    CLEANUP(xfreep) struct emergency *order = NULL;

    *ret = NULL;
    if (h->n_emergencies == 0)
        return 0;
    if (h->n_emergencies > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "hello: %zu emergency orders, at most %d are allowed",
                       h->n_emergencies, RULESET_ROUTES_MAX);
    order = xcalloc(h->n_emergencies, sizeof(*order));
    for (size_t i = 0; i < h->n_emergencies; i++) {
        if (fleet_wire_told(h->emergencies[i], &order[i], err) < 0)
            return err_ctx(err, "hello: emergency order");
    }
    *ret = steal(order);
    return 0;
}

/* Bucket indexes rise, so no bucket comes twice; sums are taken as they are. */
static int take_latency(const Switchyard__V1__Histogram *m, struct hist *ret, struct err *err)
{
    if (m->n_index != m->n_count)
        return err_set(err, ERR_INVALID, "histogram with %zu indexes and %zu counts", m->n_index,
                       m->n_count);
    for (size_t i = 0; i < m->n_index; i++) {
        if (m->index[i] >= HIST_BUCKETS || (i > 0 && m->index[i] <= m->index[i - 1]))
            return err_set(err, ERR_INVALID, "histogram index %u is out of place", m->index[i]);
        ret->bucket[m->index[i]] = m->count[i];
        ret->count += m->count[i];
    }
    ret->sum_us = m->sum_us;
    return 0;
}

static int take_system(const Switchyard__V1__SystemReport *m, struct system_stats *ret,
                       struct err *err)
{
    if (!m)
        return 0;
    ret->requests = m->requests;
    ret->errors = m->errors;
    ret->fallbacks = m->fallbacks;
    ret->timeouts = m->timeouts;
    ret->connect_errors = m->connect_errors;
    return m->latency ? take_latency(m->latency, &ret->latency, err) : 0;
}

int fleet_wire_stats(const Switchyard__V1__RouteReport *m, struct route_stats *ret, struct err *err)
{
    char shown[SHOW_SIZE];
    int r = name_parse(str_of(m->migration), "migration", &ret->migration, err);

    if (r == 0)
        r = take_system(m->legacy, &ret->system[SYSTEM_LEGACY], err);
    if (r == 0)
        r = take_system(m->new_, &ret->system[SYSTEM_NEW], err);
    if (r == 0 && !breaker_state_parse(str_of(m->breaker), &ret->breaker))
        r = err_set(err, ERR_INVALID, "unknown breaker state %s",
                    ids_show(str_of(m->breaker), shown));
    return r < 0 ? err_ctx(err, "report of %s", ids_show(str_of(m->migration), shown)) : 0;
}
