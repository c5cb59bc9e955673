/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/event_queue.h"

#include "tests/lib/unit.h"

static struct core_node node_at(const char *name, uint64_t rev)
{
    struct core_node n = {.connected = true, .serving_rev = rev};

    assert_true(str_copy(str_of(name), n.name.s, NAME_SIZE));
    return n;
}

static void add_node(struct event_queue *q, const char *name, uint64_t rev, int64_t seen)
{
    struct core_node n = node_at(name, rev);

    event_queue_node(q, &n, (mono_t){seen});
}

static void add_command(struct event_queue *q, const struct core_command *c)
{
    struct err err;

    assert_ok(event_queue_command(q, c, &err), &err);
}

static struct core_event take(struct event_queue *q)
{
    struct core_event ev;

    assert_true(event_queue_take(q, &ev));
    return ev;
}

static void assert_empty(struct event_queue *q)
{
    struct core_event ev;

    assert_true(event_queue_is_empty(q));
    assert_false(event_queue_take(q, &ev));
}

static void what_matters_most_comes_first(void **state UNUSED)
{
    static const struct core_command pause = {.kind = CMD_PAUSE}, resume = {.kind = CMD_RESUME};
    static const struct core_command one = {.kind = CMD_EMERGENCY}, two = {.kind = CMD_EMERGENCY};
    static struct route_stats stats;
    struct event_queue q = {.tick = false};
    struct name reporter = {"n2"};

    event_queue_report(&q, &reporter, &stats, 1);
    event_queue_tick(&q);
    add_command(&q, &pause);
    add_command(&q, &resume);
    add_node(&q, "n1", 5, 77);
    add_command(&q, &one);
    add_command(&q, &two);

    assert_ptr_equal(take(&q).command, &one);
    assert_ptr_equal(take(&q).command, &two);
    struct core_event ev = take(&q);
    assert_int_equal(ev.kind, EV_NODE);
    assert_int_equal(ev.mono.ns, 77);
    assert_ptr_equal(take(&q).command, &pause);
    assert_ptr_equal(take(&q).command, &resume);
    assert_int_equal(take(&q).kind, EV_TICK);
    ev = take(&q);
    assert_int_equal(ev.kind, EV_REPORT);
    assert_string_equal(ev.report.node->s, "n2");
    assert_int_equal(ev.report.count, 1);
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void what_a_node_says_replaces_what_it_said_but_not_its_epoch(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_node hello = node_at("n1", 1);

    hello.newest_epoch_seen = 9;
    event_queue_node(&q, &hello, (mono_t){1});
    add_node(&q, "n2", 1, 2);
    add_node(&q, "n1", 7, 3);

    struct core_event ev = take(&q);
    assert_string_equal(ev.node->name.s, "n1");
    assert_int_equal(ev.node->serving_rev, 7);
    assert_int_equal(ev.node->newest_epoch_seen, 9);
    assert_int_equal(ev.mono.ns, 3);
    assert_string_equal(take(&q).node->name.s, "n2");
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void tell_order(struct event_queue *q, const char *migration, uint64_t epoch)
{
    struct emergency order = {.epoch = epoch, .active = true};
    struct name node = {"n1"};

    assert_true(str_copy(str_of(migration), order.migration.s, NAME_SIZE));
    event_queue_order(q, &node, &order);
}

static void the_newest_order_of_a_migration_is_told_before_its_nodes(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_event ev;

    add_node(&q, "n1", 5, 1);
    tell_order(&q, "orders", 4);
    tell_order(&q, "orders", 6);
    tell_order(&q, "orders", 5);
    ev = take(&q);
    assert_int_equal(ev.kind, EV_ORDER);
    assert_int_equal(ev.order.told->epoch, 6);
    assert_string_equal(ev.order.node->s, "n1");
    assert_int_equal(take(&q).kind, EV_NODE);
    assert_empty(&q);

    tell_order(&q, "orders", 6); /* as every other node does */
    assert_empty(&q);
    event_queue_repeat_orders(&q);
    assert_int_equal(take(&q).order.told->epoch, 6);
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void orders_for_names_that_nodes_make_up_are_bounded(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_event ev;
    char name[NAME_SIZE];
    unsigned told = 0;

    for (unsigned i = 0; i < 2 * EVENT_QUEUE_ORDERS; i++) {
        assert_true(str_fmt(name, sizeof name, "m%u", i));
        tell_order(&q, name, 1);
    }
    while (event_queue_take(&q, &ev))
        told++;
    assert_int_equal(told, EVENT_QUEUE_ORDERS);
    tell_order(&q, "orders", 1); /* what the core has seen makes room */
    assert_string_equal(take(&q).order.told->migration.s, "orders");
    event_queue_deinit(&q);
}

static void nodes_are_told_again_to_a_new_core_unless_they_left(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_node gone = node_at("n2", 4);

    add_node(&q, "n1", 5, 1);
    gone.connected = false;
    event_queue_node(&q, &gone, (mono_t){2});
    take(&q);
    assert_false(take(&q).node->connected);
    assert_empty(&q);

    event_queue_repeat_nodes(&q);
    assert_string_equal(take(&q).node->name.s, "n1");
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void a_node_that_comes_back_while_it_is_being_forgotten_stays(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct core_node n = node_at("n1", 4);

    n.connected = false;
    event_queue_node(&q, &n, (mono_t){1});
    assert_false(take(&q).node->connected);
    add_node(&q, "n1", 6, 2);
    assert_int_equal(take(&q).node->serving_rev, 6);
    event_queue_repeat_nodes(&q);
    assert_true(take(&q).node->connected);
    event_queue_deinit(&q);
}

static void commands_are_refused_past_the_limit_emergencies_are_not_held_up(void **state UNUSED)
{
    static const struct core_command pause = {.kind = CMD_PAUSE};
    static const struct core_command emergency = {.kind = CMD_EMERGENCY};
    struct event_queue q = {.tick = false};
    struct err err;

    for (unsigned i = 0; i < EVENT_QUEUE_COMMANDS; i++)
        add_command(&q, &pause);
    assert_fails(event_queue_command(&q, &pause, &err), ERR_EXHAUSTED);
    add_command(&q, &emergency);
    assert_int_equal(take(&q).command->kind, CMD_EMERGENCY);
    take(&q);
    add_command(&q, &pause);
    event_queue_deinit(&q);
}

static void the_oldest_reports_go_when_there_are_too_many(void **state UNUSED)
{
    static struct route_stats stats[RULESET_ROUTES_MAX];
    struct event_queue q = {.tick = false};
    struct name first = {"first"}, later = {"later"};
    unsigned fit = EVENT_QUEUE_STATS / RULESET_ROUTES_MAX;

    event_queue_report(&q, &first, stats, RULESET_ROUTES_MAX);
    for (unsigned i = 0; i < fit; i++)
        event_queue_report(&q, &later, stats, RULESET_ROUTES_MAX);
    assert_int_equal(q.reports_dropped, 1);
    for (unsigned i = 0; i < fit; i++)
        assert_string_equal(take(&q).report.node->s, "later");
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void reports_of_nothing_are_bounded_as_well(void **state UNUSED)
{
    static const struct core_bucket empty[2];
    struct event_queue q = {.tick = false};
    struct name idle = {"idle"};

    for (unsigned i = 0; i < EVENT_QUEUE_STATS + 2; i++)
        event_queue_report(&q, &idle, NULL, 0);
    assert_int_equal(q.reports_dropped, 2);
    for (unsigned i = 0; i < EVENT_QUEUE_PAST / 2 + 1; i++)
        event_queue_past(&q, &idle, empty, ARRAY_LEN(empty), true);
    assert_int_equal(q.reports_dropped, 3);
    event_queue_deinit(&q);
}

/* News overtake reports: what was measured before them must not count as measured under them. */
static void a_report_from_before_a_nodes_news_says_so(void **state UNUSED)
{
    struct event_queue q = {.tick = false};
    struct route_stats stats = {.migration = {"app"}};
    struct name node = {"n1"};

    add_node(&q, "n1", 5, 1);
    event_queue_report(&q, &node, &stats, 1);
    add_node(&q, "n1", 6, 2);
    event_queue_report(&q, &node, &stats, 1);
    assert_int_equal(take(&q).node->serving_rev, 6);
    assert_true(take(&q).report.late);
    assert_false(take(&q).report.late);
    assert_empty(&q);
    event_queue_deinit(&q);
}

/* Its reports up to then are in the past, those that follow are not. */
static void a_past_keeps_its_place_among_the_reports(void **state UNUSED)
{
    static struct route_stats stats[3];
    const struct core_bucket bucket[] = {
        {.age = dur_s(20), .interval = dur_s(10), .revision = 5, .route = &stats[0], .count = 1},
        {.age = dur_s(10), .interval = dur_s(10), .revision = 6, .route = &stats[1], .count = 2},
    };
    struct event_queue q = {.tick = false};
    struct name node = {"n1"};
    struct core_event ev;

    str_fmt(stats[2].migration.s, NAME_SIZE, "last");
    event_queue_report(&q, &node, stats, 1);
    event_queue_past(&q, &node, bucket, 2, true);
    event_queue_past(&q, &node, NULL, 0, false);
    event_queue_report(&q, &node, stats, 2);
    assert_int_equal(take(&q).report.count, 1);
    ev = take(&q);
    assert_int_equal(ev.kind, EV_PAST);
    assert_string_equal(ev.past.node->s, "n1");
    assert_int_equal(ev.past.count, 2);
    assert_true(ev.past.more);
    assert_int_equal(ev.past.bucket[1].revision, 6);
    assert_ptr_not_equal(ev.past.bucket[1].route, bucket[1].route);
    assert_string_equal(ev.past.bucket[1].route[1].migration.s, "last");
    ev = take(&q);
    assert_int_equal(ev.past.count, 0);
    assert_false(ev.past.more);
    assert_int_equal(take(&q).report.count, 2);
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void pasts_do_not_push_reports_out(void **state UNUSED)
{
    static struct route_stats stats[RULESET_ROUTES_MAX];
    const struct core_bucket bucket = {.route = stats, .count = RULESET_ROUTES_MAX};
    struct event_queue q = {.tick = false};
    struct name first = {"first"}, later = {"later"};
    unsigned fit = EVENT_QUEUE_PAST / RULESET_ROUTES_MAX;

    event_queue_report(&q, &first, stats, RULESET_ROUTES_MAX);
    for (unsigned i = 0; i < fit + 3; i++)
        event_queue_past(&q, &later, &bucket, 1, false);
    assert_int_equal(q.reports_dropped, 3);
    assert_string_equal(take(&q).report.node->s, "first");
    for (unsigned i = 0; i < fit; i++)
        assert_int_equal(take(&q).kind, EV_PAST);
    assert_empty(&q);
    event_queue_deinit(&q);
}

static void note(void *ctx, const struct core_node *n)
{
    unsigned *connected = ctx;

    *connected += n->connected;
}

static void an_emergency_can_be_taken_past_everything(void **state UNUSED)
{
    static const struct core_command pause = {.kind = CMD_PAUSE}, one = {.kind = CMD_EMERGENCY};
    struct event_queue q = {.tick = false};
    unsigned connected = 0;

    assert_null(event_queue_take_urgent(&q));
    add_command(&q, &pause);
    add_command(&q, &one);
    add_node(&q, "n1", 5, 77);
    assert_ptr_equal(event_queue_take_urgent(&q), &one);
    assert_null(event_queue_take_urgent(&q));
    event_queue_each_node(&q, note, &connected);
    assert_int_equal(connected, 1);
    event_queue_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matters_most_comes_first),
        cmocka_unit_test(what_a_node_says_replaces_what_it_said_but_not_its_epoch),
        cmocka_unit_test(the_newest_order_of_a_migration_is_told_before_its_nodes),
        cmocka_unit_test(orders_for_names_that_nodes_make_up_are_bounded),
        cmocka_unit_test(nodes_are_told_again_to_a_new_core_unless_they_left),
        cmocka_unit_test(a_node_that_comes_back_while_it_is_being_forgotten_stays),
        cmocka_unit_test(commands_are_refused_past_the_limit_emergencies_are_not_held_up),
        cmocka_unit_test(the_oldest_reports_go_when_there_are_too_many),
        cmocka_unit_test(reports_of_nothing_are_bounded_as_well),
        cmocka_unit_test(a_report_from_before_a_nodes_news_says_so),
        cmocka_unit_test(a_past_keeps_its_place_among_the_reports),
        cmocka_unit_test(pasts_do_not_push_reports_out),
        cmocka_unit_test(an_emergency_can_be_taken_past_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
