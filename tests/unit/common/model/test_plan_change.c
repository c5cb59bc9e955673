/* SPDX-License-Identifier: Apache-2.0 */
/* What may change in the plan of a rollout that is under way: what lies ahead, and how it is
 * judged; not what nodes and users have been given. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_rich.h"

/* rich_plan with the first `from` replaced. */
static struct plan *parse_with(const char *from, const char *to)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16);
    const char *at = strstr(rich_plan, from);
    struct err err = {.msg = ""};
    struct plan *p = NULL;

    assert_non_null(at);
    assert_true(
        buf_addf(&text, "%.*s%s%s", (int)(at - rich_plan), rich_plan, to, at + strlen(from)));
    if (plan_parse(buf_view(&text), "p", &p, &err) < 0)
        fail_msg("%s: %s", to, err.msg);
    return p;
}

#define WAVES                                                \
    "      waves:\n"                                         \
    "        - {select: \"zone=a,cluster=eu\", bake: 10m}\n" \
    "        - {select: \"cluster=eu\", approval: manual}\n"
#define ENFORCED "    - {name: enforced, weight: 100, enforce: true, bake: 1h}\n"

/* Under way at a stage of rich_plan, and in it at a wave; NULL: allowed. */
static const struct {
    unsigned stage, wave;
    const char *from, *to;
    const char *refusal;
} changes[] = {
    {2, 1, "confidence: 99%", "confidence: 90%", NULL},
    {2, 1, "[make, smoke]", "[make, check]", NULL},
    {2, 1, "[warm, caches]", "[warm, everything]", NULL},
    {2, 1, "approvers: 2", "approvers: 3", NULL},
    {2, 1, "risk: medium", "risk: critical", NULL},
    {2, 1, "backup: true", "backup: false", NULL},
    {2, 1, "reason: weekend", "reason: nobody is there", NULL},
    {2, 1, "maxAge: 7d", "maxAge: 1d", NULL},
    {2, 1, "{for: 14d", "{for: 30d", NULL},
    {2, 1, ENFORCED, "", NULL},
    {2, 1, "theme: plain", "theme: plain, sound: false", NULL},
    /* waves */
    {2, 1, "select: \"cluster=eu\"", "select: \"cluster=us\"", NULL},
    {2, 2, "select: \"cluster=eu\"", "select: \"cluster=us\"",
     "wave 2 of stage 2 \"canary\" changes from cluster=eu to cluster=us, and it is reached"},
    {2, 1, "select: \"zone=a,cluster=eu\"", "select: \"zone=b,cluster=eu\"",
     "wave 1 of stage 2 \"canary\" changes from cluster=eu,zone=a to cluster=eu,zone=b, and it is "
     "reached"},
    {2, 3, "        - {select: \"cluster=eu\", approval: manual}\n", "",
     "wave 2 of stage 2 \"canary\" changes from cluster=eu to *, and it is reached"},
    {2, 1, WAVES, "", "stage 2 \"canary\" would lose its waves, and it has reached 1 of 3"},
    {3, 0, WAVES, "", NULL},
    {3, 0, "{name: all, weight: 100, risk: critical}",
     "{name: all, weight: 100, risk: critical, waves: [{select: a=1}]}",
     "stage 3 \"all\" would get waves, and it has reached every node"},
    {2, 1, "{name: all, weight: 100, risk: critical}",
     "{name: all, weight: 100, risk: critical, waves: [{select: a=1}]}", NULL},
    /* flags */
    {1, 0, "discovery: true", "batch: 11", NULL},
    {2, 1, "discovery: true", "discovery: false",
     "flag discovery changes from true to false at stage 2, which is reached"},
    {2, 1, "discovery: true", "batch: 11",
     "flag batch changes from 10 to 11 at stage 2, which is reached"},
    {1, 0, "theme: plain", "theme: dark",
     "flag theme changes from \"plain\" to \"dark\" at stage 1, which is reached"},
    {1, 0, ", theme: plain", "", "flag theme is gone, and applications are given it"},
    {1, 0, "batch: 10", "batch: true",
     "flag batch changes from 10 to true at stage 1, which is reached"},
    /* enforcement */
    {3, 0, "{name: all, weight: 100, risk: critical}", "{name: all, weight: 100, enforce: true}",
     "stage 3 \"all\" would forbid legacy to everybody at once"},
    {4, 0, "enforce: true, ", "", "stage 4 \"enforced\" would allow legacy to everybody at once"},
    {3, 0, "enforce: true, ", "", NULL},
};

static void what_is_reached_stays(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *old = parse_with("confidence", "confidence");

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(plan_freep) struct plan *new = parse_with(changes[i].from, changes[i].to);
        struct err err = {.msg = ""};
        int r = plan_check_change(old, new, changes[i].stage, changes[i].wave, &err);

        assert_string_equal(err.msg, changes[i].refusal ? changes[i].refusal : "");
        assert_int_equal(r, changes[i].refusal ? -ERR_REFUSED : 0);
        if (r < 0)
            assert_holds(err.hint, "`switchyard abort orders` first");
    }
}

static void a_rollout_stays_in_its_environment(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *none = parse_with("flags", "flags"), *prod = NULL;
    struct err err;

    assert_ok(plan_parse_for(str_of(rich_plan), "p", "prod", &prod, &err), &err);
    assert_ok(plan_check_change(prod, prod, 1, 0, &err), &err);
    assert_fails(plan_check_change(prod, none, 1, 0, &err), ERR_REFUSED);
    assert_string_equal(err.msg, "the environment changes from prod to none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reached_stays),
        cmocka_unit_test(a_rollout_stays_in_its_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
