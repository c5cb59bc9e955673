/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the fleet protocol as a coordinator would make them, by the generated code. */
#pragma once

#include "tests/lib/unit.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "sidecar/control/convert.h"

/* One of everything a Route holds, all with values of their own. */
struct wire_route {
    Switchyard__V1__Route m;
    Switchyard__V1__Key key, fallback_key;
    Switchyard__V1__Fallback fallback;
    Switchyard__V1__Upstream legacy, new_;
    Switchyard__V1__Breaker breaker;
    Switchyard__V1__Ahead ahead;
    Switchyard__V1__RouteFlag flag[FLAGS_MAX + 1], ahead_flag;
    Switchyard__V1__RouteFlag *flags[FLAGS_MAX + 1], *ahead_flags[1];
    char *selector[ROUTE_SELECTORS_MAX + 1];
    char *host[16], *method[16], *legacy_endpoint[16], *new_endpoint[16];
};

static inline void wire_flag_init(Switchyard__V1__RouteFlag *f, const char *name, const char *value)
{
    switchyard__v1__route_flag__init(f);
    f->name = rpc_lend(name);
    f->value = rpc_lend(value);
}

/* What the nodes of a wave are ahead with, and the flags of the others. */
static inline void wire_stage_init(struct wire_route *w)
{
    for (unsigned i = 0; i < ARRAY_LEN(w->flag); i++)
        w->flags[i] = &w->flag[i];
    wire_flag_init(&w->flag[0], "checkout.v2", "false");
    wire_flag_init(&w->flag[1], "batch", "12.5");
    w->m.flags = w->flags;
    w->m.n_flags = 2;
    wire_flag_init(&w->ahead_flag, "checkout.v2", "true");
    w->ahead_flags[0] = &w->ahead_flag;
    switchyard__v1__ahead__init(&w->ahead);
    w->selector[0] = rpc_lend("cluster=eu-1,zone=a");
    w->selector[1] = rpc_lend("name=n7");
    w->ahead.selectors = w->selector;
    w->ahead.n_selectors = 2;
    w->ahead.weight_bp = 5000;
    w->ahead.stage = rpc_lend("half");
    w->ahead.flags = w->ahead_flags;
    w->ahead.n_flags = 1;
    w->m.ahead = &w->ahead;
    w->m.drill = rpc_lend("zone=b");
    w->m.forbid_legacy = true;
}

static inline void wire_route_init(struct wire_route *w, const char *migration)
{
    *w = (struct wire_route){0};
    switchyard__v1__route__init(&w->m);
    switchyard__v1__key__init(&w->key);
    switchyard__v1__key__init(&w->fallback_key);
    switchyard__v1__fallback__init(&w->fallback);
    switchyard__v1__upstream__init(&w->legacy);
    switchyard__v1__upstream__init(&w->new_);
    switchyard__v1__breaker__init(&w->breaker);
    w->host[0] = rpc_lend("shop.example");
    w->host[1] = rpc_lend("*.shop.example");
    w->method[0] = rpc_lend("GET");
    w->legacy_endpoint[0] = rpc_lend("http://127.0.0.1:8000");
    w->new_endpoint[0] = rpc_lend("http://10.0.0.1:8001");
    w->new_endpoint[1] = rpc_lend("http://new.example:81");
    w->key.source = SWITCHYARD__V1__KEY__SOURCE__SOURCE_HEADER;
    w->key.name = rpc_lend("X-User-Id");
    w->fallback_key.source = SWITCHYARD__V1__KEY__SOURCE__SOURCE_PATH_SEGMENT;
    w->fallback_key.segment = 2;
    w->fallback.on_connect_error = w->fallback.on_5xx = true;
    w->fallback.methods = w->method;
    w->fallback.n_methods = 1;
    w->fallback.max_body_bytes = 65536;
    w->legacy.endpoints = w->legacy_endpoint;
    w->legacy.n_endpoints = 1;
    w->legacy.connect_timeout_ms = 500;
    w->legacy.response_timeout_ms = 9000;
    w->legacy.health_path = rpc_lend("/healthz?deep=1");
    w->legacy.health_interval_ms = 2000;
    w->legacy.max_connections = 64;
    w->new_ = w->legacy;
    w->new_.endpoints = w->new_endpoint;
    w->new_.n_endpoints = 2;
    w->new_.connect_timeout_ms = 600;
    w->new_.health_path = rpc_lend("");
    w->new_.max_connections = w->new_.health_interval_ms = 0;
    w->breaker.errors = 5;
    w->breaker.window_ms = 300000;
    w->breaker.open_for_ms = 600000;
    w->breaker.half_open_requests = 10;
    w->breaker.error_rate_bp = 100;
    w->breaker.slow_ms = 2000;
    w->breaker.slow_rate_bp = 200;
    w->breaker.min_requests = 30;
    w->breaker.re_ramp_ms = 60000;
    w->breaker.mode = SWITCHYARD__V1__BREAKER__MODE__MODE_WATCH;
    w->breaker.order = SWITCHYARD__V1__BREAKER__ORDER__ORDER_PROBE;
    w->breaker.order_number = 17;
    w->fallback.budget_bp = 2000;
    w->m.migration = rpc_lend(migration);
    w->m.hosts = w->host;
    w->m.n_hosts = 2;
    w->m.path_prefix = rpc_lend("/api");
    w->m.key = &w->key;
    w->m.fallback_key = &w->fallback_key;
    w->m.salt = rpc_lend("salty");
    w->m.weight_bp = 2500;
    w->m.override = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW;
    w->m.fallback = &w->fallback;
    w->m.legacy = &w->legacy;
    w->m.new_ = &w->new_;
    w->m.expose_system = true;
    w->m.stage = rpc_lend("quarter");
    w->m.breaker = &w->breaker;
    wire_stage_init(w);
}

static inline void wire_pack(const ProtobufCMessage *m, struct buf *b)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *bytes = xalloc(n + 1);

    protobuf_c_message_pack(m, bytes);
    buf_clear(b);
    assert_true(buf_add(b, bytes, n));
    xfreep(&bytes);
}

/* The checksum of a set with one rule, as fleet.proto says it. */
static inline struct sha256 wire_sum(const char *migration, struct str rule)
{
    struct ruleset *set = ruleset_new("x", 1, 1);
    struct route route = {0};
    struct sha256 sum;

    (void)str_fmt(route.migration.s, sizeof route.migration.s, "%s", migration);
    assert_int_equal(ruleset_add(set, &route, rule, NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    sum = set->checksum;
    ruleset_unref(set);
    return sum;
}

/* A full update with one route. */
struct wire_update {
    Switchyard__V1__CoordinatorMessage message;
    Switchyard__V1__Update m;
    Switchyard__V1__RouteUpdate upsert, *upserts[1];
    Switchyard__V1__EmergencyOrder order, *orders[1];
    struct buf rule;
    struct sha256 sum;
};

static inline void wire_update_init(struct wire_update *w, uint64_t revision)
{
    struct wire_route route;

    *w = (struct wire_update){.rule = BUF_INIT(65536)};
    switchyard__v1__coordinator_message__init(&w->message);
    switchyard__v1__update__init(&w->m);
    switchyard__v1__route_update__init(&w->upsert);
    switchyard__v1__emergency_order__init(&w->order);
    wire_route_init(&route, "app");
    wire_pack(&route.m.base, &w->rule);
    w->upserts[0] = &w->upsert;
    w->orders[0] = &w->order;
    w->upsert.migration = rpc_lend("app");
    w->upsert.rule = (ProtobufCBinaryData){w->rule.len, (uint8_t *)w->rule.data};
    w->sum = wire_sum("app", buf_view(&w->rule));
    w->order.migration = rpc_lend("app");
    w->order.epoch = 3;
    w->order.active = true;
    w->order.reason = rpc_lend("INC-1");
    w->order.operator_ = rpc_lend("anna");
    w->order.ordered_at = 123;
    w->m.term = 2;
    w->m.revision = revision;
    w->m.full = true;
    w->m.upserts = w->upserts;
    w->m.n_upserts = 1;
    w->m.checksum = (ProtobufCBinaryData){SHA256_SIZE, w->sum.b};
    w->m.incarnation = rpc_lend("cafe");
    w->message.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_UPDATE;
    w->message.update = &w->m;
}

static inline void wire_update_deinit(struct wire_update *w)
{
    buf_deinit(&w->rule);
}
