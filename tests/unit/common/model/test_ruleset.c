/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ruleset.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static void add(struct ruleset *set, const char *migration, const char *host, const char *path)
{
    struct route route = {.host_count = host != NULL};
    struct err err;

    str_fmt(route.migration.s, sizeof route.migration.s, "%s", migration);
    str_fmt(route.host[0], sizeof route.host[0], "%s", host ? host : "");
    str_fmt(route.path_prefix, sizeof route.path_prefix, "%s", path);
    assert_ok(ruleset_add(set, &route, str_of(migration), &err), &err);
}

static void finish(struct ruleset *set)
{
    struct err err;

    assert_ok(ruleset_finish(set, &err), &err);
}

static const char *match(const struct ruleset *set, const char *host, const char *path)
{
    const struct ruleset_entry *e = ruleset_match(set, str_of(host), str_of(path));

    return e ? e->route.migration.s : "-";
}

static void prefixes_match_whole_segments(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);

    add(set, "api", NULL, "/api");
    add(set, "slash", NULL, "/s/");
    finish(set);
    assert_string_equal(match(set, "h", "/api"), "api");
    assert_string_equal(match(set, "h", "/api/"), "api");
    assert_string_equal(match(set, "h", "/api/x?y"), "api");
    assert_string_equal(match(set, "h", "/api?x"), "api");
    assert_string_equal(match(set, "h", "/apix"), "-");
    assert_string_equal(match(set, "h", "/ap"), "-");
    assert_string_equal(match(set, "h", "/API"), "-");
    assert_string_equal(match(set, "h", "/s/x"), "slash");
    assert_string_equal(match(set, "h", "/s"), "-");
    assert_string_equal(match(set, "h", ""), "-");
}

static void routes_of_connections_match_no_request(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);

    add(set, "a-port", NULL, "");
    add(set, "b-any", NULL, "");
    finish(set);
    set->entry[0].route.tcp.port = 5432;
    assert_string_equal(match(set, "h", "/"), "b-any");
    set->entry[1].route.tcp.port = 5433;
    assert_string_equal(match(set, "h", "/"), "-");
}

static void hosts_match_exact_then_wildcard_then_any(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);

    add(set, "any", NULL, "/deep/path");
    add(set, "exact", "shop.example.com", "");
    add(set, "wide", "*.com", "");
    add(set, "wild", "*.example.com", "");
    finish(set);
    assert_string_equal(match(set, "SHOP.example.COM", "/deep/path"), "exact");
    assert_string_equal(match(set, "b.example.com", "/deep/path"), "wild");
    assert_string_equal(match(set, "a.b.example.com", "/"), "wild");
    assert_string_equal(match(set, "example.com", "/"), "wide");
    assert_string_equal(match(set, ".example.com", "/"), "wide");
    assert_string_equal(match(set, "example.org", "/deep/path/x"), "any");
    assert_string_equal(match(set, "example.org", "/deep"), "-");
    assert_string_equal(match(set, "", "/deep/path"), "any");
}

static void the_longest_prefix_wins_within_a_host(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);

    add(set, "a-root", NULL, "");
    add(set, "b-api", NULL, "/api");
    add(set, "c-orders", NULL, "/api/orders");
    add(set, "d-twin", NULL, "/api");
    finish(set);
    assert_string_equal(match(set, "h", "/"), "a-root");
    assert_string_equal(match(set, "h", "/api/x"), "b-api");
    assert_string_equal(match(set, "h", "/api/orders/1"), "c-orders");
}

/* The rule said again, as slowly and plainly as possible. */
static unsigned naive_host(const char *pattern, const char *host)
{
    size_t p = strlen(pattern), h = strlen(host);

    if (pattern[0] == '\0')
        return 1;
    if (strcmp(pattern, host) == 0)
        return 1000;
    if (pattern[0] == '*' && h > p - 1 && strcmp(pattern + 1, host + h - (p - 1)) == 0)
        return 1 + (unsigned)p;
    return 0;
}

static bool naive_path(const char *prefix, const char *path)
{
    char with_slash[64], prefix_slash[64];

    str_fmt(with_slash, sizeof with_slash, "%s/", path);
    str_fmt(prefix_slash, sizeof prefix_slash, "%s/", prefix);
    return prefix[0] == '\0' || strncmp(with_slash, prefix_slash, strlen(prefix_slash)) == 0;
}

static const char *naive_match(const struct ruleset *set, const char *host, const char *path)
{
    const char *best = "-";
    size_t best_score = 0;

    for (unsigned i = 0; i < set->count; i++) {
        const struct route *r = &set->entry[i].route;
        unsigned score_host = naive_host(r->host_count ? r->host[0] : "", host);
        size_t score = score_host * 1000 + strlen(r->path_prefix);

        if (score_host > 0 && naive_path(r->path_prefix, path) && score > best_score) {
            best = r->migration.s;
            best_score = score;
        }
    }
    return best;
}

static void match_agrees_with_a_naive_model(void **state UNUSED)
{
    static const char *const patterns[] = {NULL, "a.x", "b.x", "*.x", "*.a.x", "x", "*.b.a.x"};
    static const char *const hosts[] = {"a.x", "b.x", "c.x", "b.a.x", "c.b.a.x", "x", "y", ""};
    static const char *const paths[] = {"", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/b/a"};
    struct rng rng;

    rng_seed(&rng, 1);
    for (int round = 0; round < 2000; round++) {
        CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);
        unsigned count = (unsigned)rng_below(&rng, 12);

        for (unsigned i = 0; i < count; i++) {
            char name[8];

            str_fmt(name, sizeof name, "m%u", i);
            add(set, name, patterns[rng_below(&rng, ARRAY_LEN(patterns))],
                paths[rng_below(&rng, ARRAY_LEN(paths))]);
        }
        finish(set);
        for (size_t h = 0; h < ARRAY_LEN(hosts); h++) {
            for (size_t p = 0; p < ARRAY_LEN(paths); p++)
                assert_string_equal(match(set, hosts[h], paths[p]),
                                    naive_match(set, hosts[h], paths[p]));
        }
    }
}

static void entries_are_sorted_and_found(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 3, 42);
    static const char *const names[] = {"zeta", "beta", "alpha", "gamma"};

    assert_null(ruleset_find(set, "alpha"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add(set, names[i], NULL, "");
    finish(set);
    assert_string_equal(set->entry[0].route.migration.s, "alpha");
    assert_string_equal(set->entry[3].route.migration.s, "zeta");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct ruleset_entry *e = ruleset_find(set, names[i]);

        assert_non_null(e);
        assert_string_equal(e->route.migration.s, names[i]);
        assert_true(str_eq(e->rule, str_of(names[i])));
    }
    assert_null(ruleset_find(set, "delta"));
    assert_string_equal(set->incarnation, "ab12");
    assert_int_equal(set->term, 3);
    assert_int_equal(set->revision, 42);
}

/* Computed with sha256sum from the words of fleet.proto; nodes of every version must agree. */
static void the_checksum_is_as_the_protocol_says(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);
    CLEANUP(ruleset_unrefp) struct ruleset *empty = ruleset_new("", 1, 1);
    char hex[SHA256_HEX];

    add(set, "orders", NULL, "");
    add(set, "billing", NULL, "/b");
    finish(set);
    finish(empty);
    assert_string_equal(sha256_hex(&set->checksum, hex),
                        "c9fcf8a0306c2bd7f5041060a3c4e5758eee551c2a0da56aa04c4975a0af4944");
    assert_string_equal(sha256_hex(&empty->checksum, hex),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void two_routes_of_one_migration_are_refused(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);
    struct err err;

    add(set, "orders", NULL, "/a");
    add(set, "billing", NULL, "/b");
    add(set, "orders", NULL, "/c");
    assert_fails(ruleset_finish(set, &err), ERR_INVALID);
    assert_string_equal(err.msg, "migration \"orders\" has two routes in one rule set");
}

static void routes_are_limited(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);
    struct route route = {.weight_bp = 0};
    char name[16];
    struct err err;

    for (int i = 0; i < RULESET_ROUTES_MAX; i++) {
        str_fmt(name, sizeof name, "m%d", i);
        add(set, name, NULL, "");
    }
    assert_fails(ruleset_add(set, &route, STR(""), &err), ERR_EXHAUSTED);
    finish(set);
    assert_non_null(ruleset_find(set, "m255"));
}

static void only_a_higher_epoch_replaces_an_order(void **state UNUSED)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("ab12", 1, 1);
    struct emergency order = {.migration = {"orders"}, .epoch = 2, .active = true};
    const struct ruleset_entry *e;

    add(set, "orders", NULL, "");
    add(set, "billing", NULL, "/b");
    ruleset_order(set, &order);
    order.epoch = 1;
    order.active = false;
    ruleset_order(set, &order);
    order.epoch = 2;
    ruleset_order(set, &order);
    order.migration = (struct name){"elsewhere"};
    ruleset_order(set, &order);
    finish(set);

    e = ruleset_find(set, "orders");
    assert_true(e->emergency.active);
    assert_int_equal(e->emergency.epoch, 2);
    assert_int_equal(ruleset_find(set, "billing")->emergency.epoch, 0);

    order = (struct emergency){.migration = {"orders"}, .epoch = 3};
    ruleset_order(set, &order);
    assert_false(ruleset_find(set, "orders")->emergency.active);
}

static void the_last_reference_frees(void **state UNUSED)
{
    struct ruleset *set = ruleset_new("ab12", 1, 1);
    const struct ruleset *other;

    add(set, "orders", NULL, "");
    finish(set);
    other = ruleset_ref(set);
    ruleset_unref(set);
    assert_non_null(ruleset_find(other, "orders"));
    ruleset_unref(other);
    ruleset_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_match_whole_segments),
        cmocka_unit_test(routes_of_connections_match_no_request),
        cmocka_unit_test(hosts_match_exact_then_wildcard_then_any),
        cmocka_unit_test(the_longest_prefix_wins_within_a_host),
        cmocka_unit_test(match_agrees_with_a_naive_model),
        cmocka_unit_test(entries_are_sorted_and_found),
        cmocka_unit_test(the_checksum_is_as_the_protocol_says),
        cmocka_unit_test(two_routes_of_one_migration_are_refused),
        cmocka_unit_test(routes_are_limited),
        cmocka_unit_test(only_a_higher_epoch_replaces_an_order),
        cmocka_unit_test(the_last_reference_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
