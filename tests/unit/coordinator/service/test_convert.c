/* SPDX-License-Identifier: Apache-2.0 */
/* What may come in, and what goes out, field by field. */
#include "coordinator/service/convert.h"

#include <math.h>

#include "operator.pb-c.h"
#include "tests/lib/unit.h"

static char app[] = "app", who[] = "ada", why[] = "because", nothing[] = "";

static Switchyard__V1__Start start = SWITCHYARD__V1__START__INIT;

static Switchyard__V1__Command command(void)
{
    Switchyard__V1__Command c = SWITCHYARD__V1__COMMAND__INIT;

    c.migration = app;
    c.operator_ = who;
    c.reason = why;
    c.action_case = SWITCHYARD__V1__COMMAND__ACTION_START;
    c.start = &start;
    return c;
}

static void assert_refused(const Switchyard__V1__Command *m, const char *says)
{
    struct convert_command c;
    struct err err;

    assert_fails(convert_command(&m->base, &c, &err), ERR_INVALID);
    assert_holds(err.msg, says);
}

static struct core_command accepted(const Switchyard__V1__Command *m)
{
    struct convert_command c;
    struct err err;

    assert_ok(convert_command(&m->base, &c, &err), &err);
    convert_command_deinit(&c);
    return c.core;
}

/* ---- commands -------------------------------------------------------------------------------- */

static void a_command_keeps_who_why_and_what(void **state UNUSED)
{
    Switchyard__V1__Command m = command();
    struct core_command c;

    m.dry_run = true;
    c = accepted(&m);
    assert_int_equal(c.kind, CMD_START);
    assert_string_equal(c.migration, "app");
    assert_string_equal(c.operator_name, "ada");
    assert_string_equal(c.reason, "because");
    assert_true(c.dry_run);
}

static void words_outside_their_limits_are_refused(void **state UNUSED)
{
    char long_text[400], two_lines[] = "one\ntwo", not_utf8[] = "caf\xe9";
    char terminal[] =
        "INC-1\xc2\x9b"
        "2J";
    Switchyard__V1__Command m = command();

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    m.reason = long_text;
    assert_refused(&m, "the reason has 399 bytes");
    m.reason = two_lines;
    assert_refused(&m, "control character at byte 4");
    m.reason = terminal;
    assert_refused(&m, "control character at byte 6");
    m.reason = not_utf8;
    assert_refused(&m, "not valid UTF-8");
    m.reason = why;
    m.operator_ = nothing;
    assert_refused(&m, "who gives it");
    m.operator_ = who;
    m.migration = long_text;
    assert_refused(&m, "migration's name");
    m.migration = nothing;
    assert_refused(&m, "which migration");
    m.migration = app;
    m.request_id = long_text;
    assert_refused(&m, "request id");
}

static void actions_that_move_traffic_by_hand_need_a_reason(void **state UNUSED)
{
    Switchyard__V1__Abort abort_action = SWITCHYARD__V1__ABORT__INIT;
    Switchyard__V1__Command m = command();

    m.reason = nothing;
    accepted(&m);
    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_ABORT;
    m.abort = &abort_action;
    assert_refused(&m, "abort needs a reason");
    m.reason = why;
    assert_int_equal(accepted(&m).kind, CMD_ABORT);
}

static void a_recovery_names_whom_it_excuses(void **state UNUSED)
{
    static char *names[QUARANTINE_MAX + 1];
    Switchyard__V1__Recover recover = SWITCHYARD__V1__RECOVER__INIT;
    Switchyard__V1__Command m = command();
    char bad[] = "n\n1", *list[] = {app, bad};
    struct core_command c;

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_RECOVER;
    m.recover = &recover;
    m.reason = nothing; /* the core asks for one where it needs it */
    assert_int_equal(accepted(&m).quarantine_count, 0);
    recover.quarantine = list;
    recover.n_quarantine = 1;
    recover.quarantine_laggards = true;
    c = accepted(&m);
    assert_int_equal(c.kind, CMD_RECOVER);
    assert_int_equal(c.quarantine_count, 1);
    assert_string_equal(c.quarantine[0], "app");
    assert_true(c.quarantine_laggards);
    recover.n_quarantine = 2;
    assert_refused(&m, "node's name");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = app;
    recover.quarantine = names;
    recover.n_quarantine = ARRAY_LEN(names);
    assert_refused(&m, "more than 64 nodes");
}

static void a_command_without_a_known_action_is_refused(void **state UNUSED)
{
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION__NOT_SET;
    assert_refused(&m, "no action");
}

static void weights_are_percent_with_two_decimals(void **state UNUSED)
{
    static const struct {
        double percent;
        uint32_t bp;
    } good[] = {{0, 0}, {0.01, 1}, {12.5, 1250}, {33.33, 3333}, {100, 10000}};
    static const double bad[] = {-0.01, 100.01, 12.345, NAN, INFINITY};
    Switchyard__V1__SetWeight set = SWITCHYARD__V1__SET_WEIGHT__INIT;
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_WEIGHT;
    m.set_weight = &set;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        set.weight = good[i].percent;
        assert_int_equal(accepted(&m).weight_bp, good[i].bp);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        set.weight = bad[i];
        assert_refused(&m, "weight");
    }
}

static void a_share_of_copies_is_percent_or_the_stages(void **state UNUSED)
{
    Switchyard__V1__SetMirror set = SWITCHYARD__V1__SET_MIRROR__INIT;
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_MIRROR;
    m.set_mirror = &set;
    set.share = 12.5;
    assert_int_equal(accepted(&m).kind, CMD_SET_MIRROR);
    assert_int_equal(accepted(&m).mirror_bp, 1250);
    assert_false(accepted(&m).by_plan);
    set.by_plan = true;
    assert_true(accepted(&m).by_plan);
    set.share = 100.5;
    assert_refused(&m, "share");
    m.reason = nothing;
    assert_refused(&m, "set_mirror needs a reason");
}

static void an_override_names_a_system_or_none(void **state UNUSED)
{
    Switchyard__V1__SetOverride set = SWITCHYARD__V1__SET_OVERRIDE__INIT;
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_SET_OVERRIDE;
    m.set_override = &set;
    assert_int_equal(accepted(&m).system, SYSTEM_NONE);
    set.system = SWITCHYARD__V1__SYSTEM__SYSTEM_NEW;
    assert_int_equal(accepted(&m).system, SYSTEM_NEW);
    set.system = (Switchyard__V1__System)7;
    assert_refused(&m, "unknown system 7");
}

static void a_target_is_a_number_or_a_name(void **state UNUSED)
{
    Switchyard__V1__Promote promote = SWITCHYARD__V1__PROMOTE__INIT;
    Switchyard__V1__Command m = command();
    char half[] = "half";

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_PROMOTE;
    m.promote = &promote;
    assert_int_equal(accepted(&m).to_stage, 0);
    promote.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE;
    promote.to_stage = 3;
    assert_int_equal(accepted(&m).to_stage, 3);
    promote.target_case = SWITCHYARD__V1__PROMOTE__TARGET_TO_STAGE_NAME;
    promote.to_stage_name = half;
    assert_string_equal(accepted(&m).to_stage_name, "half");
}

static void how_far_a_promote_goes_and_how_fast_an_abort(void **state UNUSED)
{
    Switchyard__V1__Promote promote = SWITCHYARD__V1__PROMOTE__INIT;
    Switchyard__V1__Abort abort = SWITCHYARD__V1__ABORT__INIT;
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_PROMOTE;
    m.promote = &promote;
    assert_false(accepted(&m).full);
    promote.full = true;
    assert_true(accepted(&m).full);

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_ABORT;
    m.abort = &abort;
    assert_false(accepted(&m).gradual);
    abort.gradual = true;
    abort.step_s = 90;
    assert_true(accepted(&m).gradual);
    assert_int_equal(accepted(&m).step_every.ns, dur_s(90).ns);
}

static void an_emergency_is_for_one_or_for_all(void **state UNUSED)
{
    Switchyard__V1__Emergency all = SWITCHYARD__V1__EMERGENCY__INIT;
    Switchyard__V1__Command m = command();

    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY;
    m.emergency = &all;
    assert_false(accepted(&m).all);
    all.all = true;
    assert_refused(&m, "not both");
    m.migration = nothing;
    assert_true(accepted(&m).all);
}

static void a_plan_is_refused_with_its_file_and_line(void **state UNUSED)
{
    static char text[] = "apiVersion: switchyard/v1\nkind: Migration\nmetadata: {title: app}\n";
    static char file[] = "orders.yaml";
    Switchyard__V1__Apply apply = SWITCHYARD__V1__APPLY__INIT;
    Switchyard__V1__Command m = command();

    m.migration = nothing;
    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    m.apply = &apply;
    apply.source = file;
    apply.document = (ProtobufCBinaryData){sizeof(text) - 1, (uint8_t *)text};
    assert_refused(&m, "orders.yaml:");
}

static void a_plan_must_be_the_one_that_the_command_names(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(64u << 10);
    Switchyard__V1__Apply apply = SWITCHYARD__V1__APPLY__INIT;
    Switchyard__V1__Command m = command();
    struct convert_command c;
    char other[] = "other";
    struct err err;

    assert_ok(plan_default("app", "http://a:1", "http://b:2", &text, &err), &err);
    m.action_case = SWITCHYARD__V1__COMMAND__ACTION_APPLY;
    m.apply = &apply;
    apply.document = (ProtobufCBinaryData){text.len, (uint8_t *)text.data};
    m.migration = other;
    assert_refused(&m, "the plan is of app");
    m.migration = nothing;
    assert_ok(convert_command(&m.base, &c, &err), &err);
    assert_string_equal(c.core.migration, "app");
    assert_ptr_equal(c.core.plan, c.plan);
    convert_command_deinit(&c);
}

/* ---- queries and replies --------------------------------------------------------------------- */

static void waiting_and_history_are_bounded(void **state UNUSED)
{
    Switchyard__V1__AwaitRequest await = SWITCHYARD__V1__AWAIT_REQUEST__INIT;
    Switchyard__V1__HistoryRequest history = SWITCHYARD__V1__HISTORY_REQUEST__INIT;
    struct convert_query q;
    struct err err;

    await.timeout_ms = UINT32_MAX;
    await.revision = 7;
    assert_ok(convert_query(&await.base, &q, &err), &err);
    assert_int_equal(dur_to_ms(q.timeout), 60000);
    assert_int_equal(q.revision, 7);
    assert_string_equal(q.migration, "");
    history.migration = app;
    history.limit = 1000;
    assert_ok(convert_query(&history.base, &q, &err), &err);
    assert_int_equal(q.limit, CORE_HISTORY_KEPT);
    assert_string_equal(q.migration, "app");
}

static void no_requests_are_no_success(void **state UNUSED)
{
    static struct view_stats stats;
    const Switchyard__V1__Stats *m;
    struct arena a;

    arena_init(&a, CONVERT_REPLY_MAX);
    m = (const Switchyard__V1__Stats *)convert_stats(&a, "app", &stats);
    assert_true(m->new_->success_rate == 0 && m->new_->error_rate == 0 && m->share_new == 0);

    stats.system[SYSTEM_LEGACY].requests = 300;
    stats.system[SYSTEM_NEW].requests = 100;
    stats.system[SYSTEM_NEW].errors = 5;
    stats.window = dur_ms(1500);
    m = (const Switchyard__V1__Stats *)convert_stats(&a, "app", &stats);
    assert_true(m->new_->success_rate == 95 && m->new_->error_rate == 5);
    assert_true(m->share_new == 25 && m->window_s == 1.5);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_keeps_who_why_and_what),
        cmocka_unit_test(words_outside_their_limits_are_refused),
        cmocka_unit_test(how_far_a_promote_goes_and_how_fast_an_abort),
        cmocka_unit_test(actions_that_move_traffic_by_hand_need_a_reason),
        cmocka_unit_test(a_recovery_names_whom_it_excuses),
        cmocka_unit_test(a_command_without_a_known_action_is_refused),
        cmocka_unit_test(weights_are_percent_with_two_decimals),
        cmocka_unit_test(a_share_of_copies_is_percent_or_the_stages),
        cmocka_unit_test(an_override_names_a_system_or_none),
        cmocka_unit_test(a_target_is_a_number_or_a_name),
        cmocka_unit_test(an_emergency_is_for_one_or_for_all),
        cmocka_unit_test(a_plan_is_refused_with_its_file_and_line),
        cmocka_unit_test(a_plan_must_be_the_one_that_the_command_names),
        cmocka_unit_test(waiting_and_history_are_bounded),
        cmocka_unit_test(no_requests_are_no_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
