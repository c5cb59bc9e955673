/* SPDX-License-Identifier: Apache-2.0 */
/* Records are an interface: golden files say how they look, fields of newer versions survive, and
 * what does not fit is refused by name. */
#include "coordinator/core/record.h"

#include "common/base/atomic_file.h"
#include "coordinator/core/record_events.h"
#include "tests/lib/unit.h"
#include "tests/unit/coordinator/core/plans.h"

#define GOLDEN "tests/golden/records/"

static void read_golden(const char *name, struct buf *b)
{
    char path[256];
    struct err err;

    str_fmt(path, sizeof path, GOLDEN "%s", name);
    assert_ok(file_read(path, b, &err), &err);
    while (b->len > 0 && b->data[b->len - 1] == '\n')
        b->data[--b->len] = '\0';
}

static struct plan *orders(void)
{
    struct plan *plan = NULL;
    struct err err;

    assert_ok(plan_parse(STR(PLAN_ORDERS), "plan.yaml", &plan, &err), &err);
    return plan;
}

static wall_t wall(const char *text)
{
    wall_t t;

    assert_true(wall_parse(str_of(text), &t));
    return t;
}

/* As pretty JSON, which is what the golden files hold. */
static void is_golden(const struct buf *compact, const char *name)
{
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(RECORD_PLAN_MAX);
    CLEANUP(buf_deinitp) struct buf pretty = BUF_INIT(RECORD_PLAN_MAX);
    struct json *j;
    struct err err;

    read_golden(name, &golden);
    assert_ok(json_parse(buf_view(compact), &j, &err), &err);
    assert_true(json_print(j, true, &pretty));
    json_free(j);
    assert_string_equal(buf_text(&pretty), buf_text(&golden));
}

static void sample_rollout(struct rollout *r)
{
    *r = (struct rollout){
        .phase = PHASE_PAUSED,
        .resume_phase = PHASE_BAKING,
        .stage = 2,
        .weight_bp = 1250,
        .weight_by_hand = true,
        .override = SYSTEM_LEGACY,
        .since = wall("2026-11-21T10:07:04.123Z"),
        .bake_left = dur_ms(190000),
        .why = "an operator paused the rollout: lunch",
        .decision_rev = 811,
        .decision_store = "0f4b",
        .decided_at = wall("2026-11-21T10:06:00Z"),
        .history_seq = 17,
        .rollbacks_today = 2,
        .rollbacks_day = 20778,
        .last_rollback =
            {
                .present = true,
                .reason =
                    "error rate of new 43.1 % over the last 10s exceeds 5 % (812 of 1884 requests)",
                .operator_name = "switchyard",
                .ordered_at = wall("2026-11-21T09:00:00Z"),
                .deadline = wall("2026-11-21T09:00:30Z"),
                .measured_ms = 41.5,
                .p50_ms = 12.25,
                .p99_ms = 40.5,
                .last_node = {.s = "n7"},
                .detect_ms = 1000,
                .violation = {"error rate of new 43.1 % over the last 10s exceeds 5 % "
                              "(812 of 1884 requests)"},
                .violation_count = 1,
                .from_stage = 3,
                .to_stage = 1,
            },
        .quarantined = {{.s = "n3"}, {.s = "n4.eu"}},
        .quarantined_count = 2,
    };
}

static void test_a_rollout_looks_like_this(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_PLAN_MAX);
    struct plan *plan = orders();
    struct rollout r;

    sample_rollout(&r);
    assert_true(record_write_rollout(&r, plan, &b));
    is_golden(&b, "rollout-paused.json");

    r = (struct rollout){.phase = PHASE_ROLLING_BACK,
                         .since = wall("2026-11-21T10:07:04.123Z"),
                         .deadline = wall("2026-11-21T10:07:34.123Z"),
                         .why = "an emergency order sends everything to legacy: down",
                         .history_seq = 3};
    buf_clear(&b);
    assert_true(record_write_rollout(&r, plan, &b));
    is_golden(&b, "rollout-rolling-back.json");
    plan_free(plan);
}

/* On its way through stages with waves: prepared while it is paused, in a wave, on its way back. */
static void sample_moving(unsigned i, struct rollout *r)
{
    const struct rollout all[] = {
        {.phase = PHASE_PAUSED,
         .resume_phase = PHASE_PREPARING,
         .stage = 1,
         .weight_bp = 1000,
         .entering_stage = 2,
         .entering_operator = "ann@example.com",
         .entering_reason = "all is quiet",
         .proven_stage = 1},
        {.phase = PHASE_BAKING,
         .stage = 2,
         .weight_bp = 2500,
         .wave = 2,
         .base_stage = 1,
         .base_weight_bp = 1250,
         .bake_until = wall("2026-11-21T10:17:04.123Z"),
         .proven_stage = 3,
         .proven_until = wall("2026-11-21T12:07:04.123Z")},
        {.phase = PHASE_RETREATING,
         .stage = 2,
         .weight_bp = 2500,
         .step_at = wall("2026-11-21T10:08:04.123Z"),
         .step_every = dur_s(60)},
        {.phase = PHASE_READY, .stage = 1, .weight_bp = 1000, .barred = true},
        {.phase = PHASE_CONVERGING, .stage = 4, .weight_bp = 10000, .full = true},
        {.phase = PHASE_READY,
         .stage = 1,
         .weight_bp = 1000,
         .breaker = {.state = FLEET_BREAKER_FORCED_OPEN,
                     .order = BREAKER_ORDER_OPEN,
                     .order_number = 1795255624123,
                     .since = wall("2026-11-21T10:07:04.123Z"),
                     .why = "an operator opened it on every node: INC-1234",
                     .operator_name = "ann@example.com"}},
        {.phase = PHASE_READY,
         .stage = 1,
         .weight_bp = 1000,
         .mirror_by_hand = true,
         .mirror_bp = 1250},
        {.phase = PHASE_READY,
         .stage = 1,
         .weight_bp = 1000,
         .breaker_by_hand = {.set = 1u << BREAKER_KNOB_ERRORS | 1u << BREAKER_KNOB_OPEN_FOR |
                                    1u << BREAKER_KNOB_ERROR_RATE | 1u << BREAKER_KNOB_MODE,
                             .value = {[BREAKER_KNOB_ERRORS] = 10,
                                       [BREAKER_KNOB_OPEN_FOR] = 90000,
                                       [BREAKER_KNOB_ERROR_RATE] = 250,
                                       [BREAKER_KNOB_MODE] = BREAKER_MODE_WATCH}}},
    };

    *r = all[i];
    r->since = wall("2026-11-21T10:07:04.123Z");
    r->history_seq = 9;
}

static const char *const moving[] = {"rollout-preparing.json",      "rollout-in-a-wave.json",
                                     "rollout-retreating.json",     "rollout-barred.json",
                                     "rollout-full.json",           "rollout-breaker-open.json",
                                     "rollout-mirror-by-hand.json", "rollout-breaker-by-hand.json"};

static void test_a_rollout_on_its_way_looks_like_this(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_PLAN_MAX);
    struct plan *plan = orders();

    for (unsigned i = 0; i < ARRAY_LEN(moving); i++) {
        CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(RECORD_PLAN_MAX);
        struct rollout r, again;
        struct err err;

        sample_moving(i, &r);
        buf_clear(&b);
        assert_true(record_write_rollout(&r, plan, &b));
        is_golden(&b, moving[i]);
        read_golden(moving[i], &golden);
        assert_ok(record_read_rollout(buf_view(&golden), &again, &err), &err);
        assert_memory_equal(&again, &r, sizeof r);
    }
    plan_free(plan);
}

static void test_an_order_and_an_entry_look_like_this(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_PLAN_MAX);
    const struct emergency order = {.epoch = 7,
                                    .active = true,
                                    .reason = "checkout is down",
                                    .operator_name = "ann@example.com",
                                    .ordered_at = wall("2026-11-21T10:07:04.123Z")};
    const struct history_entry entry = {.time = wall("2026-11-21T10:07:04.123Z"),
                                        .event = "rollback",
                                        .operator_name = "ann",
                                        .reason = "slow \"checkout\"",
                                        .from = "canary (10 %), ready",
                                        .to = "legacy, rolling_back",
                                        .revision = 812,
                                        .measured_ms = 41.5,
                                        .request = "9f3c00a1d2e4b576"};

    assert_true(record_write_emergency(&order, NULL, &b));
    is_golden(&b, "emergency.json");
    buf_clear(&b);
    assert_true(record_write_history(&entry, NULL, &b));
    is_golden(&b, "history.json");
}

static void test_events_look_like_this(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_MAX);
    const struct event event[] = {
        {.kind = "rollback",
         .time = wall("2026-11-21T10:07:04.123Z"),
         .operator_name = "switchyard",
         .stage = "canary-10",
         .node = "",
         .text = "a trigger fired: error rate of new 43.1 % over the last 10s exceeds 5 %"},
        {.kind = "breaker_opened",
         .time = wall("2026-11-21T10:07:04.123Z"),
         .operator_name = "switchyard",
         .stage = "canary-10",
         .node = "n7",
         .text = "n7 sends everything to legacy"},
    };
    struct event_batch *batch = event_batch_new(41, event, ARRAY_LEN(event)), *again = NULL;
    struct err err;

    assert_true(record_write_events(batch, &b));
    is_golden(&b, "events.json");
    assert_ok(record_read_events(buf_view(&b), 41, &again, &err), &err);
    assert_int_equal(event_batch_last(again), 42);
    assert_string_equal(again->event[1].node, "n7");
    assert_string_equal(again->event[0].text, event[0].text);
    assert_int_equal(again->event[0].time.ns, event[0].time.ns);
    event_batch_unref(batch);
    event_batch_unref(again);
}

static void rewrite_rollout(const struct buf *from, struct buf *to)
{
    struct plan *plan = orders();
    struct rollout r;
    struct err err;

    assert_ok(record_read_rollout(buf_view(from), &r, &err), &err);
    assert_true(record_write_rollout(&r, plan, to));
    json_free(r.extra);
    plan_free(plan);
}

static void test_golden_rollouts_survive_a_round_trip(void **state UNUSED)
{
    static const char *const files[] = {"rollout-paused.json", "rollout-rolling-back.json",
                                        "rollout-of-a-newer-version.json",
                                        "rollout-of-an-older-version.json"};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(RECORD_PLAN_MAX);
        CLEANUP(buf_deinitp) struct buf again = BUF_INIT(RECORD_PLAN_MAX);

        read_golden(files[i], &golden);
        rewrite_rollout(&golden, &again);
        is_golden(&again, files[i]);
    }
}

static void test_every_field_comes_back(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(RECORD_PLAN_MAX);
    struct rollout r, want;
    struct err err;

    sample_rollout(&want);
    read_golden("rollout-paused.json", &golden);
    assert_ok(record_read_rollout(buf_view(&golden), &r, &err), &err);
    assert_null(r.extra);
    assert_int_equal(r.phase, want.phase);
    assert_int_equal(r.resume_phase, want.resume_phase);
    assert_int_equal(r.stage, want.stage);
    assert_int_equal(r.weight_bp, want.weight_bp);
    assert_true(r.weight_by_hand);
    assert_int_equal(r.override, want.override);
    assert_int_equal(r.since.ns, want.since.ns);
    assert_int_equal(r.bake_left.ns, want.bake_left.ns);
    assert_string_equal(r.why, want.why);
    assert_int_equal(r.history_seq, want.history_seq);
    assert_int_equal(r.rollbacks_today, want.rollbacks_today);
    assert_int_equal(r.rollbacks_day, want.rollbacks_day);
    assert_string_equal(r.last_rollback.violation[0], want.last_rollback.violation[0]);
    assert_int_equal(r.last_rollback.from_stage, want.last_rollback.from_stage);
    assert_float_equal(r.last_rollback.measured_ms, want.last_rollback.measured_ms, 1e-9);
    assert_float_equal(r.last_rollback.p50_ms, want.last_rollback.p50_ms, 1e-9);
    assert_float_equal(r.last_rollback.p99_ms, want.last_rollback.p99_ms, 1e-9);
    assert_string_equal(r.last_rollback.last_node.s, want.last_rollback.last_node.s);
    assert_int_equal(r.last_rollback.deadline.ns, want.last_rollback.deadline.ns);
    assert_int_equal(r.decision_rev, want.decision_rev);
    assert_string_equal(r.decision_store, want.decision_store);
    assert_int_equal(r.decided_at.ns, want.decided_at.ns);
    assert_int_equal(r.quarantined_count, 2);
    assert_string_equal(r.quarantined[1].s, "n4.eu");
}

/* What an older version did not measure is not known, rather than zero. */
static void test_an_older_record_has_gaps(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(RECORD_PLAN_MAX);
    struct rollout r;
    struct err err;

    read_golden("rollout-of-an-older-version.json", &golden);
    assert_ok(record_read_rollout(buf_view(&golden), &r, &err), &err);
    assert_float_equal(r.last_rollback.p50_ms, -1.0, 0.0);
    assert_float_equal(r.last_rollback.p99_ms, -1.0, 0.0);
    assert_string_equal(r.last_rollback.last_node.s, "");
    assert_int_equal(r.decision_rev, 0);
    assert_int_equal(r.quarantined_count, 0);
}

static void test_unknown_fields_of_orders_and_entries_survive(void **state UNUSED)
{
    static const char order_text[] =
        "{\"version\":1,\"epoch\":7,\"active\":false,\"reason\":\"r\","
        "\"operator\":\"o\",\"door\":\"cli\"}";
    static const char entry_text[] =
        "{\"version\":1,\"event\":\"pause\",\"operator\":\"o\",\"reason\":\"\",\"from\":\"\","
        "\"to\":\"\","
        "\"measuredMs\":0,\"ticket\":{\"id\":12}}";
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_PLAN_MAX);
    struct json *extra = NULL;
    struct history_entry entry;
    struct emergency order;
    struct err err;

    assert_ok(record_read_emergency(str_of(order_text), &order, &extra, &err), &err);
    assert_true(record_write_emergency(&order, extra, &b));
    assert_string_equal(buf_text(&b), order_text);
    json_free(extra);

    buf_clear(&b);
    assert_ok(record_read_history(str_of(entry_text), &entry, &extra, &err), &err);
    assert_true(record_write_history(&entry, extra, &b));
    assert_string_equal(buf_text(&b), entry_text);
    json_free(extra);
}

static void test_a_plan_is_stored_as_applied(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(RECORD_PLAN_MAX);
    CLEANUP(buf_deinitp) struct buf again = BUF_INIT(RECORD_PLAN_MAX);
    struct plan *plan = orders(), *back;
    struct err err;

    assert_true(record_write_plan(plan, &b));
    assert_ok(record_read_plan(buf_view(&b), &back, &err), &err);
    assert_true(record_write_plan(back, &again));
    assert_string_equal(buf_text(&b), buf_text(&again));
    assert_int_equal(back->stage_count, plan->stage_count);
    plan_free(plan);
    plan_free(back);
}

static void test_what_does_not_fit_is_refused_by_name(void **state UNUSED)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *words;
    } cases[] = {
        {"", ERR_CORRUPT, ""},
        {"[]", ERR_CORRUPT, "expected a mapping"},
        {"{}", ERR_CORRUPT, "version is missing"},
        {"{\"version\":\"one\"}", ERR_CORRUPT, "version is missing"},
        {"{\"version\":2,\"phase\":\"pending\"}", ERR_UNSUPPORTED, "version 2 is newer"},
        {"{\"version\":1}", ERR_CORRUPT, "phase \"\" is not a phase"},
        {"{\"version\":1,\"phase\":\"swimming\"}", ERR_CORRUPT, "\"swimming\" is not a phase"},
        {"{\"version\":1,\"phase\":\"paused\",\"weight\":1}", ERR_CORRUPT, "resumePhase"},
        {"{\"version\":1,\"phase\":\"pending\"}", ERR_CORRUPT, "weight is not a percentage"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":101}", ERR_CORRUPT, "weight"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":-1}", ERR_CORRUPT, "weight"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"mirrorByHand\":\"on\"}", ERR_CORRUPT,
         "mirrorByHand"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"stage\":-1}", ERR_CORRUPT, "stage"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"stage\":\"x\"}", ERR_CORRUPT,
         "stage"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"override\":\"both\"}", ERR_CORRUPT,
         "\"both\" is not a system"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"since\":\"noon\"}", ERR_CORRUPT,
         "since is not a time"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"rollbacksDay\":\"today\"}",
         ERR_CORRUPT, "rollbacksDay is not a date"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"decision\":{\"time\":\"now\"}}",
         ERR_CORRUPT, "decision: time is not a time"},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"quarantined\":[\"n 1\"]}",
         ERR_CORRUPT, "quarantined: "},
        {"{\"version\":1,\"phase\":\"pending\",\"weight\":0,\"lastRollback\":{\"time\":5}}",
         ERR_CORRUPT, "lastRollback: time is not a time"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollout r;
        struct err err;

        assert_fails(record_read_rollout(str_of(cases[i].text), &r, &err), cases[i].code);
        assert_holds(err.msg, cases[i].words);
    }
}

static void test_an_order_needs_an_epoch(void **state UNUSED)
{
    static const char *const broken[] = {
        "{\"version\":1}",
        "{\"version\":1,\"epoch\":0,\"active\":true}",
        "{\"version\":1,\"epoch\":3}",
        "{\"version\":1,\"epoch\":3,\"active\":\"yes\"}",
        "{\"version\":1,\"epoch\":3,\"active\":true,\"time\":\"now\"}",
    };

    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct json *extra;
        struct emergency e;
        struct err err;

        assert_fails(record_read_emergency(str_of(broken[i]), &e, &extra, &err), ERR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rollout_looks_like_this),
        cmocka_unit_test(test_a_rollout_on_its_way_looks_like_this),
        cmocka_unit_test(test_an_order_and_an_entry_look_like_this),
        cmocka_unit_test(test_events_look_like_this),
        cmocka_unit_test(test_golden_rollouts_survive_a_round_trip),
        cmocka_unit_test(test_every_field_comes_back),
        cmocka_unit_test(test_an_older_record_has_gaps),
        cmocka_unit_test(test_unknown_fields_of_orders_and_entries_survive),
        cmocka_unit_test(test_a_plan_is_stored_as_applied),
        cmocka_unit_test(test_what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(test_an_order_needs_an_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
