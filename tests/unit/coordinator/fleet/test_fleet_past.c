/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that no publication carries, and what nodes measured before. */
#include "tests/unit/coordinator/fleet/fleet_fixture.h"

static struct emergency order_of(const char *migration, uint64_t epoch)
{
    struct emergency e = {.epoch = epoch, .active = true, .reason = "fire", .operator_name = "ann"};

    assert_true(str_copy(str_of(migration), e.migration.s, NAME_SIZE));
    return e;
}

/* The store does not answer: the order goes out by itself, also to those that connect later, until
 * a publication carries it. */
static void a_pushed_order_reaches_those_who_are_there_and_those_who_come(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"}, late = {.name = "n2"}, last = {.name = "n3"};
    struct emergency orders = order_of("orders", 3), users = order_of("users", 8);
    struct fleet_route r = route_of("orders", 0);

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    fleet_push_order(f->fleet, &orders);
    fleet_push_order(f->fleet, &orders); /* known */
    fleet_push_order(f->fleet, &users);
    WAIT_FOR(f->loop, n.pushed_epoch == 8);
    assert_int_equal(n.pushed, 2);
    fake_node_open(&late, f->address, f->loop);
    WAIT_FOR(f->loop, late.pushed == 2);
    assert_int_equal(late.full_updates, 1);

    r.has_emergency = true;
    r.emergency = order_of("orders", 2);
    fleet_publish(f->fleet, 6, &r, 1);
    r.emergency.epoch = 3;
    fleet_publish(f->fleet, 7, &r, 1);
    WAIT_FOR(f->loop, SERVES(f, "n2", 7));
    fleet_push_order(f->fleet, &orders); /* published */
    fake_node_open(&last, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n3", 7) && last.pushed_epoch == 8);
    assert_int_equal(last.pushed, 1);
    assert_int_equal(n.pushed, 2);
    fake_node_close(&n);
    fake_node_close(&late);
    fake_node_close(&last);
}

/* ---- the past -------------------------------------------------------------------------------- */

static void ask(struct fixture *f, const char *node, const char *id)
{
    struct name name = {.s = ""};

    assert_true(str_copy(str_of(node), name.s, NAME_SIZE));
    fleet_ask_past(f->fleet, &name, id, dur_s(600));
}

/* Everything before is in the past, everything after in reports. */
static void a_past_comes_in_parts_and_in_order_with_reports(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, SERVES(f, "n1", 5));
    ask(f, "nobody", "q0");
    ask(f, "n1", "q1");
    WAIT_FOR(f->loop, n.pasts_wanted == 1);
    assert_string_equal(n.past_id, "q1");
    assert_int_equal(n.past_age_s, 600);
    fake_node_report(&n, "orders", 1, 0, "closed");
    fake_node_past(&n, "q1", 3, 2, true);
    fake_node_past(&n, "q9", 1, 1, false); /* nobody asked for this */
    fake_node_past(&n, "q1", 1, 1, false);
    fake_node_report(&n, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 2);
    assert_int_equal(f->pasts, 2);
    assert_int_equal(f->past_buckets, 4);
    assert_int_equal(f->reports_before_past, 1);
    assert_string_equal(f->past.id, "q1");
    assert_string_equal(f->past.node.s, "n1");
    assert_false(f->past.more);
    assert_int_equal(f->bucket.revision, 5);
    assert_int_equal(f->bucket.age.ns, dur_s(10).ns);
    assert_int_equal(f->bucket.interval.ns, dur_s(10).ns);
    assert_int_equal(f->bucket.count, 1);

    fake_node_past(&n, "q1", 1, 1, false); /* it has ended */
    fake_node_report(&n, "orders", 1, 0, "closed");
    WAIT_FOR(f->loop, f->reports == 3);
    assert_int_equal(f->pasts, 2);
    fake_node_close(&n);
}

static void the_past_of_another_stores_history_has_no_revisions(void **state)
{
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1", .incarnation = "facade", .serving = 5, .silent = true};

    publish(f, 5, "orders", 1000);
    fake_node_open(&n, f->address, f->loop);
    WAIT_FOR(f->loop, n.revision == 5);
    ask(f, "n1", "q1");
    WAIT_FOR(f->loop, n.pasts_wanted == 1);
    fake_node_past(&n, "q1", 1, 1, false);
    WAIT_FOR(f->loop, f->pasts == 1);
    assert_int_equal(f->bucket.revision, 0);
    assert_int_equal(f->stats.system[SYSTEM_NEW].requests, 100);
    fake_node_close(&n);
}

static void a_past_beyond_its_bounds_is_refused_and_named(void **state)
{
    static const struct {
        unsigned buckets, routes;
        const char *says;
    } rows[] = {{401, 1, "401 buckets"},
                {1, RULESET_ROUTES_MAX + 1, "257 routes"},
                {9, 256, "2304 routes"}};
    struct fixture *f = *state;
    struct fake_node n = {.name = "n1"};
    struct heard *h = heard_of(f, "n1");

    fake_node_open(&n, f->address, f->loop);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        WAIT_FOR(f->loop, h->times > 0);
        ask(f, "n1", "q1");
        WAIT_FOR(f->loop, n.pasts_wanted == i + 1);
        fake_node_past(&n, "q1", rows[i].buckets, rows[i].routes, true);
        WAIT_FOR(f->loop, strstr(h->node.last_refusal, rows[i].says));
    }
    assert_int_equal(f->pasts, 0);
    assert_false(n.closed);
    fake_node_close(&n);
}

/* A node that never ends its answer does not keep the others from being asked. */
static void pasts_are_asked_for_by_turns(void **state)
{
    enum { NODES = 12, AT_A_TIME = 8 };
    struct fixture *f = *state;
    static const char *const names[NODES] = {"a", "b", "c", "d", "e", "f",
                                             "g", "h", "i", "j", "k", "l"};
    struct fake_node n[NODES];
    unsigned wanted = 0;

    for (unsigned i = 0; i < NODES; i++) {
        n[i] = (struct fake_node){.name = names[i], .silent = true};
        fake_node_open(&n[i], f->address, f->loop);
    }
    for (unsigned i = 0; i < NODES; i++)
        WAIT_FOR(f->loop, n[i].messages > 0);
    for (unsigned i = 0; i < NODES; i++)
        ask(f, names[i], "q1");
    WAIT_FOR(f->loop, n[AT_A_TIME - 1].pasts_wanted == 1);
    fake_node_past(&n[0], "q1", 1, 1, false); /* one answers, */
    fake_node_close(&n[1]);                   /* one goes, */
    WAIT_FOR(f->loop, n[AT_A_TIME].pasts_wanted == 1 && n[AT_A_TIME + 1].pasts_wanted == 1);
    for (unsigned i = 0; i < NODES; i++)
        wanted += n[i].pasts_wanted;
    assert_int_equal(wanted, AT_A_TIME + 2);
    WAIT_FOR(f->loop, n[NODES - 1].pasts_wanted == 1); /* and the rest lose their turn */
    for (unsigned i = 0; i < NODES; i++)
        fake_node_close(&n[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLEET_TEST(a_pushed_order_reaches_those_who_are_there_and_those_who_come),
        FLEET_TEST(a_past_comes_in_parts_and_in_order_with_reports),
        FLEET_TEST(the_past_of_another_stores_history_has_no_revisions),
        FLEET_TEST(a_past_beyond_its_bounds_is_refused_and_named),
        FLEET_TEST(pasts_are_asked_for_by_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
