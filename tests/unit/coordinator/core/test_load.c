/* SPDX-License-Identifier: Apache-2.0 */
/* What was stored becomes the state whole, or the key that does not fit is named. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define ROOT "/switchyard/v1/"

static const char pending[] = "{\"version\":1,\"phase\":\"pending\",\"stage\":0,\"weight\":0}";

/* The stored form of PLAN_ORDERS, with another name when given. */
static char *plan_text(const char *yaml)
{
    struct buf b = BUF_INIT(1u << 20);
    struct plan *plan;
    struct err err;

    assert_ok(plan_parse(str_of(yaml), "plan.yaml", &plan, &err), &err);
    assert_true(json_print(plan->document, false, &b));
    plan_free(plan);
    return buf_steal(&b);
}

struct pair {
    const char *key;
    const char *value; /* NULL: the plan */
};

/* Load the pairs; the code, with the message in *err. */
static int load(const struct pair *pair, size_t count, struct err *err)
{
    struct core_config config = {.node_grace = dur_s(30)};
    struct core *c = core_new(&config, (wall_t){RIG_START * 1000000000}, (mono_t){1});
    char *plan = plan_text(PLAN_ORDERS);
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = core_load(c, pair[i].key, str_of(pair[i].value ? pair[i].value : plan), i + 1, err);
    if (r == 0)
        r = core_loaded(c, "abc", count, err);
    free(plan);
    core_free(c);
    return r;
}

/* Each refusal says what to do as well. */
#define refused(code, words, ...)                                   \
    do {                                                            \
        const struct pair pairs_[] = {__VA_ARGS__};                 \
        struct err err_;                                            \
        assert_fails(load(pairs_, ARRAY_LEN(pairs_), &err_), code); \
        assert_holds(err_.msg, words);                              \
        assert_string_not_equal(err_.hint, "");                     \
    } while (0)

static void test_any_order_is_fine(void **state UNUSED)
{
    const struct pair forward[] = {{ROOT "plans/orders", NULL}, {ROOT "rollouts/orders", pending}};
    const struct pair backward[] = {{ROOT "rollouts/orders", pending}, {ROOT "plans/orders", NULL}};
    const struct pair others[] = {{ROOT "leader", "x"}, {ROOT "flags/a", "{}"}, {"other", ""}};
    struct err err;

    assert_ok(load(forward, 2, &err), &err);
    assert_ok(load(backward, 2, &err), &err);
    assert_ok(load(others, 3, &err), &err);
    assert_ok(load(NULL, 0, &err), &err);
}

static void test_half_a_migration_is_corrupt(void **state UNUSED)
{
    refused(ERR_CORRUPT, ROOT "rollouts/orders is missing", {ROOT "plans/orders", NULL});
    refused(ERR_CORRUPT, ROOT "plans/orders is missing", {ROOT "rollouts/orders", pending});
}

static void test_broken_values_name_their_key(void **state UNUSED)
{
    refused(ERR_CORRUPT, "key " ROOT "rollouts/orders", {ROOT "rollouts/orders", "{"});
    refused(ERR_UNSUPPORTED, "key " ROOT "rollouts/orders",
            {ROOT "rollouts/orders", "{\"version\":9}"});
    refused(ERR_CORRUPT, "key " ROOT "plans/orders", {ROOT "plans/orders", "{}"});
    refused(ERR_CORRUPT, "the plan is named orders", {ROOT "plans/baskets", NULL});
    refused(ERR_CORRUPT, "key " ROOT "emergency/orders",
            {ROOT "emergency/orders", "{\"version\":1}"});
    refused(ERR_CORRUPT, "key " ROOT "history/orders/000000000001",
            {ROOT "history/orders/000000000001", "[]"});
    refused(ERR_CORRUPT, ROOT "plans/UPPER", {ROOT "plans/UPPER", NULL});
}

/* A record that each of us could read and that no coordinator wrote. */
static void test_impossible_states_are_refused(void **state UNUSED)
{
    refused(
        ERR_CORRUPT, "stage 9 is not in the plan", {ROOT "plans/orders", NULL},
        {ROOT "rollouts/orders", "{\"version\":1,\"phase\":\"baking\",\"stage\":9,\"weight\":0}"});
    refused(
        ERR_CORRUPT, "baking, but no stage is entered", {ROOT "plans/orders", NULL},
        {ROOT "rollouts/orders", "{\"version\":1,\"phase\":\"baking\",\"stage\":0,\"weight\":0}"});
    refused(
        ERR_CORRUPT, "not at stage 0", {ROOT "plans/orders", NULL},
        {ROOT "rollouts/orders", "{\"version\":1,\"phase\":\"aborted\",\"stage\":0,\"weight\":5}"});
    refused(
        ERR_CORRUPT, "an emergency order is active", {ROOT "plans/orders", NULL},
        {ROOT "rollouts/orders", "{\"version\":1,\"phase\":\"ready\",\"stage\":2,\"weight\":10}"},
        {ROOT "emergency/orders", "{\"version\":1,\"epoch\":1,\"active\":true}"});
}

static void test_a_remembered_order_needs_no_plan(void **state UNUSED)
{
    const struct pair order[] = {
        {ROOT "emergency/orders", "{\"version\":1,\"epoch\":4,\"active\":false}"}};
    struct err err;

    assert_ok(load(order, 1, &err), &err);
}

/* Fields of a newer coordinator are still there after this one has written the record. */
static void test_unknown_fields_survive_a_command(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    static const char rollout[] =
        "{\"version\":1,\"phase\":\"pending\",\"stage\":0,\"weight\":0,\"tide\":7}";
    char *plan = plan_text(PLAN_ORDERS);

    rig_put(r, ROOT "plans/orders", str_of(plan), ++r->rev);
    rig_put(r, ROOT "rollouts/orders", STR(rollout), ++r->rev);
    rig_restart(r);
    rig_does(r, (struct core_command){.kind = CMD_START});
    assert_holds(rig_find(r, ROOT "rollouts/orders")->value, "\"tide\":7");
    free(plan);
}

static void test_a_record_beyond_its_limit_is_named(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf big = BUF_INIT(1u << 20);
    struct err err;

    buf_addf(&big, "{\"version\":1,\"epoch\":1,\"active\":false,\"x\":\"%070000d\"}", 0);
    const struct pair pair[] = {{ROOT "emergency/orders", buf_text(&big)}};
    assert_fails(load(pair, 1, &err), ERR_CORRUPT);
    assert_holds(err.msg, "key " ROOT "emergency/orders: it has 7");
}

static void test_an_empty_plan_folder_takes_the_first_apply(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    assert_null(core_next_migration(r->core, ""));
    assert_int_equal(core_revision(r->core), 0);
    rig_refuses(r, (struct core_command){.kind = CMD_START}, "switchyard apply -f PLAN.yaml");
    rig_refuses(r, (struct core_command){.kind = CMD_EMERGENCY, .all = true},
                "there are no migrations");
    /* Nothing has to come back, so nothing waits: the first rollout moves at once. */
    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, 1);
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 1);
    rig_expect(r, 1, PHASE_BAKING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_is_fine),
        cmocka_unit_test(test_half_a_migration_is_corrupt),
        cmocka_unit_test(test_broken_values_name_their_key),
        cmocka_unit_test(test_impossible_states_are_refused),
        cmocka_unit_test(test_a_remembered_order_needs_no_plan),
        cmocka_unit_test(test_unknown_fields_survive_a_command),
        cmocka_unit_test(test_a_record_beyond_its_limit_is_named),
        cmocka_unit_test(test_an_empty_plan_folder_takes_the_first_apply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
