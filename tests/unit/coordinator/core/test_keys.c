/* SPDX-License-Identifier: Apache-2.0 */
/* The key space is written and read in one place; keys of others are left alone, broken ones are
 * named. */
#include "coordinator/core/keys.h"
#include "tests/lib/unit.h"

static void test_keys_survive_a_round_trip(void **state UNUSED)
{
    static const struct {
        enum key_kind kind;
        uint64_t sequence;
        const char *key;
    } cases[] = {
        {KEYS_PLAN, 0, "/switchyard/v1/plans/orders-2"},
        {KEYS_ROLLOUT, 0, "/switchyard/v1/rollouts/orders-2"},
        {KEYS_EMERGENCY, 0, "/switchyard/v1/emergency/orders-2"},
        {KEYS_REMOVED, 0, "/switchyard/v1/removed"},
        {KEYS_HISTORY, 42, "/switchyard/v1/history/orders-2/000000000042"},
        {KEYS_HISTORY, 999999999999, "/switchyard/v1/history/orders-2/999999999999"},
    };
    const struct name name = {.s = "orders-2"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char key[KEY_SIZE];
        enum key_kind kind;
        struct name back;
        uint64_t sequence;
        struct err err;

        assert_string_equal(keys_write(cases[i].kind, &name, cases[i].sequence, key), cases[i].key);
        assert_ok(keys_read(key, &kind, &back, &sequence, &err), &err);
        assert_int_equal(kind, cases[i].kind);
        if (kind != KEYS_REMOVED)
            assert_string_equal(back.s, name.s);
        assert_int_equal(sequence, cases[i].sequence);
    }
}

static void test_keys_of_others_are_left_alone(void **state UNUSED)
{
    static const char *const others[] = {
        "",
        "/",
        "plans/orders",
        "/switchyard/v2/plans/orders",
        "/switchyard/v1/leader",
        "/switchyard/v1/flags/dark-mode",
        "/switchyard/v1/tenants/orders/t1",
        "/switchyard/v1/",
    };

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        enum key_kind kind;
        struct name name;
        uint64_t sequence;
        struct err err;

        assert_ok(keys_read(others[i], &kind, &name, &sequence, &err), &err);
        assert_int_equal(kind, KEYS_OTHER);
    }
}

static void test_broken_keys_are_named(void **state UNUSED)
{
    static const char *const broken[] = {
        "/switchyard/v1/plans/",           "/switchyard/v1/plans/Orders",
        "/switchyard/v1/plans/a/b",        "/switchyard/v1/rollouts/-a",
        "/switchyard/v1/history/orders",   "/switchyard/v1/history/orders/",
        "/switchyard/v1/history/orders/x", "/switchyard/v1/history/orders/1000000000000",
    };

    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        enum key_kind kind;
        struct name name;
        uint64_t sequence;
        struct err err;

        assert_fails(keys_read(broken[i], &kind, &name, &sequence, &err), ERR_CORRUPT);
        assert_holds(err.msg, broken[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_survive_a_round_trip),
        cmocka_unit_test(test_keys_of_others_are_left_alone),
        cmocka_unit_test(test_broken_keys_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
