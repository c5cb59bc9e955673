/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"
#include "tests/unit/sidecar/agent/agent_fixture.h"

static struct emergency order(const char *migration, uint64_t epoch, bool active)
{
    struct emergency o = {.epoch = epoch, .active = active, .ordered_at = {(int64_t)epoch}};

    (void)str_fmt(o.migration.s, sizeof o.migration.s, "%s", migration);
    return o;
}

static enum epoch_outcome take(struct epochs *e, const char *migration, uint64_t epoch, bool active)
{
    struct emergency o = order(migration, epoch, active);

    return epochs_take(e, &o);
}

static void only_a_higher_epoch_replaces(void **state UNUSED)
{
    CLEANUP(xfreep) struct epochs *e = xnew(struct epochs);

    assert_int_equal(take(e, "app", 3, true), EPOCH_NEWER);
    assert_int_equal(take(e, "app", 3, false), EPOCH_KNOWN);
    assert_int_equal(take(e, "app", 2, false), EPOCH_KNOWN);
    assert_true(epochs_find(e, "app")->active);
    assert_int_equal(take(e, "app", 4, false), EPOCH_NEWER);
    assert_false(epochs_find(e, "app")->active);
    assert_int_equal(e->count, 1);
}

static void orders_stand_by_name_whatever_the_arrival(void **state UNUSED)
{
    static const char *const names[] = {"m", "a", "z", "b", "y"};
    CLEANUP(xfreep) struct epochs *e = xnew(struct epochs);

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(take(e, names[i], i + 1, true), EPOCH_NEWER);
    for (unsigned i = 1; i < e->count; i++)
        assert_true(strcmp(e->item[i - 1].migration.s, e->item[i].migration.s) < 0);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(epochs_find(e, names[i])->epoch, i + 1);
    assert_null(epochs_find(e, "c"));
    assert_null(epochs_find(e, ""));
}

static void a_full_table_forgets_the_order_lifted_first(void **state UNUSED)
{
    CLEANUP(xfreep) struct epochs *e = xnew(struct epochs);
    char name[NAME_SIZE];

    for (unsigned i = 0; i < EPOCHS_MAX; i++) {
        (void)str_fmt(name, sizeof name, "m%03u", i);
        assert_int_equal(take(e, name, 1000 - i, i != 7 && i != 9), EPOCH_NEWER);
    }
    assert_int_equal(take(e, "n", 1, true), EPOCH_NEWER); /* m009 was lifted before m007 */
    assert_null(epochs_find(e, "m009"));
    assert_int_equal(take(e, "a", 1, true), EPOCH_NEWER);
    assert_null(epochs_find(e, "m007"));
    assert_int_equal(e->item[0].epoch, 1);
    assert_int_equal(take(e, "b", 1, true), EPOCH_FULL);
    assert_int_equal(e->count, EPOCHS_MAX);
    assert_int_equal(take(e, "a", 2, false), EPOCH_NEWER);
}

static void stamping_makes_a_set_obey(void **state UNUSED)
{
    CLEANUP(xfreep) struct epochs *e = xnew(struct epochs);
    struct ruleset *set = ruleset_new("aaaa", 1, 1);
    struct route app = fixture_route("app", 100), shop = fixture_route("shop", 100);

    assert_int_equal(ruleset_add(set, &app, STR("a"), NULL), 0);
    assert_int_equal(ruleset_add(set, &shop, STR("b"), NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    assert_true(epochs_obeyed(e, set));
    take(e, "shop", 5, true);
    take(e, "gone", 9, true);
    assert_false(epochs_obeyed(e, set));
    epochs_stamp(e, set);
    assert_true(epochs_obeyed(e, set));
    assert_true(ruleset_find(set, "shop")->emergency.active);
    assert_int_equal(ruleset_find(set, "app")->emergency.epoch, 0);
    ruleset_unref(set);
}

/* ---- positions ------------------------------------------------------------------------------- */

static void positions_only_move_on(void **state UNUSED)
{
    static const struct {
        struct position have, want;
        bool full;
        enum err_code code;
        const char *why;
    } cases[] = {
        {{"", 0, 0}, {"a", 1, 1}, true, ERR_NONE, NULL},
        {{"", 0, 0}, {"a", 1, 1}, false, ERR_REFUSED, "partial"},
        {{"a", 2, 5}, {"a", 2, 6}, false, ERR_NONE, NULL},
        {{"a", 2, 5}, {"a", 2, 5}, true, ERR_NONE, NULL},
        {{"a", 2, 5}, {"a", 3, 5}, true, ERR_NONE, NULL},
        {{"a", 2, 5}, {"a", 1, 6}, true, ERR_NONE, NULL},
        {{"a", 2, 5}, {"a", 2, 4}, true, ERR_REFUSED, "below the revision"},
        {{"a", 2, 5}, {"a", 3, 4}, true, ERR_REFUSED, "below the revision"},
        {{"a", 2, 5}, {"b", 1, 1}, true, ERR_NONE, NULL},
        {{"a", 2, 5}, {"b", 9, 9}, false, ERR_REFUSED, "partial"},
        {{"a", 2, 5}, {"", 9, 9}, true, ERR_INVALID, "incarnation"},
        {{"a", 2, 5}, {"a", 9, 0}, true, ERR_INVALID, "revision"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        int r = position_check(&cases[i].have, &cases[i].want, cases[i].full, &err);

        if (r != -(int)cases[i].code)
            fail_msg("case %u: %d %s", i, r, err.msg);
        if (cases[i].why)
            assert_holds(err.msg, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_higher_epoch_replaces),
        cmocka_unit_test(orders_stand_by_name_whatever_the_arrival),
        cmocka_unit_test(a_full_table_forgets_the_order_lifted_first),
        cmocka_unit_test(stamping_makes_a_set_obey),
        cmocka_unit_test(positions_only_move_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
