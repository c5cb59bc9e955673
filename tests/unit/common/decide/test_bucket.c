/* SPDX-License-Identifier: Apache-2.0 */
/* The bucketing rule is a promise to users: who is on new stays on new. */
#include "common/decide/bucket.h"

#include "tests/lib/unit.h"

/* Never change these: they were released. */
static const struct {
    const char *salt, *key;
    uint32_t bucket;
} vectors[] = {
    {"", "", 0},
    {"app", "", 4748},
    {"", "a", 2349},
    {"app", "alice", 7827},
    {"app", "bob", 943},
    {"app", "user-1", 6423},
    {"app", "user-2", 2890},
    {"orders", "user-1", 2467},
    {"orders", "0123456789abcdef", 8296},
    {"pepper", "127.0.0.1", 356},
    {"checkout", "München", 9257},
    {"orders", "00000000-0000-0000-0000-000000000000", 446},
};

static void released_buckets_never_change(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        assert_int_equal(bucket_of(str_of(vectors[i].salt), str_of(vectors[i].key)),
                         vectors[i].bucket);
}

static uint32_t bucket_of_user(const char *salt, unsigned user)
{
    char key[32];

    str_fmt(key, sizeof key, "user-%u", user);
    return bucket_of(str_of(salt), str_of(key));
}

static void salt_and_key_are_hashed_as_one_text(void **state UNUSED)
{
    assert_int_equal(bucket_of(STR("or"), STR("ders7")), bucket_of(STR("orders"), STR("7")));
    assert_int_equal(bucket_of(STR(""), STR("orders7")), bucket_of(STR("orders7"), STR("")));
}

static void a_weight_of_nothing_or_all_leaves_no_exception(void **state UNUSED)
{
    for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
        assert_false(bucket_on_new(bucket, 0));
        assert_true(bucket_on_new(bucket, 10000));
    }
}

/* Issue 2: within 0.5 points at 25 % over 100,000 keys. */
static void a_quarter_is_a_quarter(void **state UNUSED)
{
    static const char *const salts[] = {"app", "orders", "checkout-2", ""};

    for (size_t s = 0; s < ARRAY_LEN(salts); s++) {
        unsigned on_new = 0;

        for (unsigned user = 0; user < 100000; user++)
            on_new += bucket_on_new(bucket_of_user(salts[s], user), 2500);
        assert_in_range(on_new, 24500, 25500);
    }
}

static void a_walk_up_and_down_moves_keys_one_way_at_a_time(void **state UNUSED)
{
    static const uint32_t walk[] = {0,     100,  1000, 2500, 5000, 7550, 10000,
                                    10000, 5000, 2501, 2500, 10,   1,    0};

    for (unsigned seed = 0; seed < 20; seed++) {
        char salt[16];

        str_fmt(salt, sizeof salt, "seed-%u", seed);
        for (unsigned user = 0; user < 2000; user++) {
            uint32_t bucket = bucket_of_user(salt, user);

            for (size_t i = 1; i < ARRAY_LEN(walk); i++) {
                bool before = bucket_on_new(bucket, walk[i - 1]);
                bool after = bucket_on_new(bucket, walk[i]);

                if (walk[i] >= walk[i - 1])
                    assert_true(after || !before);
                else
                    assert_true(before || !after);
            }
        }
    }
}

static void two_migrations_do_not_pick_the_same_people(void **state UNUSED)
{
    unsigned both = 0;

    for (unsigned user = 0; user < 100000; user++)
        both += bucket_on_new(bucket_of_user("orders", user), 2500) &&
                bucket_on_new(bucket_of_user("billing", user), 2500);
    assert_in_range(both, 5950, 6550); /* 6.25 % when independent */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released_buckets_never_change),
        cmocka_unit_test(salt_and_key_are_hashed_as_one_text),
        cmocka_unit_test(a_weight_of_nothing_or_all_leaves_no_exception),
        cmocka_unit_test(a_quarter_is_a_quarter),
        cmocka_unit_test(a_walk_up_and_down_moves_keys_one_way_at_a_time),
        cmocka_unit_test(two_migrations_do_not_pick_the_same_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
