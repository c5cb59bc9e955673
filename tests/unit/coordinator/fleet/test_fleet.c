/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: who joins, what is sent, what is acknowledged. */
#include "tests/unit/coordinator/fleet/fleet_fixture.h"

static int setup_impatient(void **state)
{
    return setup_with(state, dur_ms(1), dur_ms(1));
}

static int setup_confronting(void **state)
{
    return setup_with(state, dur_s(60), dur_ms(1));
}

/* ---- joining --------------------------------------------------------------------------------- */

static void a_node_that_says_hello_is_told_of_and_waits_for_a_publication(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    const struct fleet_node *told = &heard_of(f, "n1")->node;

    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, heard_of(f, "n1")->times > 0 && n.messages == 1);
    assert_true(told->connected);
    assert_int_equal(told->serving_rev, 0);
    assert_string_equal(labels_get(&told->labels, "cluster"), "eu-1");
    assert_string_equal(told->address, "127.0.0.1:8080");
    assert_string_equal(told->version, "0.1.0");
    assert_int_equal(n.updates, 0);

    publish(f, 5, "orders", 1000);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    assert_true(told->same_incarnation);
    assert_int_equal(n.full_updates, 1);
    assert_int_equal(n.wrong_checksums, 0);
    assert_string_equal(n.set_incarnation, INCARNATION);
    fake_node_close(&n);
    WAIT_FOR(f->loop, !told->connected);
    assert_true(told->why_gone[0] != '\0');
}

static void a_full_set_comes_first_then_deltas(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    struct fleet_route gone = route_of("orders", 0);

    publish(f, 5, "orders", 1000);
    publish(f, 6, "users", 0);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 6));
    assert_int_equal(n.full_updates, 1);
    assert_int_equal(n.routes, 2);

    publish(f, 7, "orders", 2500);
    WAIT_FOR(f->loop, SERVES(f, "n1", 7));
    assert_int_equal(n.full_updates, 1);
    assert_int_equal(n.routes, 2);
    assert_int_equal(fake_node_route(&n, "orders")->weight_bp, 2500);

    gone.removed = true;
    fleet_publish(f->fleet, 8, &gone, 1);
    WAIT_FOR(f->loop, SERVES(f, "n1", 8));
    assert_int_equal(n.full_updates, 1);
    assert_int_equal(n.routes, 1);
    assert_int_equal(n.wrong_checksums, 0);
    assert_int_equal(n.wrong_bases, 0);
    fake_node_close(&n);
}

static void a_route_travels_with_all_its_fields(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    struct fleet_route r = route_of("orders", 1234);
    const Switchyard__V1__Route *got;

    r.route.override = SYSTEM_NEW;
    r.route.fallback.on = FALLBACK_5XX;
    r.route.fallback.method_count = 1;
    assert_true(str_copy(STR("GET"), r.route.fallback.method[0], 16));
    r.route.breaker.errors = 5;
    r.route.expose_system = true;
    fleet_publish(f->fleet, 1, &r, 1);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 1));

    got = fake_node_route(&n, "orders");
    assert_int_equal(got->weight_bp, 1234);
    assert_int_equal(got->override, SWITCHYARD__V1__SYSTEM__SYSTEM_NEW);
    assert_int_equal(got->key->source, SWITCHYARD__V1__KEY__SOURCE__SOURCE_HEADER);
    assert_string_equal(got->key->name, "X-User-Id");
    assert_null(got->fallback_key);
    assert_true(got->fallback->on_5xx);
    assert_false(got->fallback->on_timeout);
    assert_string_equal(got->fallback->methods[0], "GET");
    assert_string_equal(got->legacy->endpoints[0], "http://[::1]:8001");
    assert_int_equal(got->new_->response_timeout_ms, 15000);
    assert_int_equal(got->breaker->errors, 5);
    assert_true(got->expose_system);
    fake_node_close(&n);
}

static void bad_hellos_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    struct fake_node bad_name = {.name = "Not A Name"};
    struct fake_node no_boot = {.name = "n1", .boot = ""};
    struct fake_node labels = {.name = "n1", .bad_labels = LABELS_MAX};
    struct {
        struct fake_node *node;
        const char *says;
    } rows[] = {{&bad_name, "Not A Name"}, {&no_boot, "boot"}, {&labels, "labels"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_node_open(rows[i].node, f->address, f->loop);
        WAIT_FOR(f->loop, rows[i].node->closed);
        assert_int_equal(rows[i].node->status.code, ERR_INVALID);
        assert_holds(rows[i].node->status.msg, rows[i].says);
        fake_node_close(rows[i].node);
    }
    assert_int_equal(f->heard[0].times, 0);
}

static void a_stream_must_begin_with_hello(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = NULL};

    fake_node_open(&n, f->address, f->loop);
    fake_node_ack(&n, 1);
    WAIT_FOR(f->loop, n.closed);
    assert_int_equal(n.status.code, ERR_INVALID);
    assert_holds(n.status.msg, "hello");
    fake_node_close(&n);
}

/* ---- one name, two streams ------------------------------------------------------------------- */

static void a_second_node_of_the_same_name_is_refused(void **state)
{
    struct fixture *f = *state;
    struct fake_node first = {.name = "n1", .boot = "a"};
    struct fake_node second = {.name = "n1", .boot = "b"};

    publish(f, 5, "orders", 1000);
    fake_node_open(&first, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fake_node_open(&second, f->address, f->loop);
    WAIT_FOR(f->loop, second.closed);
    assert_int_equal(second.status.code, ERR_EXISTS);
    assert_holds(second.status.msg, "n1");
    assert_false(first.closed);
    publish(f, 6, "orders", 2000);
    WAIT_FOR(f->loop, SERVES(f, "n1", 6));
    fake_node_close(&second);
    fake_node_close(&first);
}

static void the_same_process_on_a_new_connection_takes_over(void **state)
{
    struct fixture *f = *state;
    struct fake_node old = {.name = "n1"};
    struct fake_node again = {.name = "n1", .dial = 2, .incarnation = INCARNATION, .serving = 5};
    struct fake_node late = {.name = "n1", .dial = 1};

    publish(f, 5, "orders", 1000);
    fake_node_open(&old, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fake_node_open(&again, f->address, f->loop);
    WAIT_FOR(f->loop, old.closed && again.updates == 1);
    assert_int_equal(again.full_updates, 1);
    assert_true(heard_of(f, "n1")->node.connected);
    publish(f, 6, "orders", 2000);
    WAIT_FOR(f->loop, again.revision == 6 && SERVES(f, "n1", 6));
    assert_int_equal(old.revision, 5);
    assert_int_equal(heard_of(f, "n1")->node.dial, 2);
    assert_string_equal(heard_of(f, "n1")->node.boot, "boot-1");

    /* An older connection of the process, whose Hello came late. */
    fake_node_open(&late, f->address, f->loop);
    WAIT_FOR(f->loop, late.closed);
    assert_int_equal(late.status.code, ERR_EXISTS);
    assert_false(again.closed);
    fake_node_close(&late);
    fake_node_close(&again);
    fake_node_close(&old);
}

static void a_node_is_refused_on_request_by_its_process(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .boot = "a"};
    struct name name = {.s = "n1"}, other = {.s = "n2"};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fleet_refuse(f->fleet, &other, "a", "no such node");
    fleet_refuse(f->fleet, &name, "b", "not this process");
    publish(f, 6, "orders", 2000);
    WAIT_FOR(f->loop, SERVES(f, "n1", 6));
    fleet_refuse(f->fleet, &name, "a", "a node named n1 is connected to c2 already");
    WAIT_FOR(f->loop, n.closed && !heard_of(f, "n1")->node.connected);
    assert_int_equal(n.status.code, ERR_EXISTS);
    assert_holds(n.status.msg, "c2 already");
    assert_holds(heard_of(f, "n1")->node.why_gone, "c2 already");
    fake_node_close(&n);
}

static void a_node_that_comes_back_is_welcome_and_its_revision_counts(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .boot = "a"};
    struct fake_node restarted = {
        .name = "n1", .boot = "b", .incarnation = INCARNATION, .serving = 5, .silent = true};
    struct fake_node other_store = {
        .name = "n2", .incarnation = "facade", .serving = 99, .silent = true};
    struct heard *h = heard_of(f, "n1");

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fake_node_close(&n);
    WAIT_FOR(f->loop, !h->node.connected);

    fake_node_open(&restarted, f->address, f->loop);
    WAIT_FOR(f->loop, h->node.connected);
    assert_true(h->node.same_incarnation);
    assert_int_equal(h->node.serving_rev, 5);
    fake_node_open(&other_store, f->address, f->loop);
    WAIT_FOR(f->loop, heard_of(f, "n2")->node.connected);
    assert_false(heard_of(f, "n2")->node.same_incarnation);
    fake_node_close(&restarted);
    fake_node_close(&other_store);
}

/* It comes from another coordinator, which was faster: the older set would only be refused. */
static void a_node_ahead_of_this_coordinator_is_left_alone_until_it_catches_up(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .incarnation = INCARNATION, .serving = 9};
    struct heard *h = heard_of(f, "n1");

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, h->node.connected && n.messages == 1);
    assert_int_equal(n.updates, 0);
    assert_false(h->node.same_incarnation);

    publish(f, 8, "orders", 2000);
    fake_node_report(&n, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 1);
    assert_int_equal(n.updates, 0);
    publish(f, 9, "orders", 3000);
    WAIT_FOR(f->loop, SERVES(f, "n1", 9) && h->node.same_incarnation);
    assert_int_equal(n.full_updates, 1);
    publish(f, 10, "orders", 4000);
    WAIT_FOR(f->loop, SERVES(f, "n1", 10));
    assert_int_equal(n.full_updates, 1);
    fake_node_close(&n);
}

/* An order is taken from a set that is refused. */
static void an_order_goes_to_a_node_that_is_ahead(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .incarnation = INCARNATION, .serving = 9, .silent = true};
    struct heard *h = heard_of(f, "n1");
    struct fleet_route r = route_of("orders", 0);

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, h->node.connected && n.messages == 1);
    r.has_emergency = true;
    r.emergency = (struct emergency){.migration = r.route.migration, .epoch = 4, .active = true};
    fleet_publish(f->fleet, 6, &r, 1);
    WAIT_FOR(f->loop, n.orders == 1);
    fake_node_ack(&n, 9);
    publish(f, 7, "orders", 1);
    fake_node_report(&n, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 1);
    assert_int_equal(n.updates, 1);
    assert_false(h->node.same_incarnation);
    fake_node_close(&n);
}

/* The coordinator was started on an older copy of its store. The node refuses what it is sent, and
 * must not pass for serving it, nor when the store's revisions have passed its own. */
static void a_node_of_a_lost_history_does_not_count_until_it_takes_a_set(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .incarnation = INCARNATION, .serving = 9, .silent = true};
    struct heard *h = heard_of(f, "n1");

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, h->node.connected && n.updates == 1);
    assert_false(h->node.same_incarnation);

    /* It obeyed an emergency order under the revision that it serves: no reason to part. */
    fake_node_ack(&n, 9);
    fake_node_nack(&n, 5, "revision 5 is below the revision 9 already served");
    WAIT_FOR(f->loop, h->node.last_refusal[0] != '\0');
    assert_true(h->node.connected);
    assert_false(h->node.same_incarnation);

    publish(f, 12, "orders", 1000);
    WAIT_FOR(f->loop, n.revision == 12);
    fake_node_ack(&n, 9); /* of what it had: it was never sent here */
    fake_node_nack(&n, 12, "no");
    WAIT_FOR(f->loop, strcmp(h->node.last_refusal, "no") == 0);
    assert_false(h->node.same_incarnation);
    fake_node_ack(&n, 12);
    WAIT_FOR(f->loop, SERVES(f, "n1", 12) && h->node.same_incarnation);
    fake_node_close(&n);
}

/* It took a set from the coordinator that it left, and serves it now. */
static void a_late_acknowledgement_of_another_coordinators_set_counts_when_it_is_here(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .incarnation = INCARNATION, .serving = 4, .silent = true};
    struct heard *h = heard_of(f, "n1");

    publish(f, 6, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, n.updates == 1 && h->node.same_incarnation);
    fake_node_ack(&n, 5);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fake_node_ack(&n, 8);
    fake_node_report(&n, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 1);
    assert_int_equal(h->node.serving_rev, 5);
    assert_false(n.closed);
    publish(f, 7, "orders", 2000);
    publish(f, 8, "orders", 3000);
    WAIT_FOR(f->loop, n.revision == 8);
    assert_int_equal(n.full_updates, 2);
    fake_node_ack(&n, 8);
    WAIT_FOR(f->loop, SERVES(f, "n1", 8));
    fake_node_close(&n);
}

static void the_term_rises_while_nodes_are_connected(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .silent = true};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, n.revision == 5);
    assert_int_equal(n.term, 7);
    fleet_set_term(f->fleet, 11);
    fleet_set_term(f->fleet, 8);
    fake_node_ack(&n, 5); /* with the older term */
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    publish(f, 6, "orders", 2000);
    WAIT_FOR(f->loop, n.revision == 6);
    assert_int_equal(n.term, 11);
    fake_node_close(&n);
}

static void a_silent_node_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};

    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, n.closed && heard_of(f, "n1")->times > 0);
    WAIT_FOR(f->loop, !heard_of(f, "n1")->node.connected);
    assert_holds(heard_of(f, "n1")->node.why_gone, "silent");
    fake_node_close(&n);
}

/* ---- what nodes say -------------------------------------------------------------------------- */

static void a_refusal_is_kept_and_a_refused_delta_is_followed_by_the_full_set(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    struct heard *h = heard_of(f, "n1");

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    n.silent = true;
    publish(f, 6, "orders", 2000);
    WAIT_FOR(f->loop, n.revision == 6);
    fake_node_nack(&n, 6, "checksum\ndiffers");
    WAIT_FOR(f->loop, h->node.last_refusal[0] != '\0' && n.full_updates == 2);
    assert_string_equal(h->node.last_refusal, "checksum?differs");
    assert_int_equal(h->node.serving_rev, 5);
    fake_node_nack(&n, 6, "the full set, too");
    WAIT_FOR(f->loop, strcmp(h->node.last_refusal, "the full set, too") == 0);
    fake_node_ack(&n, 6);
    WAIT_FOR(f->loop, SERVES(f, "n1", 6));
    assert_int_equal(n.full_updates, 2);
    fake_node_close(&n);
}

static void an_acknowledgement_of_what_was_never_sent_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .silent = true};
    struct fake_node other = {.name = "n2", .incarnation = "facade", .serving = 5, .silent = true};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    fake_node_open(&other, f->address, f->loop);
    WAIT_FOR(f->loop, n.revision == 5 && other.revision == 5);
    fake_node_ack(&n, 99);
    fake_node_ack(&n, 4);
    assert_true(str_copy(STR("facade"), other.set_incarnation, sizeof(other.set_incarnation)));
    fake_node_ack(&other, 5);
    fake_node_report(&n, "orders", 1, 0, "closed");
    fake_node_report(&other, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 2);
    assert_int_equal(heard_of(f, "n1")->node.serving_rev, 0);
    assert_false(heard_of(f, "n2")->node.same_incarnation);
    fake_node_close(&n);
    fake_node_close(&other);
}

static void reports_reach_the_core_and_broken_ones_are_named(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    struct heard *h = heard_of(f, "n1");

    fake_node_open(&n, f->address, f->loop);
    fake_node_report(&n, "orders", 100, 3, "open");
    WAIT_FOR(f->loop, f->reports == 1);
    assert_string_equal(f->report.node.s, "n1");
    assert_int_equal(f->report.now.client_connections, 3);
    assert_int_equal(f->report.now.endpoints, 5);
    assert_int_equal(f->report.now.endpoints_healthy, 5);
    assert_int_equal(f->stats.system[SYSTEM_NEW].requests, 100);
    assert_int_equal(f->stats.system[SYSTEM_NEW].errors, 3);
    assert_int_equal(f->stats.system[SYSTEM_NEW].latency.count, 100);
    assert_int_equal(f->stats.system[SYSTEM_NEW].latency.bucket[20], 100);
    assert_int_equal(f->stats.breaker, BREAKER_OPEN);

    fake_node_report(&n, "orders", 1, 0, "ajar");
    WAIT_FOR(f->loop, h->node.last_refusal[0] != '\0');
    assert_holds(h->node.last_refusal, "ajar");
    n.reports = 0; /* sequence 1 again: a repetition */
    fake_node_report(&n, "orders", 1, 0, "closed");
    n.reports = 10;
    fake_node_report(&n, "users", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 2);
    assert_string_equal(f->stats.migration.s, "users");
    assert_false(n.closed);
    fake_node_close(&n);
}

static void emergency_orders_travel_both_ways(void **state)
{
    struct fixture *f = *state;
    Switchyard__V1__EmergencyOrder order = SWITCHYARD__V1__EMERGENCY_ORDER__INIT;
    struct fake_node n = {.name = "n1", .order = &order};
    struct fake_node late = {.name = "n2"};
    struct fleet_route r = route_of("orders", 0);

    order.migration = (char *)(uintptr_t) "orders";
    order.epoch = 41;
    order.active = true;
    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    assert_int_equal(heard_of(f, "n1")->order_epoch, 41);
    assert_int_equal(n.orders, 0);

    r.removed = true;
    r.has_emergency = true;
    r.emergency = (struct emergency){.migration = r.route.migration, .epoch = 42, .active = true};
    fleet_publish(f->fleet, 6, &r, 1);
    WAIT_FOR(f->loop, SERVES(f, "n1", 6));
    assert_int_equal(n.orders, 1);
    publish(f, 7, "users", 1);
    WAIT_FOR(f->loop, SERVES(f, "n1", 7));
    assert_int_equal(n.orders, 1);
    fake_node_open(&late, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n2", 7));
    assert_int_equal(late.orders, 1); /* though its route is gone */
    fake_node_close(&n);
    fake_node_close(&late);
}

static void say_order(struct fake_node *n, const char *migration, uint64_t epoch, bool unwritten)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__EmergencyOrder order = SWITCHYARD__V1__EMERGENCY_ORDER__INIT;

    order.migration = (char *)(uintptr_t)migration;
    order.epoch = epoch;
    order.active = true;
    order.unwritten = unwritten;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_ORDER;
    m.order = &order;
    fake_node_say(n, &m);
}

static void an_order_given_at_a_node_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    assert_string_equal(heard_of(f, "n1")->node.control_address, "unix:/run/n1.sock");
    say_order(&n, "orders", 17, true);
    WAIT_FOR(f->loop, heard_of(f, "n1")->order_epoch == 17);
    assert_false(n.closed);
    assert_holds(heard_of(f, "n1")->node.last_refusal, "its disk did not take");
    say_order(&n, "orders", 17, false);
    WAIT_FOR(f->loop, !heard_of(f, "n1")->node.last_refusal[0]);

    say_order(&n, "no name at all", 18, false);
    WAIT_FOR(f->loop, n.closed);
    assert_int_equal(n.status.code, ERR_INVALID);
    fake_node_close(&n);
}

/* ---- a slow node ----------------------------------------------------------------------------- */

static void publish_wide(struct fixture *f, uint64_t revision)
{
    static struct fleet_route routes[32];

    for (unsigned i = 0; i < ARRAY_LEN(routes); i++) {
        char name[NAME_SIZE];

        str_fmt(name, sizeof(name), "migration-%u", i);
        routes[i] = route_of(name, (uint32_t)revision);
        memset(routes[i].route.path_prefix, 'x', PATH_SIZE - 1);
        routes[i].route.path_prefix[0] = '/';
    }
    fleet_publish(f->fleet, revision, routes, ARRAY_LEN(routes));
}

/* Its queue fills while it does not read; the others are not held up, and when it reads again it
 * gets to the newest set without having had them all. */
static void a_node_that_does_not_read_catches_up_with_a_full_set(void **state)
{
    enum { ROUNDS = 300 };
    struct fixture *f = *state;
    struct fake_node fast = {.name = "fast"};
    struct fake_node slow = {.name = "slow"};
    struct loop *other;
    struct err err;

    assert_ok(loop_new(clock_system, &other, &err), &err);
    fake_node_open(&fast, f->address, f->loop);
    fake_node_open(&slow, f->address, other);
    WAIT_FOR(other, (loop_turn(f->loop, dur_ms(0)),
                     heard_of(f, "slow")->times > 0 && heard_of(f, "fast")->times > 0));
    for (uint64_t rev = 1; rev <= ROUNDS; rev++) {
        publish_wide(f, rev);
        WAIT_FOR(f->loop, SERVES(f, "fast", rev));
    }
    assert_int_equal(fast.updates, ROUNDS);
    assert_true(slow.updates < ROUNDS);

    WAIT_FOR(other, (loop_turn(f->loop, dur_ms(0)), SERVES(f, "slow", ROUNDS)));
    assert_true(slow.updates < ROUNDS);
    assert_true(slow.full_updates >= 2);
    assert_int_equal(slow.wrong_bases + slow.wrong_checksums, 0);
    publish_wide(f, ROUNDS + 1);
    WAIT_FOR(other, (loop_turn(f->loop, dur_ms(0)), SERVES(f, "slow", ROUNDS + 1)));
    fake_node_close(&slow);
    fake_node_close(&fast);
    loop_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLEET_TEST(a_node_that_says_hello_is_told_of_and_waits_for_a_publication),
        FLEET_TEST(a_full_set_comes_first_then_deltas),
        FLEET_TEST(a_route_travels_with_all_its_fields),
        FLEET_TEST(bad_hellos_are_refused_by_name),
        FLEET_TEST(a_stream_must_begin_with_hello),
        FLEET_TEST(a_second_node_of_the_same_name_is_refused),
        FLEET_TEST(the_same_process_on_a_new_connection_takes_over),
        FLEET_TEST(a_node_that_comes_back_is_welcome_and_its_revision_counts),
        FLEET_TEST(a_node_is_refused_on_request_by_its_process),
        FLEET_TEST(a_node_ahead_of_this_coordinator_is_left_alone_until_it_catches_up),
        FLEET_TEST(an_order_goes_to_a_node_that_is_ahead),
        cmocka_unit_test_setup_teardown(
            a_node_of_a_lost_history_does_not_count_until_it_takes_a_set, setup_confronting,
            teardown),
        FLEET_TEST(a_late_acknowledgement_of_another_coordinators_set_counts_when_it_is_here),
        FLEET_TEST(the_term_rises_while_nodes_are_connected),
        cmocka_unit_test_setup_teardown(a_silent_node_is_cut_off, setup_impatient, teardown),
        FLEET_TEST(a_refusal_is_kept_and_a_refused_delta_is_followed_by_the_full_set),
        FLEET_TEST(an_acknowledgement_of_what_was_never_sent_does_not_count),
        FLEET_TEST(reports_reach_the_core_and_broken_ones_are_named),
        FLEET_TEST(emergency_orders_travel_both_ways),
        FLEET_TEST(an_order_given_at_a_node_is_told_at_once),
        FLEET_TEST(a_node_that_does_not_read_catches_up_with_a_full_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
