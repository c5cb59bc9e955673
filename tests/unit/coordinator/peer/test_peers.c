/* SPDX-License-Identifier: Apache-2.0 */
/* Coordinators' links among each other: three meshes in one process, on loopback. */
#include "coordinator/peer/peer.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "peer.pb-c.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define SIDES     3
#define KEPT      8
#define PEER_DESC (&switchyard__v1__peer__descriptor)

/* What one coordinator was told. */
struct side {
    struct fixture *f;
    struct peers_config config;
    struct peers *peers;
    struct rpc_server *server;
    char address[64];
    bool stopped;

    struct fleet_node node[KEPT]; /* the latest of each, .emergency copied into `order` */
    struct emergency order[KEPT];
    struct name from[KEPT];
    unsigned node_count;
    unsigned node_news;
    unsigned gone_news;
    char measured[64]; /* "rph": reports by their connections, pasts as 'p' */
    struct fleet_report report;
    struct route_stats stats;
    struct fleet_past past;
    struct fleet_bucket bucket;
    struct route_stats past_stats;
    unsigned pushes;
    struct emergency pushed;
    unsigned asks;
    struct name asked;
    char ask_id[NAME_SIZE];
    dur_t window;
    unsigned refusals;
    char refused_boot[NAME_SIZE], refused_why[TEXT_SIZE];
    unsigned ups, downs;
    char why[TEXT_SIZE];

    struct err answer; /* to a call that was handed on; ERR_NONE: `reply` */
    bool hold;         /* not answered yet */
    struct rpc_call *held;
    char forwarded_from[NAME_SIZE], method[64], message[64];
};

struct fixture {
    struct loop *loop;
    struct side side[SIDES];
};

/* ---- what is told ---------------------------------------------------------------------------- */

static unsigned place_of(struct side *s, const char *name)
{
    for (unsigned i = 0; i < s->node_count; i++) {
        if (strcmp(s->node[i].name.s, name) == 0)
            return i;
    }
    assert_true(s->node_count < KEPT);
    return s->node_count++;
}

static void on_node(void *ctx, const struct name *peer, const struct fleet_node *n)
{
    struct side *s = ctx;
    unsigned i;

    s->node_news++;
    s->gone_news += !n->connected;
    if (strncmp(n->name.s, "many-", 5) == 0)
        return;
    i = place_of(s, n->name.s);
    s->node[i] = *n;
    s->from[i] = *peer;
    if (n->emergency_count > 0)
        s->order[i] = n->emergency[0];
}

static void add_measured(struct side *s, char what)
{
    size_t n = strlen(s->measured);

    if (n + 1 < sizeof(s->measured))
        s->measured[n] = what;
}

static void on_report(void *ctx, const struct name *peer UNUSED, const struct fleet_report *r)
{
    struct side *s = ctx;

    add_measured(s, (char)('0' + r->now.client_connections % 10));
    s->report = *r;
    if (r->count > 0)
        s->stats = r->route[0];
}

static void on_past(void *ctx, const struct name *peer UNUSED, const struct fleet_past *h)
{
    struct side *s = ctx;

    add_measured(s, 'p');
    s->past = *h;
    if (h->count > 0) {
        s->bucket = h->bucket[0];
        s->past_stats = h->bucket[0].route[0];
    }
}

static void on_order(void *ctx, const struct name *peer UNUSED, const struct emergency *order)
{
    struct side *s = ctx;

    s->pushes++;
    s->pushed = *order;
}

static void on_ask(void *ctx, const struct name *node, const char *id, dur_t window)
{
    struct side *s = ctx;

    s->asks++;
    s->asked = *node;
    s->window = window;
    str_fmt(s->ask_id, sizeof(s->ask_id), "%s", id);
}

static void on_refusal(void *ctx, const struct name *node, const char *boot, const char *why)
{
    struct side *s = ctx;

    s->refusals++;
    s->asked = *node;
    str_fmt(s->refused_boot, sizeof(s->refused_boot), "%s", boot);
    str_fmt(s->refused_why, sizeof(s->refused_why), "%s", why);
}

static void on_link(void *ctx, const struct name *peer UNUSED, bool up, const char *why)
{
    struct side *s = ctx;

    s->ups += up;
    s->downs += !up;
    str_fmt(s->why, sizeof(s->why), "%s", why);
}

static void on_forward(void *ctx, struct rpc_call *call, const char *from, const char *method,
                       const uint8_t *message, size_t size)
{
    Switchyard__V1__ForwardReply reply = SWITCHYARD__V1__FORWARD_REPLY__INIT;
    struct side *s = ctx;

    str_fmt(s->forwarded_from, sizeof(s->forwarded_from), "%s", from);
    str_fmt(s->method, sizeof(s->method), "%s", method);
    assert_true(str_copy((struct str){(const char *)message, size}, s->message, 64));
    if (s->hold) {
        s->held = call;
        return;
    }
    if (s->answer.code != ERR_NONE)
        return rpc_call_fail(call, &s->answer);
    reply.message = (ProtobufCBinaryData){5, (uint8_t *)(uintptr_t) "done!"};
    rpc_call_reply(call, &reply.base);
}

static const struct peers_events events = {
    .on_node = on_node,
    .on_report = on_report,
    .on_past = on_past,
    .on_order = on_order,
    .on_ask = on_ask,
    .on_refusal = on_refusal,
    .on_link = on_link,
    .on_forward = on_forward,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void listen_at(struct side *s, const char *address)
{
    struct rpc_server_config config = {.listen = address};
    struct err err;

    assert_ok(peers_new(&s->config, s->f->loop, &events, s, &s->peers, &err), &err);
    assert_ok(rpc_server_new(&config, &s->server, &err), &err);
    assert_ok(peers_serve(s->peers, s->server, &err), &err);
    assert_ok(rpc_server_start(s->server, &err), &err);
    str_fmt(s->address, sizeof(s->address), "127.0.0.1:%d", rpc_server_port(s->server));
    s->stopped = false;
}

static void on_stopped(void *ctx)
{
    ((struct side *)ctx)->stopped = true;
}

static void stop(struct side *s)
{
    if (!s->peers)
        return;
    peers_stop(s->peers);
    if (s->held)
        rpc_call_fail(steal(s->held), &(struct err){.code = ERR_CANCELLED, .msg = "late"});
    rpc_server_stop(s->server, dur_s(0), s->f->loop, on_stopped, s);
    WAIT_FOR(s->f->loop, s->stopped);
    rpc_server_free(steal(s->server));
    peers_free(steal(s->peers));
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    rpc_start();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    for (unsigned i = 0; i < SIDES; i++) {
        struct side *s = &f->side[i];

        s->f = f;
        str_fmt(s->config.id.s, NAME_SIZE, "c-%u", i + 1);
        str_fmt(s->config.boot, NAME_SIZE, "boot-%u", i + 1);
        str_fmt(s->config.incarnation, sizeof(s->config.incarnation), "c0ffee");
        str_fmt(s->config.version, NAME_SIZE, "1.2.3");
        listen_at(s, "127.0.0.1:0");
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < SIDES; i++)
        stop(&f->side[i]);
    loop_free(f->loop);
    free(f);
    rpc_shutdown();
    return 0;
}

/* `a` dials `b`. */
static void introduce(struct side *a, const struct side *b)
{
    peers_set(a->peers, &b->config.id, b->address);
}

static struct name name_of(const char *text)
{
    struct name n = {""};

    assert_true(str_copy(str_of(text), n.s, sizeof(n.s)));
    return n;
}

static struct fleet_node node_of(const char *name, uint64_t revision)
{
    struct fleet_node n = {
        .name = name_of(name),
        .boot = "b1",
        .dial = 3,
        .connected = true,
        .same_incarnation = true,
        .serving_rev = revision,
        .address = "10.0.0.1:80",
        .control_address = "unix:/run/x",
        .version = "0.9",
        .last_refusal = "no room",
    };

    n.connected_at.ns = 1234567890123456789;
    assert_int_equal(labels_add(&n.labels, STR("zone"), STR("a"), NULL), 0);
    return n;
}

static struct fleet_node gone_of(const char *name)
{
    struct fleet_node n = node_of(name, 1);

    n.connected = false;
    str_fmt(n.why_gone, sizeof(n.why_gone), "it said goodbye");
    return n;
}

static struct route_stats stats_of(uint64_t requests)
{
    struct route_stats s = {.migration = {"app"}, .breaker = BREAKER_HALF_OPEN};

    s.system[SYSTEM_NEW].requests = requests;
    s.system[SYSTEM_NEW].errors = 2;
    s.system[SYSTEM_NEW].timeouts = 1;
    hist_add(&s.system[SYSTEM_NEW].latency, 1500);
    hist_add(&s.system[SYSTEM_NEW].latency, 900000);
    s.compare = (struct compare_stats){.compared = 3, .equal = 2, .critical = 1, .overhead_us = 9};
    s.mirror = (struct mirror_stats){.sent = 7, .failed = 2, .errors = 1, .dropped = 4};
    s.discrepancy[0] =
        (struct discrepancy){.at = {8000000}, .critical = true, "GET /a", "$.total", "1", "2"};
    s.discrepancy_count = 1;
    return s;
}

static void report(struct side *s, unsigned connections)
{
    struct route_stats stats = stats_of(7);
    struct fleet_report r = {name_of("n1"), {connections, 5, 5}, &stats, 1};

    peers_report(s->peers, &r);
}

static void past(struct side *s, const char *id)
{
    struct route_stats stats = stats_of(70);
    struct fleet_bucket b = {dur_s(90), dur_s(10), 41, &stats, 1};
    struct fleet_past h = {.node = name_of("n1"), .bucket = &b, .count = 1, .more = true};

    str_fmt(h.id, sizeof(h.id), "%s", id);
    peers_past(s->peers, &h);
}

#define A        (&f->side[0])
#define B        (&f->side[1])
#define C        (&f->side[2])
#define UP(a, b) peers_is_up((a)->peers, (b)->config.id.s)

/* A tells B. */
static void link_up(struct fixture *f)
{
    introduce(A, B);
    WAIT_FOR(f->loop, UP(A, B) && UP(B, A));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void a_peer_hears_everything_about_a_node(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    struct emergency order = {.migration = {"app"}, .epoch = 5, .active = true};
    const struct fleet_node *got = &B->node[0];

    str_fmt(order.reason, sizeof(order.reason), "it burns");
    n.emergency = &order;
    n.emergency_count = 1;
    link_up(f);
    peers_node(A->peers, &n);

    WAIT_FOR(f->loop, B->node_count == 1);
    assert_string_equal(B->from[0].s, "c-1");
    assert_string_equal(got->name.s, "n1");
    assert_string_equal(got->boot, "b1");
    assert_int_equal(got->dial, 3);
    assert_true(got->connected);
    assert_true(got->same_incarnation);
    assert_int_equal(got->serving_rev, 41);
    assert_string_equal(labels_get(&got->labels, "zone"), "a");
    assert_string_equal(got->address, n.address);
    assert_string_equal(got->control_address, n.control_address);
    assert_string_equal(got->version, n.version);
    assert_string_equal(got->last_refusal, n.last_refusal);
    assert_int_equal(got->connected_at.ns, n.connected_at.ns);
    assert_int_equal(B->order[0].epoch, 5);
    assert_string_equal(B->order[0].reason, "it burns");
}

static void all_peers_hear_and_what_was_before_the_link_too(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41), m = node_of("n2", 40), left = gone_of("n2");

    peers_node(A->peers, &n);
    peers_node(A->peers, &m);
    peers_node(A->peers, &left);
    introduce(A, B);
    introduce(A, C);

    WAIT_FOR(f->loop, B->node_count == 1 && C->node_count == 1);
    assert_string_equal(B->node[0].name.s, "n1");
    assert_string_equal(C->node[0].name.s, "n1");
}

static void changes_within_a_turn_are_one(void **state)
{
    struct fixture *f = *state;

    link_up(f);
    for (uint64_t rev = 1; rev <= 100; rev++) {
        struct fleet_node n = node_of("n1", rev);

        peers_node(A->peers, &n);
    }
    WAIT_FOR(f->loop, B->node_count == 1 && B->node[0].serving_rev == 100);
    assert_int_equal(B->node_news, 1);
}

static void orders_are_told_once_and_with_a_new_link_again(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    struct emergency order = {.migration = {"app"}, .epoch = 5, .active = true};

    n.emergency = &order;
    n.emergency_count = 1;
    link_up(f);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->order[0].epoch == 5);

    B->order[0].epoch = 0;
    n = node_of("n1", 42);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node[0].serving_rev == 42);
    assert_int_equal(B->order[0].epoch, 0);

    introduce(A, C);
    WAIT_FOR(f->loop, C->node_count == 1);
    assert_int_equal(C->order[0].epoch, 5);
}

static void an_order_is_pushed_to_the_peers_that_are_up_the_newest_of_each_migration(void **state)
{
    struct fixture *f = *state;
    struct emergency order = {.migration = {"app"}, .epoch = 5, .active = true};

    str_fmt(order.reason, sizeof(order.reason), "it burns");
    link_up(f);
    peers_push_order(A->peers, &order);
    order.epoch = 6;
    peers_push_order(A->peers, &order);
    WAIT_FOR(f->loop, B->pushes > 0);
    assert_int_equal(B->pushes, 1);
    assert_int_equal(B->pushed.epoch, 6);
    assert_true(B->pushed.active);
    assert_string_equal(B->pushed.reason, "it burns");

    introduce(A, C);
    WAIT_FOR(f->loop, UP(A, C) && UP(C, A));
    str_fmt(order.migration.s, NAME_SIZE, "other");
    peers_push_order(A->peers, &order);
    WAIT_FOR(f->loop, B->pushes == 2 && C->pushes == 1);
    assert_string_equal(B->pushed.migration.s, "other");
}

static void whether_the_store_works_is_told(void **state)
{
    struct fixture *f = *state;

    link_up(f);
    assert_false(peers_store_works(B->peers));
    peers_tell_store(A->peers, true);
    WAIT_FOR(f->loop, peers_store_works(B->peers));
    assert_false(peers_store_works(A->peers)); /* B has said nothing */

    introduce(A, C);
    WAIT_FOR(f->loop, peers_store_works(C->peers)); /* a link that is new is told as well */
    peers_tell_store(A->peers, false);
    WAIT_FOR(f->loop, !peers_store_works(B->peers) && !peers_store_works(C->peers));

    peers_tell_store(A->peers, true);
    WAIT_FOR(f->loop, peers_store_works(B->peers));
    stop(A);
    WAIT_FOR(f->loop, !peers_store_works(B->peers)); /* nobody says so any more */
}

static void a_node_that_left_is_told_and_forgotten(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41), gone = gone_of("n1");

    link_up(f);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node_count == 1);
    peers_node(A->peers, &gone);
    WAIT_FOR(f->loop, B->gone_news == 1);
    assert_string_equal(B->node[0].why_gone, "it said goodbye");

    introduce(A, C);
    WAIT_FOR(f->loop, UP(A, C) && UP(C, A));
    n = node_of("n2", 1);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, C->node_count == 1);
    assert_string_equal(C->node[0].name.s, "n2");
}

static void twenty_thousand_nodes_arrive_complete(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < FLEET_NODES_MAX; i++) {
        struct fleet_node n = node_of("x", i);

        str_fmt(n.name.s, NAME_SIZE, "many-%u", i);
        peers_node(A->peers, &n);
    }
    introduce(A, B);
    WAIT_FOR(f->loop, B->node_news >= FLEET_NODES_MAX);
    assert_int_equal(B->node_news, FLEET_NODES_MAX);
}

/* ---- links ----------------------------------------------------------------------------------- */

static void a_lost_link_tells_each_node_gone_once_and_a_new_one_tells_it_again(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    char address[64];

    link_up(f);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node_count == 1);

    memcpy(address, A->address, sizeof(address));
    stop(A);
    WAIT_FOR(f->loop, B->gone_news == 1);
    assert_false(B->node[0].connected);
    assert_string_equal(B->node[0].boot, "b1");
    assert_int_equal(B->node[0].dial, 3);
    assert_holds(B->node[0].why_gone, "c-1");
    assert_int_equal(B->downs, 1);
    assert_false(UP(B, A));

    listen_at(A, address);
    peers_node(A->peers, &n);
    introduce(A, B);
    WAIT_FOR(f->loop, B->node[0].connected);
    assert_int_equal(B->gone_news, 1);
    assert_int_equal(B->ups, 2);
}

static void a_peer_that_comes_late_or_back_is_dialled_until_it_answers(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    char address[64];

    memcpy(address, B->address, sizeof(address));
    peers_node(A->peers, &n);
    stop(B);
    peers_set(A->peers, &B->config.id, address);
    WAIT_FOR(f->loop, A->downs > 0);
    assert_holds(A->why, "cannot reach");
    assert_holds(peers_why_down(A->peers, "c-2"), "cannot reach");
    assert_false(UP(A, B));

    listen_at(B, address);
    WAIT_FOR(f->loop, B->node_count == 1);
    assert_true(UP(A, B));
    assert_string_equal(peers_why_down(A->peers, "c-2"), "");
}

static void a_peer_that_is_no_more_is_left_alone(void **state)
{
    struct fixture *f = *state;

    link_up(f);
    peers_set(A->peers, &B->config.id, NULL);
    WAIT_FOR(f->loop, !UP(A, B) && !UP(B, A));
    assert_string_equal(peers_why_down(A->peers, "c-2"), "");
    peers_set(A->peers, &B->config.id, NULL);
}

static void a_peer_that_is_no_more_is_told_while_it_links_here(void **state)
{
    struct fixture *f = *state;
    struct emergency order = {.migration = {"app"}, .epoch = 7, .active = true};
    struct fleet_node n = node_of("n1", 41);

    link_up(f);
    introduce(B, A);
    peers_node(B->peers, &n);
    WAIT_FOR(f->loop, A->node_count == 1);
    peers_set(A->peers, &B->config.id, NULL);
    peers_push_order(A->peers, &order);
    WAIT_FOR(f->loop, B->pushes == 1);
    assert_int_equal(A->downs, 0);
    stop(B);
    WAIT_FOR(f->loop, !UP(A, B));
}

static void an_address_that_changes_is_followed(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);

    peers_node(A->peers, &n);
    peers_set(A->peers, &B->config.id, "127.0.0.1:1");
    WAIT_FOR(f->loop, A->downs > 0);
    introduce(A, B);
    WAIT_FOR(f->loop, B->node_count == 1);
}

static void another_store_is_refused_by_name(void **state)
{
    struct fixture *f = *state;

    stop(C);
    str_fmt(C->config.incarnation, sizeof(C->config.incarnation), "decaf");
    listen_at(C, "127.0.0.1:0");
    introduce(C, A);
    WAIT_FOR(f->loop, C->downs > 0);
    assert_holds(C->why, "coordinator c-3 keeps its state in another store (decaf)");
    assert_false(UP(A, C));
}

static void nobody_links_to_itself_or_its_namesake(void **state)
{
    struct fixture *f = *state;

    peers_set(A->peers, &A->config.id, A->address);
    assert_false(UP(A, A));

    str_fmt(B->config.id.s, NAME_SIZE, "c-1");
    stop(B);
    listen_at(B, "127.0.0.1:0");
    peers_set(B->peers, &C->config.id, A->address); /* reaches A, whose id B has, too */
    WAIT_FOR(f->loop, B->downs > 0);
    assert_holds(B->why, "called c-1 itself");
}

static void no_more_than_the_limit_are_dialled(void **state)
{
    struct fixture *f = *state;
    struct name id;

    for (unsigned i = 0; i < PEERS_MAX; i++) {
        str_fmt(id.s, NAME_SIZE, "other-%u", i);
        peers_set(A->peers, &id, "127.0.0.1:1");
    }
    introduce(A, B);
    introduce(B, A);
    WAIT_FOR(f->loop, B->downs > 0);
    assert_holds(B->why, "peers already");
    str_fmt(id.s, NAME_SIZE, "other-0");
    peers_set(A->peers, &id, NULL);
    WAIT_FOR(f->loop, UP(B, A));
}

/* ---- what nodes measured --------------------------------------------------------------------- */

static void reports_and_pasts_arrive_whole_and_in_order(void **state)
{
    struct fixture *f = *state;

    link_up(f);
    report(A, 1);
    past(A, "c-2");
    report(A, 2);
    past(A, "c-2");
    past(A, "c-3"); /* of somebody else's asking */
    report(A, 3);

    WAIT_FOR(f->loop, strlen(B->measured) == 5);
    assert_string_equal(B->measured, "1p2p3");
    assert_string_equal(B->report.node.s, "n1");
    assert_int_equal(B->report.now.client_connections, 3);
    assert_int_equal(B->report.now.endpoints, 5);
    assert_int_equal(B->report.now.endpoints_healthy, 5);
    assert_int_equal(B->stats.system[SYSTEM_NEW].requests, 7);
    assert_int_equal(B->stats.system[SYSTEM_NEW].errors, 2);
    assert_int_equal(B->stats.system[SYSTEM_NEW].timeouts, 1);
    assert_int_equal(B->stats.system[SYSTEM_NEW].latency.count, 2);
    assert_int_equal(B->stats.system[SYSTEM_NEW].latency.sum_us, 901500);
    assert_int_equal(B->stats.system[SYSTEM_NEW].latency.bucket[hist_bucket_of(1500)], 1);
    assert_int_equal(B->stats.breaker, BREAKER_HALF_OPEN);
    assert_int_equal(B->stats.mirror.sent, 7);
    assert_int_equal(B->stats.mirror.dropped, 4);
    assert_int_equal(B->stats.compare.compared, 3);
    assert_int_equal(B->stats.compare.critical, 1);
    assert_int_equal(B->stats.compare.overhead_us, 9);
    assert_int_equal(B->stats.discrepancy_count, 1);
    assert_int_equal(B->stats.discrepancy[0].at.ns, 8000000);
    assert_string_equal(B->stats.discrepancy[0].where, "$.total");
    assert_string_equal(B->stats.discrepancy[0].new_value, "2");

    assert_string_equal(B->past.node.s, "n1");
    assert_true(B->past.more);
    assert_int_equal(B->bucket.age.ns, dur_s(90).ns);
    assert_int_equal(B->bucket.interval.ns, dur_s(10).ns);
    assert_int_equal(B->bucket.revision, 41);
    assert_int_equal(B->past_stats.system[SYSTEM_NEW].requests, 70);
}

static void a_past_is_asked_for_where_the_node_is(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    struct name a = name_of("c-1"), n1 = name_of("n1"), n2 = name_of("n2");

    link_up(f);
    peers_ask_past(B->peers, &a, &n1, dur_s(60)); /* not known there yet: nothing to ask */
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node_count == 1);
    peers_ask_past(B->peers, &a, &n2, dur_s(60));
    peers_ask_past(B->peers, &a, &n1, dur_s(60));
    peers_ask_past(B->peers, &a, &n1, dur_s(50000));
    WAIT_FOR(f->loop, A->asks > 0);
    assert_int_equal(A->asks, 1);
    assert_string_equal(A->asked.s, "n1");
    assert_string_equal(A->ask_id, "c-2");
    assert_int_equal(A->window.ns, dur_s(3600).ns);
}

static void a_node_is_refused_where_it_is_and_only_that_process(void **state)
{
    struct fixture *f = *state;
    struct fleet_node n = node_of("n1", 41);
    struct name a = name_of("c-1"), n1 = name_of("n1");

    link_up(f);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node_count == 1);
    peers_refuse(B->peers, &a, &n1, "another-boot", "no");
    peers_refuse(B->peers, &a, &n1, "b1", "another\nprocess");
    WAIT_FOR(f->loop, A->refusals > 0);
    assert_int_equal(A->refusals, 1);
    assert_string_equal(A->refused_boot, "b1");
    assert_string_equal(A->refused_why, "another?process");
}

/* ---- calls handed on ------------------------------------------------------------------------- */

struct outcome {
    unsigned times;
    struct err status;
    char reply[64];
};

static void on_reply(void *ctx, const uint8_t *reply, size_t size, const struct err *status)
{
    struct outcome *o = ctx;

    o->times++;
    o->status = *status;
    if (status->code == ERR_NONE)
        assert_true(str_copy((struct str){(const char *)reply, size}, o->reply, sizeof(o->reply)));
}

static void hand_on(struct fixture *f, struct outcome *o, dur_t deadline)
{
    Switchyard__V1__Label request = SWITCHYARD__V1__LABEL__INIT; /* any message will do */

    request.key = (char *)(uintptr_t) "k";
    peers_forward(A->peers, &B->config.id, "Execute", &request.base, deadline, on_reply, o);
    assert_int_equal(o->times, 0);
}

static void a_call_is_handed_on_with_its_method_and_answered(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};

    link_up(f);
    hand_on(f, &o, dur_s(20));
    WAIT_FOR(f->loop, o.times == 1);
    assert_ok(-(int)o.status.code, &o.status);
    assert_string_equal(o.reply, "done!");
    assert_string_equal(B->forwarded_from, "c-1");
    assert_string_equal(B->method, "Execute");
    assert_string_equal(B->message, "\n\001k");
}

static void a_refusal_comes_back_in_its_words(void **state)
{
    struct fixture *f = *state;
    static const enum err_code codes[] = {ERR_REFUSED, ERR_UNAVAILABLE, ERR_CONFLICT,
                                          ERR_UNKNOWN_OUTCOME, ERR_EXHAUSTED};

    link_up(f);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct outcome o = {0};

        err_set(&B->answer, codes[i], "there is nothing to promote");
        err_hint(&B->answer, "type `switchyard start app`");
        hand_on(f, &o, dur_s(20));
        WAIT_FOR(f->loop, o.times == 1);
        assert_int_equal(o.status.code, codes[i]);
        assert_string_equal(o.status.msg, "there is nothing to promote");
        assert_string_equal(o.status.hint, "type `switchyard start app`");
    }
}

static void without_a_link_nothing_is_sent(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};

    hand_on(f, &o, dur_s(20));
    WAIT_FOR(f->loop, o.times == 1);
    assert_int_equal(o.status.code, ERR_UNAVAILABLE);
    assert_holds(o.status.msg, "c-2 cannot be reached");
    assert_string_equal(B->method, "");
}

static void a_peer_that_goes_while_it_has_a_call_leaves_its_outcome_open(void **state)
{
    struct fixture *f = *state;
    struct outcome gone = {0}, late = {0};

    link_up(f);
    B->hold = true;
    hand_on(f, &late, dur_ms(1));
    WAIT_FOR(f->loop, late.times == 1);
    assert_int_equal(late.status.code, ERR_TIMEOUT);
    WAIT_FOR(f->loop, !B->held || rpc_call_cancelled(B->held));
    if (B->held)
        rpc_call_fail(steal(B->held), &late.status);

    hand_on(f, &gone, dur_s(20));
    WAIT_FOR(f->loop, B->held);
    peers_set(A->peers, &B->config.id, NULL);
    WAIT_FOR(f->loop, gone.times == 1);
    assert_int_equal(gone.status.code, ERR_UNKNOWN_OUTCOME);
    assert_holds(gone.status.hint, "switchyard history");
}

/* ---- strangers ------------------------------------------------------------------------------- */

/* One that speaks by hand. */
struct stranger {
    struct rpc_client *client;
    struct rpc_stream *stream;
    unsigned heard;
    bool closed;
    struct err status;
};

static void stranger_on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m UNUSED,
                                void *ctx)
{
    ((struct stranger *)ctx)->heard++;
}

static void stranger_on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct stranger *x = ctx;

    x->closed = true;
    x->status = *status;
}

static const struct rpc_stream_events stranger_events = {
    .on_message = stranger_on_message,
    .on_closed = stranger_on_closed,
};

static void come(struct fixture *f, struct stranger *x)
{
    struct rpc_client_config config = {.target = A->address, .own_connection = true};
    struct err err;

    *x = (struct stranger){.heard = 0};
    assert_ok(rpc_client_new(&config, f->loop, &x->client, &err), &err);
    x->stream = rpc_client_open(x->client, PEER_DESC, "Link", &stranger_events, x);
}

static void say(struct stranger *x, Switchyard__V1__PeerMessage *m)
{
    struct rpc_msg *encoded = rpc_msg_encode(&m->base);
    struct err err;

    assert_ok(rpc_stream_send(x->stream, encoded, &err), &err);
    rpc_msg_unref(encoded);
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static Switchyard__V1__PeerHello *good_hello(void)
{
    static Switchyard__V1__PeerHello h = SWITCHYARD__V1__PEER_HELLO__INIT;

    h.coordinator = text("c-9");
    h.boot = text("b");
    h.incarnation = text("c0ffee");
    h.version = text("1");
    return &h;
}

static void assert_ends(struct fixture *f, Switchyard__V1__PeerMessage *m, const char *why)
{
    struct stranger x;

    come(f, &x);
    say(&x, m);
    WAIT_FOR(f->loop, x.closed);
    assert_holds(x.status.msg, why);
    rpc_client_free(x.client);
    WAIT_FOR(f->loop, !peers_is_up(A->peers, "c-9"));
}

static void what_cannot_be_ends_the_link_and_says_why(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__PeerMessage m = SWITCHYARD__V1__PEER_MESSAGE__INIT;
    Switchyard__V1__PeerNode node = SWITCHYARD__V1__PEER_NODE__INIT, *nodes[] = {&node};
    Switchyard__V1__PeerHello hello = *good_hello();
    Switchyard__V1__Label label = SWITCHYARD__V1__LABEL__INIT, *labels[LABELS_MAX + 1];
    Switchyard__V1__EmergencyOrder order = SWITCHYARD__V1__EMERGENCY_ORDER__INIT;
    Switchyard__V1__EmergencyOrder *orders[RULESET_ROUTES_MAX + 1];

    assert_ends(f, &m, "must have a hello");
    m.hello = &hello;
    hello.coordinator = text("../c");
    assert_ends(f, &m, "hello of a coordinator");
    hello = *good_hello();
    hello.boot = text("two words");
    assert_ends(f, &m, "boot id");
    hello = *good_hello();
    hello.incarnation = text("0123456789012345678901234567890123456789");
    assert_ends(f, &m, "incarnation");

    m.hello = good_hello();
    m.nodes = nodes;
    m.n_nodes = 1;
    node.node = text("not a name");
    assert_ends(f, &m, "\"not a name\"");
    node.node = text("n1");
    node.labels = labels;
    node.n_labels = ARRAY_LEN(labels);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        labels[i] = &label;
    assert_ends(f, &m, "17 labels");
    node.n_labels = 0;
    node.emergencies = orders;
    node.n_emergencies = ARRAY_LEN(orders);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        orders[i] = &order;
    assert_ends(f, &m, "257 emergency orders");
    node.n_emergencies = 1;
    assert_ends(f, &m, "emergency order");
    m.n_nodes = 0;
    m.orders = orders;
    m.n_orders = 1;
    assert_ends(f, &m, "emergency order");
    assert_int_equal(A->node_news, 0);
}

static void what_is_measured_and_not_understood_is_counted_and_left_out(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__PeerMessage m = SWITCHYARD__V1__PEER_MESSAGE__INIT;
    Switchyard__V1__PeerReport empty = SWITCHYARD__V1__PEER_REPORT__INIT;
    Switchyard__V1__PeerReport bad = empty, good = empty, *reports[] = {&empty, &bad, &good};
    Switchyard__V1__PeerPast past = SWITCHYARD__V1__PEER_PAST__INIT, *pasts[] = {&past};
    Switchyard__V1__Report report = SWITCHYARD__V1__REPORT__INIT, routes = report;
    Switchyard__V1__RouteReport *route[RULESET_ROUTES_MAX + 1];
    Switchyard__V1__RouteReport any = SWITCHYARD__V1__ROUTE_REPORT__INIT;
    struct stranger x;

    empty.node = bad.node = good.node = text("n1");
    routes.routes = route;
    routes.n_routes = ARRAY_LEN(route);
    for (size_t i = 0; i < ARRAY_LEN(route); i++)
        route[i] = &any;
    bad.report = &routes;
    good.report = &report;
    report.client_connections = 4;
    m.hello = good_hello();
    m.reports = reports;
    m.n_reports = ARRAY_LEN(reports);
    m.pasts = pasts;
    m.n_pasts = 1;
    come(f, &x);
    say(&x, &m);

    WAIT_FOR(f->loop, A->measured[0]);
    assert_string_equal(A->measured, "4");
    assert_int_equal(peers_reports_dropped(A->peers), 3);
    assert_false(x.closed);
    rpc_client_free(x.client);
}

static void the_newer_of_two_links_of_one_peer_counts(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__PeerMessage m = SWITCHYARD__V1__PEER_MESSAGE__INIT;
    Switchyard__V1__PeerNode node = SWITCHYARD__V1__PEER_NODE__INIT, *nodes[] = {&node};
    struct stranger first, second;

    node.node = text("n1");
    node.boot = text("b1");
    node.connected = true;
    m.hello = good_hello();
    m.nodes = nodes;
    m.n_nodes = 1;
    come(f, &first);
    say(&first, &m);
    WAIT_FOR(f->loop, A->node_count == 1);
    come(f, &second);
    say(&second, &m);
    WAIT_FOR(f->loop, first.closed && A->node_news == 3);
    assert_int_equal(A->gone_news, 1);
    assert_true(A->node[0].connected);
    assert_int_equal(A->downs, 0);
    say(&second, &m);
    WAIT_FOR(f->loop, second.closed);
    assert_holds(second.status.msg, "second hello");
    rpc_client_free(first.client);
    rpc_client_free(second.client);
}

static void strangers_that_say_nothing_are_limited(void **state)
{
    struct fixture *f = *state;
    struct stranger x[4 * PEERS_MAX + 1];
    unsigned closed = 0;

    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        come(f, &x[i]);
    WAIT_FOR(f->loop, ({
                 closed = 0;
                 for (size_t i = 0; i < ARRAY_LEN(x); i++)
                     closed += x[i].closed;
                 closed > 0;
             }));
    assert_int_equal(closed, 1);
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        rpc_client_free(x[i].client);
}

/* ---- slow ones ------------------------------------------------------------------------------- */

static void a_peer_that_takes_nothing_costs_a_bounded_amount(void **state)
{
    struct fixture *f = *state;
    struct route_stats stats[64];
    struct fleet_report r = {name_of("n1"), {1, 0, 0}, stats, ARRAY_LEN(stats)};
    struct fleet_node n;
    uint64_t dropped;

    for (size_t i = 0; i < ARRAY_LEN(stats); i++) {
        stats[i] = stats_of(i);
        for (unsigned us = 1; us < 1u << 26; us += us / 8 + 1)
            hist_add(&stats[i].system[SYSTEM_NEW].latency, us);
    }
    link_up(f);
    /* Within one turn nothing is sent: the same as a peer that takes nothing. */
    for (unsigned i = 0; i < 5000; i++)
        peers_report(A->peers, &r);
    n = node_of("n1", 77);
    peers_node(A->peers, &n);
    dropped = peers_reports_dropped(A->peers);
    assert_true(dropped > 4000);

    WAIT_FOR(f->loop, B->node_count == 1 && B->node[0].serving_rev == 77);
    n = node_of("n1", 78);
    peers_node(A->peers, &n);
    WAIT_FOR(f->loop, B->node[0].serving_rev == 78);
    assert_int_equal(peers_reports_dropped(A->peers), dropped);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_peer_hears_everything_about_a_node),
        T(all_peers_hear_and_what_was_before_the_link_too),
        T(changes_within_a_turn_are_one),
        T(orders_are_told_once_and_with_a_new_link_again),
        T(an_order_is_pushed_to_the_peers_that_are_up_the_newest_of_each_migration),
        T(whether_the_store_works_is_told),
        T(a_node_that_left_is_told_and_forgotten),
        T(twenty_thousand_nodes_arrive_complete),
        T(a_lost_link_tells_each_node_gone_once_and_a_new_one_tells_it_again),
        T(a_peer_that_comes_late_or_back_is_dialled_until_it_answers),
        T(a_peer_that_is_no_more_is_left_alone),
        T(a_peer_that_is_no_more_is_told_while_it_links_here),
        T(an_address_that_changes_is_followed),
        T(another_store_is_refused_by_name),
        T(nobody_links_to_itself_or_its_namesake),
        T(no_more_than_the_limit_are_dialled),
        T(reports_and_pasts_arrive_whole_and_in_order),
        T(a_past_is_asked_for_where_the_node_is),
        T(a_node_is_refused_where_it_is_and_only_that_process),
        T(a_call_is_handed_on_with_its_method_and_answered),
        T(a_refusal_comes_back_in_its_words),
        T(without_a_link_nothing_is_sent),
        T(a_peer_that_goes_while_it_has_a_call_leaves_its_outcome_open),
        T(what_cannot_be_ends_the_link_and_says_why),
        T(what_is_measured_and_not_understood_is_counted_and_left_out),
        T(the_newer_of_two_links_of_one_peer_counts),
        T(strangers_that_say_nothing_are_limited),
        T(a_peer_that_takes_nothing_costs_a_bounded_amount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
