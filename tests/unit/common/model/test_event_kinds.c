/* SPDX-License-Identifier: Apache-2.0 */
/* Names of events are an interface; places are in one order; what is lost is counted once. */
#include "common/model/event_kinds.h"

#include "common/model/event_tally.h"
#include "tests/lib/unit.h"

static struct event_place at(uint64_t revision, const char *migration, uint64_t sequence)
{
    struct event_place p = {.revision = revision, .sequence = sequence};

    str_fmt(p.migration.s, sizeof p.migration.s, "%s", migration);
    return p;
}

static void test_names_survive_both_ways(void **state UNUSED)
{
    enum event_kind k = EVENT_KIND_COUNT;

    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        assert_true(event_kind_parse(str_of(event_kind_name((enum event_kind)i)), &k));
        assert_int_equal(k, i);
    }
    assert_string_equal(event_kind_name(EVENT_EMERGENCY_ROLLBACK), "emergency_rollback");
    assert_false(event_kind_parse(STR("emergency"), &k));
    assert_string_equal(event_kind_name(EVENT_KIND_COUNT), "?");
}

static void test_revision_comes_first_then_migration_then_sequence(void **state UNUSED)
{
    const struct event_place order[] = {
        at(1, "orders", 9), at(2, "baskets", 3), at(2, "baskets", 4),
        at(2, "orders", 1), event_place_end(2),  at(3, "a", 1),
    };

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        for (size_t j = 0; j < ARRAY_LEN(order); j++)
            assert_int_equal((event_place_cmp(&order[i], &order[j]) > 0) -
                                 (event_place_cmp(&order[i], &order[j]) < 0),
                             (i > j) - (i < j));
}

static void test_what_is_lost_is_told_with_the_next_one_that_is_told(void **state UNUSED)
{
    struct event_place one = at(10, "orders", 5), two = at(11, "orders", 6),
                       far = at(90, "orders", 100), other = at(91, "baskets", 1);
    struct event_tally *t = NULL;

    assert_int_equal(event_tally_lost(t, &one, 5), 4);
    event_tally_pass(&t, &one, 5, false);
    assert_int_equal(event_tally_lost(t, &two, 5), 4);
    event_tally_pass(&t, &two, 5, true);
    assert_int_equal(event_tally_lost(t, &far, 99), 0);
    assert_int_equal(event_tally_lost(t, &far, 100), 93);
    event_tally_pass(&t, &far, 100, true);
    assert_int_equal(event_tally_lost(t, &other, 1), 0);
    event_tally_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_survive_both_ways),
        cmocka_unit_test(test_revision_comes_first_then_migration_then_sequence),
        cmocka_unit_test(test_what_is_lost_is_told_with_the_next_one_that_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
