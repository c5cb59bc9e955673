/* SPDX-License-Identifier: Apache-2.0 */
/* Every command: what it does, what it says, and each refusal with the command to type instead. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define NODES 3

#define CMD(what, ...) ((struct core_command){.kind = CMD_##what, ##__VA_ARGS__})

static struct plan *parsed(const char *yaml)
{
    struct plan *plan = NULL;
    struct err err;

    assert_ok(plan_parse(str_of(yaml), "plan.yaml", &plan, &err), &err);
    return plan;
}

static void says(const struct rig *r, const char *summary)
{
    assert_non_null(r->u.change);
    assert_string_equal(r->u.change->summary, summary);
}

static void healthy(struct rig *r, unsigned seconds)
{
    for (unsigned s = 0; s < seconds; s++) {
        for (unsigned i = 1; i <= NODES; i++) {
            char node[NAME_SIZE];

            str_fmt(node, sizeof node, "n%u", i);
            rig_report(r, node, "orders", rig_stats(90, 0, 5), rig_stats(10, 0, 6));
        }
        rig_wait(r, 1);
    }
}

/* Put the rollout into `phase`, at canary where a stage is needed. */
static struct rig *at(enum rollout_phase phase)
{
    struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, NODES);
    if (phase == PHASE_PENDING)
        return r;
    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    if (phase == PHASE_CONVERGING)
        return r;
    rig_all_serve(r, NODES);
    if (phase == PHASE_READY)
        healthy(r, 12);
    if (phase == PHASE_PAUSED)
        rig_does(r, CMD(PAUSE));
    if (phase == PHASE_ABORTED)
        rig_does(r, CMD(ABORT));
    if (phase == PHASE_ROLLING_BACK || phase == PHASE_ROLLED_BACK)
        rig_does(r, CMD(ROLLBACK, .to_stage = 1));
    if (phase == PHASE_ROLLED_BACK)
        rig_all_serve(r, NODES);
    assert_int_equal(rig_status(r, "orders").rollout->phase, phase);
    return r;
}

static void test_apply_stores_a_pending_rollout(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct view_status s;

    rig_all_serve(r, NODES);
    rig_apply_text(r, PLAN_ORDERS);
    says(r, "orders is new, with 4 stages; everything goes to legacy until it is started");
    assert_string_equal(r->u.change->from, "");
    assert_string_equal(r->u.change->to, "legacy, pending");
    assert_int_equal(r->u.change->nodes, NODES);
    assert_int_equal(r->published, 1);
    rig_expect(r, 0, PHASE_PENDING);
    s = rig_status(r, "orders");
    assert_int_equal(s.suggested_next_weight_bp, 0);
    assert_string_equal(s.suggested_command, "switchyard start orders");
}

static void test_an_unchanged_plan_is_no_change(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_CONVERGING);

    rig_apply_text(r, PLAN_ORDERS);
    says(r, "plan orders is unchanged");
    assert_null(r->u.save);
    assert_null(r->u.publish);
}

static void test_a_changed_plan_is_a_decision_only_if_nodes_care(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_CONVERGING);

    rig_apply_text(r, PLAN_PLAIN); /* without triggers, which only the coordinator knows */
    says(r, "plan orders is changed; nodes need not know");
    assert_null(r->u.publish);
    rig_apply_text(r, PLAN_HEAD("orders", "/orders") "  breaker: {errors: 7}\n" PLAN_STAGES);
    says(r, "plan orders is changed; nodes get the new decision");
    assert_non_null(r->u.publish);
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_a_change_of_what_runs_is_refused(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PAUSED);
    struct plan *other =
        parsed(PLAN_HEAD("orders", "/orders") "  stages: [{name: canary, weight: 50}]\n");

    assert_int_equal(rig_run(r, CMD(APPLY, .plan = other)), ERR_REFUSED);
    plan_free(other);
}

static void test_overlapping_plans_are_refused_by_name(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);
    struct plan *other = parsed(PLAN_HEAD("baskets", "/orders") PLAN_STAGES);

    rig_refuses(r, CMD(APPLY, .plan = other), "plan baskets claims the same requests as orders");
    plan_free(other);
}

static void test_unknown_names_get_the_nearest(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);

    rig_refuses(r, CMD(START, .migration = "order"), "did you mean \"orders\"?");
    rig_refuses(r, CMD(START, .migration = "payments"), "switchyard get plans");
    assert_int_equal(r->u.refused.code, ERR_NOT_FOUND);
}

static void test_reasons_and_operators_are_asked_for(void **state UNUSED)
{
    static const enum core_command_kind needing[] = {CMD_ABORT, CMD_ROLLBACK,   CMD_EMERGENCY,
                                                     CMD_CLEAR, CMD_SET_WEIGHT, CMD_SET_OVERRIDE};
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    char longest[TEXT_SIZE + 1];

    for (size_t i = 0; i < ARRAY_LEN(needing); i++)
        rig_refuses(r, (struct core_command){.kind = needing[i], .reason = ""},
                    "add --reason TEXT");
    rig_refuses(r, CMD(PAUSE, .operator_name = ""), "add --operator NAME");
    rig_refuses(r, CMD(ABORT, .reason = "\xff"), "not UTF-8");
    memset(longest, 'x', TEXT_SIZE);
    longest[TEXT_SIZE] = '\0';
    rig_refuses(r, CMD(ABORT, .reason = longest), "longer than 255 bytes");
    rig_does(r, CMD(PAUSE, .reason = ""));
}

static void test_start_enters_the_first_stage(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);

    rig_does(r, CMD(START));
    says(r, "orders enters shadow: 0 % of keys on new");
    assert_string_equal(r->u.change->from, "legacy, pending");
    assert_string_equal(r->u.change->to, "shadow (0 %), converging");
    rig_refuses(r, CMD(START), "switchyard promote orders");
}

static void test_promote_waits_for_the_nodes(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_CONVERGING);

    rig_all_serve(r, 1);
    rig_refuses(r, CMD(PROMOTE), "2 of 3 nodes do not serve canary of orders yet: n2, n3");
}

static void test_promote_waits_for_the_nodes_to_come_back(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_CONVERGING);

    rig_restart(r);
    rig_all_serve(r, 3);
    rig_refuses(r, CMD(PROMOTE), "the coordinator has just started");
    rig_wait(r, 6);
    rig_expect(r, 2, PHASE_BAKING);
}

static void test_promote_waits_for_bake_and_gate(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_BAKING);

    rig_refuses(r, CMD(PROMOTE), "canary of orders bakes 10s more; its gate watched for 0s of 10s");
    rig_wait(r, 10);
    rig_refuses(r, CMD(PROMOTE), "the gate of canary of orders holds: 0 of 100 requests");
    healthy(r, 12);
    rig_expect(r, 2, PHASE_READY);
}

static void test_a_failing_gate_keeps_baking_and_is_judged_again(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_BAKING);
    struct view_status s;

    for (unsigned i = 0; i < 12; i++) {
        for (unsigned n = 1; n <= NODES; n++) {
            char node[NAME_SIZE];

            str_fmt(node, sizeof node, "n%u", n);
            rig_report(r, node, "orders", rig_stats(50, 0, 5), rig_stats(50, 1, 6));
        }
        rig_wait(r, 1);
    }
    rig_expect(r, 2, PHASE_BAKING);
    s = rig_status(r, "orders");
    assert_int_equal(s.gate.verdict, VERDICT_FAIL);
    assert_int_equal(s.trigger.verdict, VERDICT_PASS);
    assert_string_equal(s.suggested_command, "switchyard rollback orders --to 1 --reason TEXT");
    rig_refuses(r, CMD(PROMOTE), "the gate of canary of orders fails: error rate of new 2.0 %");
    healthy(r, 14);
    rig_expect(r, 2, PHASE_READY);
}

static void test_promote_goes_up_only(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_refuses(r, CMD(PROMOTE, .to_stage = 1), "switchyard rollback orders --to 1 --reason TEXT");
    rig_refuses(r, CMD(PROMOTE, .to_stage = 2), "orders is at stage 2, canary, already");
    rig_refuses(r, CMD(PROMOTE, .to_stage = 5), "plan orders has no stage 5; its last is 4, all");
    rig_refuses(r, CMD(PROMOTE, .to_stage_name = "quarte"), "did you mean \"quarter\"?");
    rig_does(r, CMD(PROMOTE, .to_stage_name = "all"));
    says(r, "orders enters all: 100 % of keys on new (skips quarter)");
    assert_float_equal(r->u.change->share_affected, 90.0, 1e-9);
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_refuses(r, CMD(PROMOTE), "orders is at its last stage, all");
}

/* Both looked at shadow; the second one means the same step, not another one. */
static void test_two_who_promote_at_once_take_one_step(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();

    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, NODES);
    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_does(r, CMD(PROMOTE, .seen = true, .seen_stage = 1));
    rig_refuses(r, CMD(PROMOTE, .seen = true, .seen_stage = 1),
                "orders has moved since you looked at it: it is at canary (10 %), converging");
    rig_refuses(r, CMD(PROMOTE, .seen = true, .seen_stage = 2, .seen_wave = 1), "has moved");
    rig_refuses(r, CMD(PROMOTE, .seen = true, .seen_stage = 2), "nodes do not serve canary");
}

static void test_pause_keeps_the_rest_of_the_bake_time(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_BAKING);

    rig_wait(r, 4);
    rig_does(r, CMD(PAUSE));
    says(r, "orders is paused at canary: 10 % of keys on new");
    assert_null(r->u.publish);
    rig_refuses(r, CMD(PAUSE), "orders is paused already");
    rig_refuses(r, CMD(PROMOTE), "switchyard resume orders");
    healthy(r, 60);
    rig_expect(r, 2, PHASE_PAUSED);
    rig_does(r, CMD(RESUME));
    says(r, "orders bakes 6s more");
    rig_refuses(r, CMD(RESUME), "orders is not paused");
    healthy(r, 5);
    rig_expect(r, 2, PHASE_BAKING);
    healthy(r, 1);
    rig_expect(r, 2, PHASE_READY);
}

static void test_triggers_stay_armed_while_paused(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PAUSED);

    healthy(r, 2);
    rig_report(r, "n1", "orders", rig_stats(10, 0, 5), rig_stats(100, 90, 6));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

static void test_abort_goes_to_legacy_and_can_start_again(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_does(r, CMD(ABORT));
    says(r, "orders is aborted: everything goes to legacy");
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 0);
    assert_false(rig_status(r, "orders").rollout->last_rollback.present);
    rig_refuses(r, CMD(ABORT), "orders is aborted already");
    rig_refuses(r, CMD(PROMOTE), "switchyard start orders");
    rig_does(r, CMD(START));
    rig_expect(r, 1, PHASE_CONVERGING);
}

static void test_rollback_goes_down_only(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_refuses(r, CMD(ROLLBACK, .to_stage = 2), "switchyard rollback orders --to 1");
    rig_refuses(r, CMD(ROLLBACK, .to_stage = 3), "switchyard promote orders --to 3");
    rig_refuses(r, CMD(ROLLBACK, .to_stage = 9), "plan orders has no stage 9");
    rig_does(r, CMD(ROLLBACK, .to_stage = 1));
    says(r, "orders goes back to shadow: 0 % of keys on new");
    rig_refuses(r, CMD(PROMOTE), "orders is rolling back");
    rig_refuses(r, CMD(START), "acknowledged; 3 of 3 nodes have not: n1, n2, n3");
    rig_refuses(r, CMD(CLEAR), "there is nothing to clear; switchyard status orders");
    rig_does(r, CMD(ROLLBACK, .to_stage = 0));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_int_equal(rig_status(r, "orders").rollbacks_today, 2);
    rig_wait(r, 86400);
    assert_int_equal(rig_status(r, "orders").rollbacks_today, 0);
}

static void test_a_rolled_back_stage_is_promoted_again(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_ROLLED_BACK);

    rig_refuses(r, CMD(START), "switchyard promote orders");
    rig_refuses(r, CMD(PAUSE), "nothing moves on by itself");
    rig_does(r, CMD(PROMOTE));
    rig_expect(r, 2, PHASE_CONVERGING);
}

static void test_a_weight_by_hand_bakes_again(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    struct view_status s;

    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 1700));
    says(r, "orders sends 17 % of keys to new");
    rig_expect(r, 2, PHASE_CONVERGING);
    s = rig_status(r, "orders");
    assert_true(s.rollout->weight_by_hand);
    assert_int_equal(s.suggested_next_weight_bp, 2200);
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 1700));
    says(r, "the weight of orders is 17 % already");
    assert_null(r->u.save);
    rig_all_serve(r, NODES);
    healthy(r, 12);
    rig_expect(r, 2, PHASE_READY);
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard set weight orders 22 --reason TEXT");
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 2000)); /* 25 is the next stage's */
    rig_all_serve(r, NODES);
    healthy(r, 12);
    assert_string_equal(rig_status(r, "orders").suggested_command, "switchyard promote orders");
    rig_does(r, CMD(PROMOTE));
    assert_false(rig_status(r, "orders").rollout->weight_by_hand);
    rig_refuses(r, CMD(SET_WEIGHT, .weight_bp = 10001), "0 to 100 percent");
}

/* At a stage whose share is larger than the one that was left by hand, that one stays. */
static void test_a_rollback_raises_nobody(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    const struct rollout *is;

    rig_does(r, CMD(PROMOTE, .to_stage = 4));
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 500));
    rig_does(r, CMD(ROLLBACK, .to_stage = 2));
    says(r, "orders goes back to canary: 5 % of keys on new");
    rig_expect(r, 2, PHASE_ROLLING_BACK);
    is = rig_status(r, "orders").rollout;
    assert_int_equal(is->weight_bp, 500);
    assert_true(is->weight_by_hand);
    rig_does(r, CMD(ROLLBACK, .to_stage = 1));
    is = rig_status(r, "orders").rollout;
    assert_int_equal(is->weight_bp, 0);
    assert_false(is->weight_by_hand);
}

static void test_a_weight_needs_a_stage(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);

    rig_refuses(r, CMD(SET_WEIGHT, .weight_bp = 500), "switchyard start orders");
    rig_does(r, CMD(START));
    rig_all_serve(r, NODES);
    rig_does(r, CMD(ROLLBACK, .to_stage = 0));
    rig_all_serve(r, NODES);
    rig_refuses(r, CMD(SET_WEIGHT, .weight_bp = 500), "switchyard start orders");
}

/* By hand at the last stage: nothing to promote to, and the way out is named. */
static void test_the_last_stage_by_hand_asks_for_its_weight(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_does(r, CMD(PROMOTE, .to_stage = 4));
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 9000));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_expect(r, 4, PHASE_READY);
    assert_string_equal(rig_status(r, "orders").suggested_command,
                        "switchyard set weight orders 95 --reason TEXT");
    rig_refuses(r, CMD(PROMOTE), "switchyard set weight orders 100 --reason TEXT");
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 10000));
    rig_all_serve(r, NODES);
    rig_wait(r, 1);
    rig_expect(r, 4, PHASE_COMPLETED);
}

static void test_an_override_beats_the_weight(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_LEGACY));
    says(r, "orders sends everything to legacy");
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 0);
    assert_float_equal(r->u.change->share_affected, 10.0, 1e-9);
    rig_expect(r, 2, PHASE_CONVERGING);
    rig_all_serve(r, NODES);
    healthy(r, 30);
    rig_expect(r, 2, PHASE_BAKING); /* nothing is proven under an override */
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW));
    says(r, "orders sends everything to new, unless its breaker opens");
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 10000);
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW));
    says(r, "the override of orders is new already");
    rig_refuses(r, CMD(SET_OVERRIDE, .system = SYSTEM_COUNT), "legacy, new or none");
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_NONE));
    says(r, "orders has no override any more; its weight counts again");
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 1000);
}

/* Its gate sees nothing of new meanwhile, and must not hold what it has let pass before. */
static void test_an_override_to_legacy_can_be_lifted(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_LEGACY));
    rig_all_serve(r, NODES);
    rig_wait(r, 300);
    assert_int_equal(rig_status(r, "orders").gate.verdict, VERDICT_HOLD);
    rig_refuses(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW), "gate");
    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_NONE));
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 1000);
}

/* Before the start, too: an override to new is watched by the triggers and lifted by them. */
static void test_a_trigger_lifts_an_override_to_new(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);

    rig_does(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW));
    rig_all_serve(r, NODES);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(10, 0, 6));
    rig_wait(r, 1);
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(100, 90, 6));
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_int_equal(rig_status(r, "orders").effective_weight_bp, 0);
}

/* A trigger that is violated and cannot be acted on (the disk is full) still refuses every
 * raise. */
static void test_no_raise_while_a_trigger_is_violated(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);

    r->disk_full = true;
    rig_report(r, "n1", "orders", rig_stats(0, 0, 5), rig_stats(100, 90, 6));
    rig_refuses(r, CMD(PROMOTE), "a trigger of orders is violated right now: error rate of new");
    rig_refuses(r, CMD(SET_WEIGHT, .weight_bp = 5000), "a trigger of orders is violated");
    rig_refuses(r, CMD(SET_OVERRIDE, .system = SYSTEM_NEW), "a trigger of orders is violated");
    r->disk_full = false;
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 100));
}

static int keys_stored(const struct rig *r)
{
    int keys = 0;

    for (int i = 0; i < RIG_KEYS; i++)
        keys += r->kv[i].key && !strstr(r->kv[i].key, "/events/");
    return keys;
}

static void test_delete_needs_an_idle_plan(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    rig_refuses(r, CMD(DELETE), "switchyard abort orders --reason TEXT");
    rig_does(r, CMD(EMERGENCY));
    rig_all_serve(r, NODES);
    rig_refuses(r, CMD(DELETE), "switchyard rollback orders --clear --reason TEXT");
    rig_does(r, CMD(CLEAR));
    rig_does(r, CMD(DELETE));
    assert_non_null(r->u.publish);
    assert_true(r->u.publish->removed);
    assert_null(core_next_migration(r->core, ""));
    /* The order's epoch is remembered: should the plan come back, epochs go on rising. */
    assert_int_equal(keys_stored(r), 2);
    assert_non_null(rig_find(r, "/switchyard/v1/emergency/orders"));
    rig_restart(r);
    rig_apply_text(r, PLAN_ORDERS);
    rig_does(r, CMD(EMERGENCY));
    assert_int_equal(rig_status(r, "orders").emergency->epoch, 3);
}

static void test_a_deleted_plan_without_orders_leaves_its_revision(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_PENDING);

    rig_does(r, CMD(DELETE));
    assert_int_equal(keys_stored(r), 1);
    assert_non_null(rig_find(r, "/switchyard/v1/removed"));
    assert_int_equal(core_decision_rev(r->core, "orders"), 0);
    assert_int_equal(core_revision(r->core), r->rev);
    rig_restart(r);
    assert_int_equal(core_revision(r->core), r->rev);
}

static void orders_emergency(struct rig *r, const char *request)
{
    rig_does(r, (struct core_command){.kind = CMD_EMERGENCY, .request = request});
}

/* Its giver heard nothing for a moment and gave it to another coordinator, too. */
static void test_an_emergency_that_comes_twice_is_carried_out_once(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_BAKING);
    unsigned saves;

    orders_emergency(r, "4f00");
    saves = r->saves;
    rig_restart(r);
    orders_emergency(r, "4f00");
    assert_int_equal(r->saves, saves);
    assert_non_null(strstr(r->u.change->summary, "already, by emergency order 1"));
    assert_int_equal(rig_recorded(r, "emergency_rollback"), 1);
    orders_emergency(r, "4f01"); /* somebody means it once more */
    orders_emergency(r, "");
    orders_emergency(r, "");
    assert_int_equal(rig_recorded(r, "emergency_rollback"), 4);
    assert_int_equal(rig_status(r, "orders").emergency->epoch, 4);
}

static void test_an_emergency_that_comes_after_its_lifting_is_too_late(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_BAKING);

    orders_emergency(r, "4f00");
    orders_emergency(r, "4e00"); /* somebody else */
    rig_does(r, CMD(CLEAR));
    rig_restart(r);
    orders_emergency(r, "4f00");
    assert_false(rig_status(r, "orders").emergency->active);
    assert_non_null(strstr(r->u.change->summary, "lifted since"));
    orders_emergency(r, "4f01");
    assert_true(rig_status(r, "orders").emergency->active);
}

/* As many migrations as there may be, and every one of them to legacy in one transaction. */
static void test_the_largest_emergency_is_one_transaction(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct plan *one_more = NULL;
    unsigned saves;

    r->compare_every = UINT32_MAX;
    r->unchecked = true;
    for (unsigned i = 0; i <= CORE_MIGRATIONS_MAX; i++) {
        struct buf yaml = BUF_INIT(1u << 16);

        buf_addf(&yaml, PLAN_HEAD("m%u", "/m%u"), i, i);
        assert_true(buf_add_str(&yaml, STR(PLAN_STAGES)));
        if (i < CORE_MIGRATIONS_MAX)
            rig_apply_text(r, buf_text(&yaml));
        else
            one_more = parsed(buf_text(&yaml));
        buf_deinit(&yaml);
    }
    rig_refuses(r, CMD(APPLY, .plan = one_more), "there are 256 migrations; delete one first");
    plan_free(one_more);
    saves = r->saves;
    r->unchecked = false;
    rig_does(r, CMD(EMERGENCY, .all = true));
    assert_int_equal(r->saves, saves + 1);
    assert_true(r->u.save_count <= CORE_SAVES_MAX);
    assert_string_equal(r->u.change->migration.s, "m0");
    rig_same_after_restart(r);
}

/* A dry run says the same, refuses the same, and leaves no trace. */
static void test_a_dry_run_changes_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    uint64_t rev = r->rev;

    rig_does(r, CMD(PROMOTE, .dry_run = true));
    says(r, "orders enters quarter: 25 % of keys on new");
    assert_string_equal(r->u.change->to, "quarter (25 %), converging");
    assert_int_equal(r->u.change->nodes, NODES);
    assert_float_equal(r->u.change->share_affected, 15.0, 1e-9);
    assert_string_equal(r->u.change->clusters->cluster, "");
    assert_int_equal(r->u.change->clusters->nodes, NODES);
    assert_float_equal(r->u.change->clusters->share, 15.0, 1e-9);
    assert_null(r->u.change->clusters->next);
    assert_true(r->u.dry_run);
    assert_null(r->u.save);
    assert_null(r->u.publish);
    assert_null(r->u.tell);
    rig_refuses(r, CMD(ROLLBACK, .dry_run = true, .to_stage = 2),
                "a rollback goes to an earlier one");
    rig_does(r, CMD(EMERGENCY, .dry_run = true, .all = true));
    assert_int_equal(r->rev, rev);
    rig_expect(r, 2, PHASE_READY);
}

static void test_history_tells_who_did_what(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    const struct history_entry *h[CORE_HISTORY_KEPT];

    rig_does(r, CMD(ROLLBACK, .to_stage = 0, .operator_name = "bob", .reason = "slow checkout"));
    rig_sleep_ms(r, 7);
    rig_all_serve(r, NODES);
    assert_int_equal(view_history(r->core, "orders", h, CORE_HISTORY_KEPT), 4);
    assert_string_equal(h[0]->event, "rollback");
    assert_string_equal(h[0]->operator_name, "bob");
    assert_string_equal(h[0]->reason, "slow checkout");
    assert_string_equal(h[0]->from, "canary (10 %), ready");
    assert_string_equal(h[0]->to, "legacy, rolling_back");
    assert_float_equal(h[0]->measured_ms, 7.0, 1e-6);
    assert_string_equal(h[1]->event, "promote");
    assert_string_equal(h[1]->operator_name, "switchyard");
    assert_string_equal(h[2]->event, "start");
    assert_string_equal(h[3]->event, "apply");
    assert_int_equal(h[3]->sequence, 1);
}

/* What the log says of the entry that gave way; NULL: none did. */
static const char *archived(const struct rig *r)
{
    for (const struct core_tell *t = r->u.tell; t; t = t->next)
        if (t->event == LOG_HISTORY_ARCHIVED)
            return t->text;
    return NULL;
}

static void test_history_keeps_the_newest_fifty(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = at(PHASE_READY);
    const struct history_entry *h[CORE_HISTORY_KEPT + 1];
    int keys = 0;

    for (int i = 0; i < 40; i++)
        rig_does(r, i % 2 ? CMD(RESUME) : CMD(PAUSE));
    assert_null(archived(r));
    for (int i = 0; i < 20; i++)
        rig_does(r, i % 2 ? CMD(RESUME) : CMD(PAUSE));
    assert_holds(archived(r), "migration=orders sequence=");
    assert_holds(archived(r), " what=resume operator=ann");
    assert_int_equal(view_history(r->core, "orders", h, CORE_HISTORY_KEPT + 1), CORE_HISTORY_KEPT);
    for (int i = 0; i < RIG_KEYS; i++)
        keys += r->kv[i].key && strstr(r->kv[i].key, "/history/") != NULL;
    assert_int_equal(keys, CORE_HISTORY_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply_stores_a_pending_rollout),
        cmocka_unit_test(test_an_unchanged_plan_is_no_change),
        cmocka_unit_test(test_a_changed_plan_is_a_decision_only_if_nodes_care),
        cmocka_unit_test(test_a_change_of_what_runs_is_refused),
        cmocka_unit_test(test_overlapping_plans_are_refused_by_name),
        cmocka_unit_test(test_unknown_names_get_the_nearest),
        cmocka_unit_test(test_reasons_and_operators_are_asked_for),
        cmocka_unit_test(test_start_enters_the_first_stage),
        cmocka_unit_test(test_promote_waits_for_the_nodes),
        cmocka_unit_test(test_promote_waits_for_the_nodes_to_come_back),
        cmocka_unit_test(test_promote_waits_for_bake_and_gate),
        cmocka_unit_test(test_a_failing_gate_keeps_baking_and_is_judged_again),
        cmocka_unit_test(test_promote_goes_up_only),
        cmocka_unit_test(test_two_who_promote_at_once_take_one_step),
        cmocka_unit_test(test_pause_keeps_the_rest_of_the_bake_time),
        cmocka_unit_test(test_triggers_stay_armed_while_paused),
        cmocka_unit_test(test_abort_goes_to_legacy_and_can_start_again),
        cmocka_unit_test(test_rollback_goes_down_only),
        cmocka_unit_test(test_a_rolled_back_stage_is_promoted_again),
        cmocka_unit_test(test_a_weight_by_hand_bakes_again),
        cmocka_unit_test(test_a_rollback_raises_nobody),
        cmocka_unit_test(test_a_weight_needs_a_stage),
        cmocka_unit_test(test_the_last_stage_by_hand_asks_for_its_weight),
        cmocka_unit_test(test_an_override_beats_the_weight),
        cmocka_unit_test(test_an_override_to_legacy_can_be_lifted),
        cmocka_unit_test(test_a_trigger_lifts_an_override_to_new),
        cmocka_unit_test(test_no_raise_while_a_trigger_is_violated),
        cmocka_unit_test(test_delete_needs_an_idle_plan),
        cmocka_unit_test(test_a_deleted_plan_without_orders_leaves_its_revision),
        cmocka_unit_test(test_an_emergency_that_comes_twice_is_carried_out_once),
        cmocka_unit_test(test_an_emergency_that_comes_after_its_lifting_is_too_late),
        cmocka_unit_test(test_the_largest_emergency_is_one_transaction),
        cmocka_unit_test(test_a_dry_run_changes_nothing),
        cmocka_unit_test(test_history_tells_who_did_what),
        cmocka_unit_test(test_history_keeps_the_newest_fifty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
