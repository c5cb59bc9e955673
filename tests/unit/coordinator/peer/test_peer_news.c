/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/peer/peer_news.h"

#include "common/base/mem.h"
#include "tests/lib/unit.h"

static struct fleet_node node_of(const char *name, uint64_t dial, bool connected)
{
    struct fleet_node n = {.dial = dial, .connected = connected, .boot = "b1"};

    assert_true(str_copy(str_of(name), n.name.s, NAME_SIZE));
    return n;
}

static void tell(struct news *n, const char *name, uint64_t dial, bool connected)
{
    struct fleet_node node = node_of(name, dial, connected);

    news_node(n, &node);
}

static void tell_order(struct news *n, uint64_t dial, const char *migration, uint64_t epoch)
{
    struct fleet_node node = node_of("n1", dial, true);
    struct emergency order = {.epoch = epoch, .active = true};

    assert_true(str_copy(str_of(migration), order.migration.s, NAME_SIZE));
    node.emergency = &order;
    node.emergency_count = 1;
    news_node(n, &node);
}

/* The names of the changes after `after`. */
static void assert_told(const struct news *n, uint64_t after, const char *want)
{
    char got[64] = "";

    for (const struct own_node *o = news_after(n, after); o; o = o->next)
        str_fmt(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s", got[0] ? " " : "",
                o->node.name.s, o->node.connected ? "" : "-");
    assert_string_equal(got, want);
}

static void the_log_has_each_node_once_in_the_order_of_its_latest_change(void **state UNUSED)
{
    struct news n = {.changes = 0};

    assert_told(&n, 0, "");
    tell(&n, "stranger", 1, false);
    assert_told(&n, 0, "");
    tell(&n, "a", 1, true);
    tell(&n, "b", 1, true);
    tell(&n, "c", 1, true);
    tell(&n, "a", 1, true);
    assert_told(&n, 0, "b c a");
    assert_told(&n, 2, "c a");
    assert_told(&n, 3, "a");
    assert_told(&n, 4, "");
    news_deinit(&n);
}

static void who_left_stays_until_every_link_has_told_so(void **state UNUSED)
{
    struct news n = {.changes = 0};

    tell(&n, "a", 1, true);
    tell(&n, "b", 1, true);
    tell(&n, "a", 1, false); /* change 3 */
    tell(&n, "b", 1, false); /* change 4 */
    news_forget_gone(&n, 2);
    assert_told(&n, 0, "a- b-");
    news_forget_gone(&n, 3);
    assert_told(&n, 0, "b-");
    tell(&n, "b", 2, true);
    news_forget_gone(&n, 9);
    assert_told(&n, 0, "b");
    assert_null(news_find(&n, "a"));
    news_deinit(&n);
}

static void orders_are_the_newest_of_each_migration_of_this_connection(void **state UNUSED)
{
    struct news n = {.changes = 0};
    const struct own_node *o;

    tell_order(&n, 1, "app", 5);
    tell_order(&n, 1, "app", 4);
    tell_order(&n, 1, "other", 9);
    o = news_find(&n, "n1");
    assert_int_equal(o->order_count, 2);
    assert_int_equal(o->order[0].epoch, 5);
    assert_int_equal(o->order[1].epoch, 9);
    assert_int_equal(o->orders_changed, 3);
    tell(&n, "n1", 1, true);
    assert_int_equal(o->order_count, 2);
    assert_int_equal(o->orders_changed, 3);
    tell_order(&n, 2, "third", 1); /* it dialled again, and says all that stands there */
    assert_int_equal(o->order_count, 1);
    assert_string_equal(o->order[0].migration.s, "third");

    for (unsigned i = 0; i < 2 * RULESET_ROUTES_MAX; i++) {
        char migration[NAME_SIZE];

        str_fmt(migration, sizeof(migration), "m-%u", i);
        tell_order(&n, 2, migration, 1);
    }
    assert_int_equal(o->order_count, RULESET_ROUTES_MAX);
    news_deinit(&n);
}

static struct measured *report_of(unsigned routes)
{
    struct route_stats *stats = xcalloc(routes + 1, sizeof(*stats));
    struct fleet_report r = {.node = {"n1"}, .route = stats, .count = routes};
    struct measured *m;

    for (unsigned i = 0; i < routes; i++) {
        str_fmt(stats[i].migration.s, NAME_SIZE, "m-%u", i);
        stats[i].system[SYSTEM_NEW].requests = UINT64_MAX;
        for (unsigned b = 0; b < HIST_BUCKETS; b++)
            stats[i].system[SYSTEM_NEW].latency.bucket[b] = UINT32_MAX;
    }
    m = measured_report(&r);
    free(stats);
    return m;
}

static void a_queue_is_bounded_in_number_and_in_bytes(void **state UNUSED)
{
    struct measured_queue *q = xnew(struct measured_queue);
    struct measured *small = report_of(0), *large = report_of(256);
    unsigned n = 0;

    assert_non_null(large);
    while (measured_add(q, small))
        n++;
    assert_int_equal(n, MEASURED_MAX);
    measured_drop(q, 10);
    assert_true(measured_add(q, large));
    assert_ptr_equal(measured_at(q, MEASURED_MAX - 10), large);
    assert_null(measured_at(q, MEASURED_MAX - 9));
    measured_drop(q, MEASURED_MAX);
    assert_int_equal(q->bytes, 0);

    for (n = 0; measured_add(q, large);)
        n++;
    assert_true(n > 1 && n * large->size <= MEASURED_BYTES);
    assert_int_equal(large->refs, n + 1);
    measured_drop(q, MEASURED_MAX);
    measured_unref(small);
    measured_unref(large);
    free(q);
}

static void what_is_too_large_is_not_told(void **state UNUSED)
{
    assert_null(report_of(5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_has_each_node_once_in_the_order_of_its_latest_change),
        cmocka_unit_test(who_left_stays_until_every_link_has_told_so),
        cmocka_unit_test(orders_are_the_newest_of_each_migration_of_this_connection),
        cmocka_unit_test(a_queue_is_bounded_in_number_and_in_bytes),
        cmocka_unit_test(what_is_too_large_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
