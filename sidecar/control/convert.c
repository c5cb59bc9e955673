/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/convert.h"

#include "common/base/mem.h"
#include "sidecar/control/convert_compare.h"

/* ---- texts ----------------------------------------------------------------------------------- */

int convert_text(const char *what, const char *from, char *to, size_t size, struct err *err)
{
    if (str_copy(str_of(from), to, size))
        return 0;
    return err_set(err, ERR_INVALID, "%s is longer than %zu bytes", what, size - 1);
}

static int take_binary_sum(const ProtobufCBinaryData *from, struct sha256 *to, struct err *err)
{
    if (from->len != SHA256_SIZE)
        return err_set(err, ERR_INVALID, "the checksum has %zu bytes, not 32", from->len);
    memcpy(to->b, from->data, SHA256_SIZE);
    return 0;
}

/* ---- route ----------------------------------------------------------------------------------- */

static int take_hosts(const Switchyard__V1__Route *m, struct route *ret, struct err *err)
{
    int r;

    if (m->n_hosts > ROUTE_HOSTS_MAX)
        return err_set(err, ERR_INVALID, "hosts: %zu, at most %d", m->n_hosts, ROUTE_HOSTS_MAX);
    for (size_t i = 0; i < m->n_hosts; i++) {
        r = convert_text("host", m->hosts[i], ret->host[i], sizeof ret->host[i], err);
        if (r < 0)
            return r;
    }
    ret->host_count = (unsigned)m->n_hosts;
    return 0;
}

static int take_key(const Switchyard__V1__Key *m, struct route_key *ret, struct err *err)
{
    static const enum key_source source[] = {
        [SWITCHYARD__V1__KEY__SOURCE__SOURCE_RANDOM] = KEY_RANDOM,
        [SWITCHYARD__V1__KEY__SOURCE__SOURCE_HEADER] = KEY_HEADER,
        [SWITCHYARD__V1__KEY__SOURCE__SOURCE_COOKIE] = KEY_COOKIE,
        [SWITCHYARD__V1__KEY__SOURCE__SOURCE_PATH_SEGMENT] = KEY_PATH_SEGMENT,
        [SWITCHYARD__V1__KEY__SOURCE__SOURCE_CLIENT_ADDRESS] = KEY_CLIENT_ADDRESS,
    };

    if (!m)
        return 0;
    if ((unsigned)m->source >= ARRAY_LEN(source) || source[m->source] == KEY_NONE)
        return err_set(err, ERR_INVALID, "key source %d is not known to this version",
                       (int)m->source);
    ret->source = source[m->source];
    ret->segment = m->segment;
    return convert_text("key name", m->name, ret->name, sizeof ret->name, err);
}

static int take_fallback(const Switchyard__V1__Fallback *m, struct route_fallback *ret,
                         struct err *err)
{
    int r;

    if (!m)
        return 0;
    ret->on = (m->on_connect_error ? FALLBACK_CONNECT_ERROR : 0u) |
              (m->on_timeout ? FALLBACK_TIMEOUT : 0u) | (m->on_5xx ? FALLBACK_5XX : 0u);
    ret->max_body = m->max_body_bytes;
    ret->budget_bp = m->budget_bp;
    if (m->n_methods > ROUTE_METHODS_MAX)
        return err_set(err, ERR_INVALID, "fallback methods: %zu, at most %d", m->n_methods,
                       ROUTE_METHODS_MAX);
    for (size_t i = 0; i < m->n_methods; i++) {
        r = convert_text("fallback method", m->methods[i], ret->method[i], sizeof ret->method[i],
                         err);
        if (r < 0)
            return r;
    }
    ret->method_count = (unsigned)m->n_methods;
    return 0;
}

static int take_tls(const Switchyard__V1__UpstreamTls *m, struct route_tls *ret, struct err *err)
{
    int r;

    ret->verify = !m || !m->any_certificate;
    if (!m)
        return 0;
    r = convert_text("server name", m->server_name, ret->name, sizeof ret->name, err);
    if (r == 0)
        r = convert_text("CA file", m->ca_file, ret->ca_file, sizeof ret->ca_file, err);
    if (r == 0)
        r = convert_text("certificate file", m->cert_file, ret->cert_file, sizeof ret->cert_file,
                         err);
    if (r == 0)
        r = convert_text("key file", m->key_file, ret->key_file, sizeof ret->key_file, err);
    return r;
}

/* What is not known is refused: a server would not understand a word. */
static int take_protocol(Switchyard__V1__Upstream__Protocol m, enum upstream_protocol *ret,
                         struct err *err)
{
    static const enum upstream_protocol protocols[] = {
        [SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_HTTP1] = UPSTREAM_HTTP1,
        [SWITCHYARD__V1__UPSTREAM__PROTOCOL__PROTOCOL_H2] = UPSTREAM_H2,
    };

    if ((unsigned)m >= ARRAY_LEN(protocols))
        return err_set(err, ERR_INVALID, "protocol %d is not known to this version", (int)m);
    *ret = protocols[m];
    return 0;
}

static int take_upstream(const char *what, const Switchyard__V1__Upstream *m,
                         struct route_upstream *ret, struct err *err)
{
    int r;

    if (!m)
        return err_set(err, ERR_INVALID, "%s is missing", what);
    if (m->n_endpoints > ROUTE_ENDPOINTS_MAX)
        return err_set(err, ERR_INVALID, "%s endpoints: %zu, at most %d", what, m->n_endpoints,
                       ROUTE_ENDPOINTS_MAX);
    for (size_t i = 0; i < m->n_endpoints; i++) {
        r = endpoint_parse(str_of(m->endpoints[i]), &ret->endpoint[i], err);
        if (r < 0)
            return err_ctx(err, "%s", what);
    }
    ret->endpoint_count = (unsigned)m->n_endpoints;
    ret->connect_timeout_ms = m->connect_timeout_ms;
    ret->response_timeout_ms = m->response_timeout_ms;
    ret->max_connections = m->max_connections;
    ret->health_interval_ms = m->health_interval_ms;
    r = convert_text("health path", m->health_path, ret->health_path, sizeof ret->health_path, err);
    if (r == 0)
        r = take_protocol(m->protocol, &ret->protocol, err);
    if (r == 0)
        r = take_tls(m->tls, &ret->tls, err);
    ret->tls.on = ret->endpoint_count > 0 && ret->endpoint[0].scheme == ENDPOINT_HTTPS;
    return r < 0 ? err_ctx(err, "%s", what) : 0;
}

int convert_system(const char *what, Switchyard__V1__System m, enum system *ret, struct err *err)
{
    switch (m) {
    case SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED:
        *ret = SYSTEM_NONE;
        return 0;
    case SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY:
        *ret = SYSTEM_LEGACY;
        return 0;
    case SWITCHYARD__V1__SYSTEM__SYSTEM_NEW:
        *ret = SYSTEM_NEW;
        return 0;
    case _SWITCHYARD__V1__SYSTEM_IS_INT_SIZE:
        break;
    }
    return err_set(err, ERR_INVALID, "%s %d is not known to this version", what, (int)m);
}

/* What this version does not know counts as off and as no order at all: a node must not refuse its
 * routes for it. */
static void take_breaker(const Switchyard__V1__Breaker *m, struct route_breaker *ret)
{
    static const enum breaker_mode modes[] = {
        [SWITCHYARD__V1__BREAKER__MODE__MODE_ENFORCE] = BREAKER_MODE_ENFORCE,
        [SWITCHYARD__V1__BREAKER__MODE__MODE_WATCH] = BREAKER_MODE_WATCH,
        [SWITCHYARD__V1__BREAKER__MODE__MODE_OFF] = BREAKER_MODE_OFF,
    };
    static const enum breaker_order orders[] = {
        [SWITCHYARD__V1__BREAKER__ORDER__ORDER_NONE] = BREAKER_ORDER_NONE,
        [SWITCHYARD__V1__BREAKER__ORDER__ORDER_OPEN] = BREAKER_ORDER_OPEN,
        [SWITCHYARD__V1__BREAKER__ORDER__ORDER_CLOSE] = BREAKER_ORDER_CLOSE,
        [SWITCHYARD__V1__BREAKER__ORDER__ORDER_PROBE] = BREAKER_ORDER_PROBE,
        [SWITCHYARD__V1__BREAKER__ORDER__ORDER_RESET] = BREAKER_ORDER_RESET,
    };
    const bool knows_mode = m && (unsigned)m->mode < ARRAY_LEN(modes);
    const bool knows_order = m && (unsigned)m->order < ARRAY_LEN(orders);

    if (!m)
        return;
    *ret = (struct route_breaker){
        .errors = m->errors,
        .window_ms = m->window_ms,
        .open_for_ms = m->open_for_ms,
        .half_open_requests = m->half_open_requests,
        .error_rate_bp = m->error_rate_bp,
        .slow_ms = m->slow_ms,
        .slow_rate_bp = m->slow_rate_bp,
        .min_requests = m->min_requests,
        .re_ramp_ms = m->re_ramp_ms,
        .mode = knows_mode ? modes[m->mode] : BREAKER_MODE_OFF,
        .order = knows_order ? orders[m->order] : BREAKER_ORDER_NONE,
        .order_number = knows_order ? m->order_number : 0,
    };
}

static int take_mirror(const Switchyard__V1__Mirror *m, struct route_mirror *ret, struct err *err)
{
    if (!m)
        return 0;
    if (m->n_methods > ROUTE_METHODS_MAX)
        return err_set(err, ERR_INVALID, "mirrored methods: %zu, at most %d", m->n_methods,
                       ROUTE_METHODS_MAX);
    *ret = (struct route_mirror){
        .share_bp = m->share_bp,
        .off_above_bp = m->off_above_bp,
        .timeout_ms = m->timeout_ms,
        .max_body = m->max_body_bytes,
        .max_pending = m->max_pending,
        .max_bytes_per_s = m->max_bytes_per_s,
        .method_count = (unsigned)m->n_methods,
        .by_hand = m->by_hand,
    };
    for (size_t i = 0; i < m->n_methods; i++) {
        int r = convert_text("mirrored method", m->methods[i], ret->method[i],
                             sizeof ret->method[i], err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int take_flags(Switchyard__V1__RouteFlag *const *m, size_t count, struct flags *ret,
                      struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int r = flags_set_text(ret, m[i]->name, m[i]->value, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int take_ahead(const Switchyard__V1__Ahead *m, struct route_ahead *ret, struct err *err)
{
    int r;

    if (!m)
        return 0;
    if (m->n_selectors > ROUTE_SELECTORS_MAX)
        return err_set(err, ERR_INVALID, "selectors: %zu, at most %d", m->n_selectors,
                       ROUTE_SELECTORS_MAX);
    for (size_t i = 0; i < m->n_selectors; i++) {
        r = selector_parse(str_of(m->selectors[i]), &ret->selector[i], err);
        if (r < 0)
            return r;
    }
    ret->selector_count = (unsigned)m->n_selectors;
    ret->weight_bp = m->weight_bp;
    ret->mirror_bp = m->mirror_bp;
    r = convert_text("stage", m->stage, ret->stage, sizeof ret->stage, err);
    return r < 0 ? r : take_flags(m->flags, m->n_flags, &ret->flags, err);
}

/* What is not the same for all nodes, and what the stage switches. */
static int take_stage(const Switchyard__V1__Route *m, struct route *ret, struct err *err)
{
    int r = convert_text("stage", m->stage, ret->stage, sizeof ret->stage, err);

    if (r == 0)
        r = take_flags(m->flags, m->n_flags, &ret->flags, err);
    if (r == 0 && m->drill[0])
        r = selector_parse(str_of(m->drill), &ret->drill, err);
    if (r < 0)
        return r;
    ret->forbid_legacy = m->forbid_legacy;
    r = take_ahead(m->ahead, &ret->ahead, err);
    return r < 0 ? err_ctx(err, "nodes ahead") : 0;
}

static int take_routing(const Switchyard__V1__Route *m, struct route *ret, struct err *err)
{
    int r;

    r = name_parse(str_of(m->migration), "migration", &ret->migration, err);
    if (r < 0)
        return r;
    r = convert_text("path prefix", m->path_prefix, ret->path_prefix, sizeof ret->path_prefix, err);
    if (r < 0)
        return r;
    r = convert_text("salt", m->salt, ret->salt, sizeof ret->salt, err);
    if (r < 0)
        return r;
    r = take_stage(m, ret, err);
    if (r < 0)
        return r;
    r = take_key(m->key, &ret->key, err);
    if (r < 0)
        return r;
    r = take_key(m->fallback_key, &ret->fallback_key, err);
    if (r < 0)
        return r;
    ret->weight_bp = m->weight_bp;
    ret->expose_system = m->expose_system;
    return convert_system("override", m->override, &ret->override, err);
}

static int take_tcp(const Switchyard__V1__Tcp *m, struct route_tcp *ret, struct err *err)
{
    if (!m)
        return 0;
    ret->port = m->port;
    ret->idle_timeout_ms = m->idle_timeout_ms;
    return convert_text("address", m->address, ret->address, sizeof ret->address, err);
}

static int take_route(const Switchyard__V1__Route *m, struct route *ret, struct err *err)
{
    int r;

    r = take_routing(m, ret, err);
    if (r < 0)
        return r;
    r = take_hosts(m, ret, err);
    if (r < 0)
        return r;
    r = take_tcp(m->tcp, &ret->tcp, err);
    if (r < 0)
        return r;
    r = take_fallback(m->fallback, &ret->fallback, err);
    if (r < 0)
        return r;
    r = take_upstream("legacy", m->legacy, &ret->upstream[SYSTEM_LEGACY], err);
    if (r < 0)
        return r;
    r = take_upstream("new", m->new_, &ret->upstream[SYSTEM_NEW], err);
    if (r < 0)
        return r;
    take_breaker(m->breaker, &ret->breaker);
    convert_take_compare(m->compare, &ret->compare);
    r = take_mirror(m->mirror, &ret->mirror, err);
    if (r < 0)
        return r;
    return route_check(ret, err);
}

int convert_route(struct str rule, struct route *ret, struct err *err)
{
    Switchyard__V1__Route *m = switchyard__v1__route__unpack(NULL, rule.n, (const uint8_t *)rule.p);
    int r;

    if (!m)
        return err_set(err, ERR_INVALID, "%zu bytes are not an encoded Route", rule.n);
    *ret = (struct route){0};
    r = take_route(m, ret, err);
    switchyard__v1__route__free_unpacked(m, NULL);
    return r;
}

/* ---- update ---------------------------------------------------------------------------------- */

/* A text too long is cut: it explains the order, and the order counts. */
int convert_take_order(const Switchyard__V1__EmergencyOrder *m, struct emergency *ret,
                       struct err *err)
{
    int r = name_parse(str_of(m->migration), "emergency order", &ret->migration, err);

    if (r < 0)
        return r;
    if (m->epoch == 0)
        return err_set(err, ERR_INVALID, "the emergency order for %s has no epoch", m->migration);
    ret->epoch = m->epoch;
    ret->active = m->active;
    ret->ordered_at.ns = m->ordered_at;
    str_fmt(ret->reason, sizeof ret->reason, "%s", m->reason);
    str_fmt(ret->operator_name, sizeof ret->operator_name, "%s", m->operator_);
    return 0;
}

/* What cannot be read is left out and told; the rest counts. */
static int take_orders(const Switchyard__V1__Update *m, struct update_box *b, struct err *err)
{
    struct agent_update *u = &b->update;
    int worst = 0;

    b->order = xcalloc(EPOCHS_MAX, sizeof *b->order);
    u->emergency = b->order;
    for (size_t i = 0; i < m->n_emergencies; i++) {
        int r = u->emergency_count == EPOCHS_MAX
                    ? err_set(err, ERR_INVALID, "more than %d emergency orders", EPOCHS_MAX)
                    : convert_take_order(m->emergencies[i], &b->order[u->emergency_count], err);

        if (r < 0)
            worst = r;
        else
            u->emergency_count++;
    }
    return worst;
}

static int take_upserts(const Switchyard__V1__Update *m, struct update_box *b, struct err *err)
{
    int r;

    b->upsert = xcalloc(m->n_upserts + 1, sizeof *b->upsert);
    for (size_t i = 0; i < m->n_upserts; i++) {
        const Switchyard__V1__RouteUpdate *u = m->upserts[i];
        struct str rule = {(const char *)u->rule.data, u->rule.len};

        r = convert_route(rule, &b->upsert[i].route, err);
        if (r < 0)
            return err_ctx(err, "route %.64s", u->migration);
        if (strcmp(b->upsert[i].route.migration.s, u->migration) != 0)
            return err_set(err, ERR_INVALID, "a rule for %s came as %.64s",
                           b->upsert[i].route.migration.s, u->migration);
        b->upsert[i].rule = rule;
    }
    return 0;
}

static int take_removes(const Switchyard__V1__Update *m, struct update_box *b, struct err *err)
{
    int r;

    b->remove = xcalloc(m->n_removes + 1, sizeof *b->remove);
    for (size_t i = 0; i < m->n_removes; i++) {
        r = name_parse(str_of(m->removes[i]), "removed migration", &b->remove[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_routes(const Switchyard__V1__Update *m, struct update_box *b, struct err *err)
{
    int r;

    if (m->n_upserts > RULESET_ROUTES_MAX || m->n_removes > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "more than %d routes", RULESET_ROUTES_MAX);
    if (strlen(m->incarnation) >= sizeof((struct ruleset *)0)->incarnation)
        return err_set(err, ERR_INVALID, "the store incarnation is too long");
    r = take_binary_sum(&m->checksum, &b->update.checksum, err);
    if (r == 0)
        r = take_upserts(m, b, err);
    if (r == 0)
        r = take_removes(m, b, err);
    if (r < 0)
        return r;
    b->update.upsert = b->upsert;
    b->update.upsert_count = (unsigned)m->n_upserts;
    b->update.remove = b->remove;
    b->update.remove_count = (unsigned)m->n_removes;
    return 0;
}

void update_box_init(const Switchyard__V1__Update *m, struct update_box *ret)
{
    *ret = (struct update_box){0};
    ret->update.to = (struct position){m->incarnation, m->term, m->revision};
    ret->update.full = m->full;
    ret->update.base_revision = m->base_revision;
    if (take_orders(m, ret, &ret->flaw) < 0 || take_routes(m, ret, &ret->flaw) < 0)
        ret->update.flaw = ret->flaw.msg;
}

void update_box_deinit(struct update_box *b)
{
    xfreep(&b->upsert);
    xfreep(&b->remove);
    xfreep(&b->order);
}

/* ---- upwards --------------------------------------------------------------------------------- */

void convert_order(const struct emergency *o, Switchyard__V1__EmergencyOrder *ret)
{
    switchyard__v1__emergency_order__init(ret);
    ret->migration = rpc_lend(o->migration.s);
    ret->epoch = o->epoch;
    ret->active = o->active;
    ret->reason = rpc_lend(o->reason);
    ret->operator_ = rpc_lend(o->operator_name);
    ret->ordered_at = o->ordered_at.ns;
}

Switchyard__V1__EmergencyOrder **convert_orders(const struct epochs *epochs, bool unwritten)
{
    Switchyard__V1__EmergencyOrder **list = xcalloc(epochs->count + 1, sizeof *list);

    for (unsigned i = 0; i < epochs->count; i++) {
        list[i] = xnew(Switchyard__V1__EmergencyOrder);
        convert_order(&epochs->item[i], list[i]);
        list[i]->unwritten = unwritten && epochs->item[i].active;
    }
    return list;
}

void convert_orders_free(Switchyard__V1__EmergencyOrder **orders, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        xfreep(&orders[i]);
    xfreep(&orders);
}
