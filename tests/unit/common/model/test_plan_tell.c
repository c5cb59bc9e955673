/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about plans: warnings, differences, sentences. The golden files are what operators
 * read. */
#include "common/base/atomic_file.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_fixture.h"
#include "tests/unit/common/model/plan_rich.h"

#define TEXT_LIMIT (64u << 10)

static struct plan *parse_for(const char *text, const char *environment)
{
    struct plan *p = NULL;
    struct err err = {.msg = ""};

    if (plan_parse_for(str_of(text), "p", environment, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

static void assert_golden(const struct buf *now, const char *path)
{
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(TEXT_LIMIT);
    struct err err;

    assert_ok(file_read(path, &golden, &err), &err);
    assert_string_equal(buf_text(now), buf_text(&golden));
}

/* ---- explain --------------------------------------------------------------------------------- */

static void a_plan_is_told_in_sentences(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *full = parse_for(full_plan, "");
    CLEANUP(plan_freep) struct plan *rich = parse_for(rich_plan, "");
    CLEANUP(plan_freep) struct plan *staging = parse_for(rich_plan, "staging");
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_LIMIT);

    assert_true(plan_explain(full, &b));
    assert_golden(&b, "tests/golden/plans/full.txt");
    buf_clear(&b);
    assert_true(plan_explain(rich, &b));
    assert_golden(&b, "tests/golden/plans/rich.txt");
    buf_clear(&b);
    assert_true(plan_explain(staging, &b));
    assert_golden(&b, "tests/golden/plans/staging.txt");
}

static void sentences_that_do_not_fit_are_not_kept_silent(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_for(full_plan, "");
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100);

    assert_false(plan_explain(p, &b));
}

/* ---- lint ------------------------------------------------------------------------------------ */

static void add_warning(void *ctx, const char *path, const char *text)
{
    buf_addf(ctx, "%s: %s\n", path, text);
}

/* Warnings about RICH_HEAD with this after it. */
static void lints(const char *rest, const char *warnings)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TEXT_LIMIT), told = BUF_INIT(TEXT_LIMIT);
    CLEANUP(plan_freep) struct plan *p = NULL;

    assert_true(buf_addf(&text, RICH_HEAD "%s", rest));
    p = parse_for(buf_text(&text), "");
    plan_lint(p, add_warning, &told);
    assert_string_equal(buf_text(&told), warnings);
}

#define TRIGGERS "  triggers: {errorRate: 1%, p99: 1s}\n"
#define GATE     "gate: {errorRate: 1%}"

static void a_careful_plan_has_no_warning(void **state UNUSED)
{
    lints(TRIGGERS
          "  flags: {fast: false}\n"
          "  stages:\n"
          "    - {name: shadow, weight: 0, risk: low}\n"
          "    - {name: half, weight: 50, risk: high, flags: {fast: true}, " GATE
          "}\n"
          "    - {name: all, weight: 100, risk: critical, approval: manual, " GATE "}\n",
          "");
}

static void what_looks_like_a_mistake_is_told(void **state UNUSED)
{
    lints(
        "  stages: [{name: all, weight: 100, bake: 1h, " GATE "}]\n",
        "spec.triggers: there are none: nothing rolls back by itself\n"
        "spec.stages[0].weight: raises new from 0 to 100 % in one step; a stage between them would "
        "show trouble with fewer users\n");
    lints(TRIGGERS "  stages: [{name: a, weight: 10, risk: medium, bake: 5m, " GATE "}]\n",
          "spec.stages[0].bake: is 5m, and a stage of medium risk is asked to bake 2h\n"
          "spec.stages[0].weight: is under 100 in the last stage: the migration never ends\n");
    lints(
        TRIGGERS "  stages: [{name: a, weight: 50, " GATE "}, {name: b, weight: 100, " GATE "}]\n",
        "spec.stages[0]: has neither bake nor risk, and the next stage asks nobody: it is entered "
        "as soon as the gate lets it\n");
    lints(TRIGGERS "  stages: [{name: a, weight: 50, bake: 1m}, {name: b, weight: 100}]\n",
          "spec.stages[0]: has no gate: time alone lets the rollout go on\n"
          "spec.stages[1]: has no gate: time alone lets the rollout go on\n");
    lints(TRIGGERS
          "  flags: {fast: false}\n"
          "  stages: [{name: a, weight: 50, bake: 1m, " GATE
          "}, {name: b, weight: 100, "
          "risk: critical, " GATE "}]\n",
          "spec.flags.fast: no stage switches it\n"
          "spec.stages[1].risk: is critical, and nobody has to agree; add `approval: manual` or "
          "`approvers`\n");
}

#define TO_ALL \
    "  stages: [{name: a, weight: 50, bake: 1m, " GATE "}, {name: b, weight: 100, " GATE "}]\n"

static void copies_that_act_are_told(void **state UNUSED)
{
    lints(TRIGGERS "  mirror: {methods: [GET, POST]}\n" TO_ALL,
          "spec.mirror.methods: copies POST: what it does, new does as well, on its own data\n");
    lints(TRIGGERS "  mirror: {methods: [GET, POST]}\n  compare: {sample: 1%}\n" TO_ALL,
          "spec.mirror.methods: copies POST: what it does, new does as well, on its own data; and "
          "legacy twice, since spec.compare asks it again\n");
}

static void gates_that_never_open_or_never_matter_are_told(void **state UNUSED)
{
    lints(
        TRIGGERS
        "  stages:\n"
        "    - {name: a, weight: 0, gate: {p99: 1s}}\n"
        "    - {name: b, weight: 50, bake: 1m, gate: {errorRate: 2%, p99: 2s}}\n"
        "    - {name: c, weight: 100, gate: {latencyRatio: 2}}\n",
        "spec.stages[0].gate: judges answers of new, which gets no requests at weight 0: it would "
        "hold for ever\n"
        "spec.stages[1].gate.errorRate: is looser than that of the triggers, which roll back "
        "before\n"
        "spec.stages[1].gate.p99: is looser than that of the triggers, which roll back before\n"
        "spec.stages[2].gate: compares with legacy, which gets no requests at weight 100: it "
        "would hold for ever\n");
}

/* ---- diff ------------------------------------------------------------------------------------ */

static void add_difference(void *ctx, const char *path, const char *before, const char *after)
{
    buf_addf(ctx, "%s: %s -> %s\n", path, before, after);
}

static void differences_are_told_field_by_field(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *a =
        parse_for(RICH_HEAD
                  "  breaker: {errors: 5}\n"
                  "  stages: [{name: a, weight: 10, bake: 1m}, {name: b, weight: 100}]\n",
                  "");
    CLEANUP(plan_freep)
    struct plan *b =
        parse_for(RICH_HEAD
                  "  stages: [{weight: 15, name: a}, {name: b, weight: 100}, {name: c, weight: "
                  "100}]\n"
                  "  rollback: {deadline: 1m}\n",
                  "");
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(TEXT_LIMIT);

    assert_int_equal(plan_diff(a, a, add_difference, &told), 0);
    assert_int_equal(plan_diff(a, b, add_difference, &told), 5);
    assert_string_equal(buf_text(&told),
                        "spec.breaker: {\"errors\":5} -> \n"
                        "spec.stages[0].weight: 10 -> 15\n"
                        "spec.stages[0].bake: \"1m\" -> \n"
                        "spec.stages[2]:  -> {\"name\":\"c\",\"weight\":100}\n"
                        "spec.rollback:  -> {\"deadline\":\"1m\"}\n");
    buf_clear(&told);
    assert_int_equal(plan_diff(b, a, add_difference, &told), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_told_in_sentences),
        cmocka_unit_test(sentences_that_do_not_fit_are_not_kept_silent),
        cmocka_unit_test(a_careful_plan_has_no_warning),
        cmocka_unit_test(what_looks_like_a_mistake_is_told),
        cmocka_unit_test(copies_that_act_are_told),
        cmocka_unit_test(gates_that_never_open_or_never_matter_are_told),
        cmocka_unit_test(differences_are_told_field_by_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
