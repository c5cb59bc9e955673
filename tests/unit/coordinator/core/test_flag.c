/* SPDX-License-Identifier: Apache-2.0 */
/* Flags by hand lie over what the stage says, keep their kind, and go when everything is on legacy
 * again. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define PLAN_FLAGGED                                                            \
    PLAN_HEAD("orders", "/orders")                                              \
    "  flags: {fast: false, color: \"blue\", batch: 10}\n"                      \
    "  stages:\n"                                                               \
    "    - {name: canary, weight: 10, approval: manual, flags: {fast: true}}\n" \
    "    - {name: all, weight: 100, approval: manual, flags: {batch: 20}}\n"

static int setup(void **state)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_FLAGGED);
    rig_all_serve(r, 2);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static struct core_command set(const char *flag, const char *value)
{
    return (struct core_command){.kind = CMD_SET_FLAG, .flag = flag, .flag_value = value};
}

static void expect(struct rig *r, const char *flag, const char *value)
{
    struct route route;
    const struct flag *found;

    assert_true(core_compile(r->core, "orders", &route));
    found = flags_find(&route.flags, flag);
    assert_non_null(found);
    assert_string_equal(found->value, value);
}

static void start(struct rig *r)
{
    rig_does(r, (struct core_command){.kind = CMD_START});
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_expect(r, 1, PHASE_READY);
}

static void test_stages_switch_flags(void **state)
{
    struct rig *r = *state;

    expect(r, "fast", "false");
    start(r);
    expect(r, "fast", "true");
    expect(r, "batch", "10");
}

static void test_by_hand_beats_the_stage_until_it_is_taken_back(void **state)
{
    struct rig *r = *state;
    uint64_t before;

    start(r);
    before = core_revision(r->core);
    rig_does(r, set("fast", "false"));
    assert_true(core_revision(r->core) > before);
    assert_string_equal(r->u.change->summary, "fast of orders is false, by hand");
    expect(r, "fast", "false");
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    expect(r, "fast", "false");
    expect(r, "batch", "20");
    rig_does(r, set("fast", ""));
    assert_string_equal(r->u.change->summary, "fast of orders is what the stage says");
    expect(r, "fast", "true");
}

static void test_what_is_set_already_changes_nothing(void **state)
{
    struct rig *r = *state;
    unsigned saves;

    rig_does(r, set("color", "\"red\""));
    saves = r->saves;
    rig_does(r, set("color", "\"red\""));
    assert_string_equal(r->u.change->summary, "color of orders is already \"red\", by hand");
    rig_does(r, set("batch", ""));
    assert_string_equal(r->u.change->summary, "batch of orders is already what the stage says");
    assert_int_equal(r->saves, saves);
}

static void test_values_keep_their_kind(void **state)
{
    struct rig *r = *state;

    rig_refuses(r, set("fast", "1"), "flag fast is true or false, and 1 is not");
    rig_refuses(r, set("fast", "\"true\""), "flag fast is true or false");
    rig_refuses(r, set("color", "true"), "flag color is a string in double quotes");
    rig_refuses(r, set("batch", "\"12\""), "flag batch is a number");
    rig_refuses(r, set("batch", "[1]"), "a flag's value is true or false, a number or a string");
    rig_refuses(r, set("batch", "twelve"), "is no value for flag");
    rig_does(r, set("batch", "12.5"));
    expect(r, "batch", "12.5");
}

static void test_unknown_flags_are_refused_with_the_nearest(void **state)
{
    struct rig *r = *state;

    rig_refuses(r, set("fsat", "true"),
                "plan orders has no flag \"fsat\" / did you mean \"fast\"?");
    rig_refuses(r, set("", "true"), "which flag?");
}

static void test_all_flags_of_a_kind_at_once(void **state)
{
    struct rig *r = *state;

    rig_does(r, set("batch", "7"));
    rig_does(r, (struct core_command){.kind = CMD_SET_FLAG, .all = true, .flag_value = "true"});
    expect(r, "fast", "true");
    expect(r, "color", "\"blue\"");
    expect(r, "batch", "7");
    rig_does(r, (struct core_command){.kind = CMD_SET_FLAG, .all = true, .flag_value = ""});
    expect(r, "fast", "false");
    expect(r, "batch", "10");
}

/* Everything is on legacy again, as the plan found it. */
static void test_a_fall_to_legacy_takes_all_of_them_back(void **state)
{
    struct rig *r = *state;

    start(r);
    rig_does(r, set("color", "\"red\""));
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_PROMOTE});
    rig_all_serve(r, 2);
    rig_does(r, (struct core_command){.kind = CMD_ROLLBACK, .to_stage = 1});
    expect(r, "color", "\"red\"");
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY});
    expect(r, "color", "\"blue\"");
}

static void test_it_is_recorded_and_needs_a_reason(void **state)
{
    struct rig *r = *state;
    struct core_command cmd = set("fast", "true");
    const struct history_entry *entry;

    rig_does(r, cmd);
    assert_int_equal(view_history(r->core, "orders", &entry, 1), 1);
    assert_string_equal(entry->event, "feature_flag_changed");
    assert_string_equal(entry->operator_name, "ann");
    cmd.reason = "";
    rig_refuses(r, cmd, "needs a reason");
}

/* A plan that gives a flag another kind, or none, ends what was set by hand. */
static void test_a_changed_plan_keeps_what_it_still_knows(void **state)
{
    struct rig *r = *state;

    rig_does(r, set("fast", "true"));
    rig_does(r, set("batch", "12"));
    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  flags: {fast: \"no\", batch: 10}\n"
                                                     "  stages:\n"
                                                     "    - {name: all, weight: 100}\n");
    expect(r, "fast", "\"no\"");
    expect(r, "batch", "12");
    assert_int_equal(rig_status(r, "orders").rollout->flags_by_hand.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stages_switch_flags),
        TEST(test_by_hand_beats_the_stage_until_it_is_taken_back),
        TEST(test_what_is_set_already_changes_nothing),
        TEST(test_values_keep_their_kind),
        TEST(test_unknown_flags_are_refused_with_the_nearest),
        TEST(test_all_flags_of_a_kind_at_once),
        TEST(test_a_fall_to_legacy_takes_all_of_them_back),
        TEST(test_it_is_recorded_and_needs_a_reason),
        TEST(test_a_changed_plan_keeps_what_it_still_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
