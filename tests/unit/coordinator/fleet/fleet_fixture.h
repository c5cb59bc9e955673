/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet over real streams on loopback: the core's side is the test's loop. */
#pragma once

#include "coordinator/fleet/fleet.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/fleet/fake_node.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define INCARNATION "c0ffee"

/* What the core's side was told last of each node. */
struct heard {
    struct fleet_node node;
    unsigned times;
    uint64_t order_epoch;
};

struct fixture {
    struct loop *loop;
    struct rpc_server *server;
    struct fleet *fleet;
    char address[64];
    struct heard heard[16];
    unsigned reports;
    struct fleet_report report;
    struct route_stats stats;
    unsigned pasts;
    unsigned past_buckets;
    unsigned reports_before_past; /* heard when the latest past came */
    struct fleet_past past;       /* the latest, and its first bucket */
    struct fleet_bucket bucket;
    bool stopped;
};

static UNUSED struct heard *heard_of(struct fixture *f, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(f->heard); i++) {
        struct heard *h = &f->heard[i];

        if (h->times == 0 || strcmp(h->node.name.s, name) == 0)
            return h;
    }
    fail_msg("no room for %s", name);
    return NULL;
}

static UNUSED void on_node(void *ctx, const struct fleet_node *n)
{
    struct heard *h = heard_of(ctx, n->name.s);

    h->node = *n;
    h->times++;
    if (n->emergency_count > 0)
        h->order_epoch = n->emergency[0].epoch;
}

static UNUSED void on_report(void *ctx, const struct fleet_report *r)
{
    struct fixture *f = ctx;

    f->reports++;
    f->report = *r;
    f->stats = r->route[0];
}

static UNUSED void on_past(void *ctx, const struct fleet_past *p)
{
    struct fixture *f = ctx;

    f->pasts++;
    f->past = *p;
    f->past_buckets += p->count;
    f->reports_before_past = f->reports;
    if (p->count > 0) {
        f->bucket = p->bucket[0];
        f->stats = p->bucket[0].route[0];
    }
}

static const struct fleet_events events = {.on_node = on_node,
                                           .on_report = on_report,
                                           .on_past = on_past};

static UNUSED int setup_with(void **state, dur_t silence, dur_t ahead_wait)
{
    struct fleet_config config = {INCARNATION, 7, silence, ahead_wait};
    struct rpc_server_config listen = {.listen = "127.0.0.1:0"};
    struct fixture *f = xnew(struct fixture);
    struct err err;

    rpc_start();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(fleet_new(&config, f->loop, &events, f, &f->fleet, &err), &err);
    assert_ok(rpc_server_new(&listen, &f->server, &err), &err);
    assert_ok(fleet_serve(f->fleet, f->server, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    str_fmt(f->address, sizeof(f->address), "127.0.0.1:%d", rpc_server_port(f->server));
    *state = f;
    return 0;
}

static UNUSED int setup(void **state)
{
    return setup_with(state, dur_s(60), dur_s(60));
}

static UNUSED void on_stopped(void *ctx)
{
    struct fixture *f = ctx;

    f->stopped = true;
}

static UNUSED int teardown(void **state)
{
    struct fixture *f = *state;

    rpc_server_stop(f->server, dur_s(0), f->loop, on_stopped, f);
    WAIT_FOR(f->loop, f->stopped);
    fleet_stop(f->fleet);
    rpc_server_free(f->server);
    fleet_free(f->fleet);
    loop_free(f->loop);
    free(f);
    rpc_shutdown();
    return 0;
}

static UNUSED struct fleet_route route_of(const char *migration, uint32_t weight_bp)
{
    struct fleet_route r = {.removed = false};

    assert_true(str_copy(str_of(migration), r.route.migration.s, NAME_SIZE));
    r.route.key = (struct route_key){.source = KEY_HEADER, .name = "X-User-Id"};
    r.route.weight_bp = weight_bp;
    for (unsigned s = SYSTEM_LEGACY; s <= SYSTEM_NEW; s++) {
        struct route_upstream *u = &r.route.upstream[s];

        u->endpoint_count = 1;
        u->endpoint[0] = (struct endpoint){.host = "::1", .port = (uint16_t)(8000 + s)};
        u->connect_timeout_ms = 1000;
        u->response_timeout_ms = 15000;
    }
    return r;
}

static UNUSED void publish(struct fixture *f, uint64_t revision, const char *migration,
                           uint32_t weight_bp)
{
    struct fleet_route r = route_of(migration, weight_bp);

    fleet_publish(f->fleet, revision, &r, 1);
}

#define SERVES(f, name, rev) (heard_of(f, name)->node.serving_rev == (rev))

#define FLEET_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
