/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fleet/fake_node.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/model/ruleset.h"

#define FLEET (&switchyard__v1__fleet__descriptor)

struct fake_route {
    char *name; /* owned */
    char *rule;
    size_t len;
    Switchyard__V1__Route *decoded;
    UT_hash_handle hh;
};

/* Messages of protobuf-c take plain pointers and do not write through them. */
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* ---- the set --------------------------------------------------------------------------------- */

static void drop_route(struct fake_node *n, struct fake_route *r)
{
    HASH_DEL(n->set, r);
    switchyard__v1__route__free_unpacked(r->decoded, NULL);
    free(r->name);
    free(r->rule);
    free(r);
}

static void drop_named(struct fake_node *n, const char *name)
{
    struct fake_route *r;

    HASH_FIND_STR(n->set, name, r);
    if (r)
        drop_route(n, r);
}

static void drop_set(struct fake_node *n)
{
    struct fake_route *r, *next;

    HASH_ITER (hh, n->set, r, next)
        drop_route(n, r);
}

static void add_route(struct fake_node *n, const Switchyard__V1__RouteUpdate *u)
{
    struct fake_route *r = xnew(struct fake_route);

    drop_named(n, u->migration);
    r->name = xstrdup(u->migration);
    r->rule = xmemdup(u->rule.data, u->rule.len);
    r->len = u->rule.len;
    r->decoded = switchyard__v1__route__unpack(NULL, u->rule.len, u->rule.data);
    CHECK(r->decoded);
    HASH_ADD_KEYPTR(hh, n->set, r->name, strlen(r->name), r);
}

static bool checksum_holds(struct fake_node *n, const ProtobufCBinaryData *want)
{
    struct ruleset *all = ruleset_new("1", 1, 1);
    struct fake_route *r, *next;
    bool same;

    HASH_ITER (hh, n->set, r, next) {
        struct route named = {.salt = ""};

        CHECK(str_copy(str_of(r->name), named.migration.s, NAME_SIZE));
        CHECK(ruleset_add(all, &named, (struct str){r->rule, r->len}, NULL) == 0);
    }
    CHECK(ruleset_finish(all, NULL) == 0);
    same = want->len == SHA256_SIZE && memcmp(want->data, all->checksum.b, SHA256_SIZE) == 0;
    ruleset_unref(all);
    return same;
}

static void take_set(struct fake_node *n, const Switchyard__V1__Update *u)
{
    if (u->full)
        drop_set(n);
    for (size_t i = 0; i < u->n_upserts; i++)
        add_route(n, u->upserts[i]);
    for (size_t i = 0; i < u->n_removes; i++)
        drop_named(n, u->removes[i]);
    n->routes = HASH_COUNT(n->set);
    if (!checksum_holds(n, &u->checksum))
        n->wrong_checksums++;
}

const Switchyard__V1__Route *fake_node_route(struct fake_node *n, const char *migration)
{
    struct fake_route *r;

    HASH_FIND_STR(n->set, migration, r);
    return r ? r->decoded : NULL;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void take_update(struct fake_node *n, const Switchyard__V1__Update *u)
{
    n->updates++;
    n->full_updates += u->full;
    n->wrong_bases += !u->full && u->base_revision != n->revision;
    n->orders += (unsigned)u->n_emergencies;
    if (!n->unchecked)
        take_set(n, u);
    n->revision = u->revision;
    n->term = u->term;
    CHECK(str_copy(str_of(u->incarnation), n->set_incarnation, sizeof(n->set_incarnation)));
    if (!n->silent)
        fake_node_ack(n, u->revision);
}

static void on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__CoordinatorMessage *m =
        (const Switchyard__V1__CoordinatorMessage *)message;
    struct fake_node *n = ctx;

    n->messages++;
    if (m->kind_case == SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_UPDATE) {
        take_update(n, m->update);
    } else if (m->kind_case == SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_ORDER) {
        n->pushed++;
        n->pushed_epoch = m->order->epoch;
    } else if (m->kind_case == SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_PAST_WANTED) {
        n->pasts_wanted++;
        n->past_age_s = m->past_wanted->max_age_s;
        CHECK(str_copy(str_of(m->past_wanted->id), n->past_id, sizeof(n->past_id)));
    }
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct fake_node *n = ctx;

    n->closed = true;
    n->status = *status;
    n->stream = NULL;
}

static const struct rpc_stream_events events = {.on_message = on_message, .on_closed = on_closed};

void fake_node_say(struct fake_node *n, Switchyard__V1__NodeMessage *m)
{
    struct rpc_msg *encoded = rpc_msg_encode(&m->base);

    if (n->stream)
        CHECK(rpc_stream_send(n->stream, encoded, NULL) == 0);
    rpc_msg_unref(encoded);
}

static void say_hello(struct fake_node *n)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Hello h = SWITCHYARD__V1__HELLO__INIT;
    Switchyard__V1__Label label[32];
    Switchyard__V1__Label *labels[32];
    char keys[32][16];

    for (unsigned i = 0; i < n->bad_labels + 1; i++) {
        switchyard__v1__label__init(&label[i]);
        /* "cluster", "cluster1", "cluster2", ... */
        CHECK(str_fmt(keys[i], sizeof(keys[i]), "cluster%.0u", i));
        label[i].key = keys[i];
        label[i].value = text("eu-1");
        labels[i] = &label[i];
    }
    h.labels = labels;
    h.n_labels = n->bad_labels + 1;
    h.node = text(n->name);
    h.boot = text(n->boot ? n->boot : "boot-1");
    h.dial = n->dial;
    h.version = text("0.1.0");
    h.proxy_address = text("127.0.0.1:8080");
    h.control_address = text("unix:/run/n1.sock");
    if (n->incarnation) {
        h.incarnation = text(n->incarnation);
        h.revision = n->serving;
    }
    if (n->order) {
        h.emergencies = &n->order;
        h.n_emergencies = 1;
    }
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_HELLO;
    m.hello = &h;
    fake_node_say(n, &m);
}

void fake_node_open(struct fake_node *n, const char *target, struct loop *l)
{
    struct rpc_client_config config = {.target = target, .own_connection = true};

    CHECK(rpc_client_new(&config, l, &n->client, NULL) == 0);
    n->stream = rpc_client_open(n->client, FLEET, "Connect", &events, n);
    if (n->name)
        say_hello(n);
}

void fake_node_close(struct fake_node *n)
{
    if (n->client)
        rpc_client_free(steal(n->client));
    drop_set(n);
}

/* ---- what it says ---------------------------------------------------------------------------- */

void fake_node_ack(struct fake_node *n, uint64_t revision)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Ack a = SWITCHYARD__V1__ACK__INIT;

    a.term = n->term;
    a.revision = revision;
    a.incarnation = n->set_incarnation;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_ACK;
    m.ack = &a;
    fake_node_say(n, &m);
}

void fake_node_nack(struct fake_node *n, uint64_t revision, const char *reason)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Nack a = SWITCHYARD__V1__NACK__INIT;

    a.term = n->term;
    a.revision = revision;
    a.reason = text(reason);
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_NACK;
    m.nack = &a;
    fake_node_say(n, &m);
}

/* Counters of one route on new, with what they point to. */
struct counters {
    Switchyard__V1__RouteReport route;
    Switchyard__V1__SystemReport system;
    Switchyard__V1__Histogram latency;
    uint32_t index, count;
    char name[NAME_SIZE];
};

static void fill_counters(struct counters *c, const char *migration, uint64_t on_new,
                          uint64_t errors, const char *breaker)
{
    switchyard__v1__route_report__init(&c->route);
    switchyard__v1__system_report__init(&c->system);
    switchyard__v1__histogram__init(&c->latency);
    CHECK(str_fmt(c->name, sizeof(c->name), "%s", migration));
    c->index = 20;
    c->count = (uint32_t)on_new;
    c->latency.total = on_new;
    c->latency.sum_us = 30 * on_new;
    c->latency.index = &c->index;
    c->latency.count = &c->count;
    c->latency.n_index = c->latency.n_count = 1;
    c->system.requests = on_new;
    c->system.errors = errors;
    c->system.latency = &c->latency;
    c->route.migration = c->name;
    c->route.new_ = &c->system;
    c->route.breaker = text(breaker);
}

void fake_node_report(struct fake_node *n, const char *migration, uint64_t on_new, uint64_t errors,
                      const char *breaker)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Report report = SWITCHYARD__V1__REPORT__INIT;
    struct counters counters;
    Switchyard__V1__RouteReport *routes[] = {&counters.route};

    fill_counters(&counters, migration, on_new, errors, breaker);
    report.sequence = ++n->reports;
    report.interval_ms = 1000;
    report.revision = n->revision;
    report.client_connections = 3;
    report.endpoints = 5;
    report.endpoints_healthy = 6; /* it cannot be: it is taken for all of them */
    report.routes = routes;
    report.n_routes = 1;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_REPORT;
    m.report = &report;
    fake_node_say(n, &m);
}

void fake_node_past(struct fake_node *n, const char *id, unsigned buckets, unsigned routes,
                    bool more)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Past past = SWITCHYARD__V1__PAST__INIT;
    Switchyard__V1__PastBucket *bucket = xcalloc(buckets + 1, sizeof(*bucket));
    Switchyard__V1__PastBucket **bucket_at = xcalloc(buckets + 1, sizeof(*bucket_at));
    struct counters *counters = xcalloc(routes + 1, sizeof(*counters));
    Switchyard__V1__RouteReport **routes_at = xcalloc(routes + 1, sizeof(*routes_at));

    for (unsigned i = 0; i < routes; i++) {
        char name[NAME_SIZE];

        CHECK(str_fmt(name, sizeof(name), "migration-%u", i));
        fill_counters(&counters[i], name, 100, 1, "closed");
        routes_at[i] = &counters[i].route;
    }
    for (unsigned i = 0; i < buckets; i++) {
        switchyard__v1__past_bucket__init(&bucket[i]);
        bucket[i].age_ms = (buckets - i) * 10000;
        bucket[i].interval_ms = 10000;
        bucket[i].revision = n->revision;
        bucket[i].routes = routes_at;
        bucket[i].n_routes = routes;
        bucket_at[i] = &bucket[i];
    }
    past.id = text(id);
    past.buckets = bucket_at;
    past.n_buckets = buckets;
    past.more = more;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_PAST;
    m.past = &past;
    fake_node_say(n, &m);
    free(routes_at);
    free(counters);
    free(bucket_at);
    free(bucket);
}
