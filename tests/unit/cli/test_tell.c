/* SPDX-License-Identifier: Apache-2.0 */
/* What people read: the tables of status and statistics, and what is wrong with a node. */
#include "tests/unit/cli/golden.h"
#include "tests/unit/cli/sample_status.h"

#include "cli/compared_tell.h"
#include "cli/history_tell.h"
#include "cli/laggards.h"
#include "cli/probe_tell.h"
#include "cli/stats_tell.h"
#include "cli/status_tell.h"
#include "cli/verdict.h"
#include "cli/why_tell.h"

#define TEXT(s) ((char[]){s})

static void status_tells_everything_that_it_knows(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATUS_TABLE_MAX);
    struct sample_status m;

    sample_status(&m);
    status_table(&b, &m.s);
    golden_compare(buf_text(&b), "tests/golden/status.txt");
}

static void status_is_silent_about_what_there_is_not(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATUS_TABLE_MAX);
    struct sample_status m;

    sample_status(&m);
    m.s.wave = NULL;
    m.s.entering = NULL;
    m.s.drill = NULL;
    m.s.last_rollback = NULL;
    m.s.n_approvals = m.s.n_objectives = m.s.n_quarantined = m.s.rollbacks_today = 0;
    m.s.n_clusters = 1;
    m.s.frozen_until = m.s.standby_until = TEXT("");
    status_table(&b, &m.s);
    for (const char *const *word = (const char *const[]){"waves", "entering", "drill", "rollback",
                                                         "approvals", "objectives", "quarantined",
                                                         "clusters", "frozen", "standby", NULL};
         *word; word++)
        assert_null(strstr(buf_text(&b), *word));
}

static void status_shows_the_end_of_what_a_hook_wrote(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATUS_TABLE_MAX);
    struct sample_status m;

    sample_status(&m);
    m.result.output = TEXT("1\n2\n3\n\n5\n6\n\n");
    status_table(&b, &m.s);
    assert_non_null(strstr(buf_text(&b),
                           "asked for\n\t  | 2\n\t  | 3\n\t  | \n\t  | 5\n\t  | 6\n"
                           "weight"));
    b.len = 0;
    m.result.verdict = TEXT("pass");
    status_table(&b, &m.s);
    assert_null(strstr(buf_text(&b), "  | "));
}

/* ---- why ------------------------------------------------------------------------------------- */

static void why_is_told_layer_by_layer(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(WHY_TEXT_MAX);
    Switchyard__V1__Explanation x = SWITCHYARD__V1__EXPLANATION__INIT;
    Switchyard__V1__ExplainStep step[2] = {SWITCHYARD__V1__EXPLAIN_STEP__INIT,
                                           SWITCHYARD__V1__EXPLAIN_STEP__INIT};
    Switchyard__V1__ExplainStep *steps[] = {&step[0], &step[1]};
    Switchyard__V1__Flag flag = SWITCHYARD__V1__FLAG__INIT, *flags[] = {&flag};

    step[0].layer = TEXT("emergency");
    step[0].text = TEXT("no emergency order stands");
    step[1].layer = TEXT("weight");
    step[1].text = TEXT("bucket 1649 of 10000 is below 2500, the weight of 25 %: new");
    step[1].decides = true;
    flag.name = TEXT("event_driven");
    flag.value = TEXT("true");
    x.system = TEXT("new");
    x.bucket = 1649;
    x.weight = 25;
    x.stage = TEXT("quarter");
    x.node = TEXT("n1");
    x.revision = 812;
    x.steps = steps;
    x.n_steps = ARRAY_LEN(steps);
    x.flags = flags;
    x.n_flags = 1;
    why_sentence(&b, "user-5", &x);
    why_table(&b, &x);
    why_flags(&b, &x);
    x.system = TEXT("none");
    x.node = TEXT("");
    why_sentence(&b, "user-5", &x);
    golden_compare(buf_text(&b), "tests/golden/why.txt");
}

/* ---- probe ----------------------------------------------------------------------------------- */

struct two_answers {
    Switchyard__V1__ProbeResult r;
    Switchyard__V1__ProbeAnswer a[2], *at[2];
};

static void two_answers(struct two_answers *m, const char *legacy, const char *new_)
{
    const char *const body[] = {legacy, new_};
    static char endpoint[] = "127.0.0.1:8000";

    switchyard__v1__probe_result__init(&m->r);
    for (int i = 0; i < 2; i++) {
        Switchyard__V1__ProbeAnswer *a = &m->a[i];

        switchyard__v1__probe_answer__init(a);
        a->system = (Switchyard__V1__System)(SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY + i);
        a->endpoint = endpoint;
        a->ok = true;
        a->status = 200;
        a->took_ms = 1.25 + i;
        a->body = (ProtobufCBinaryData){strlen(body[i]), (uint8_t *)(uintptr_t)body[i]};
        a->body_bytes = strlen(body[i]);
        m->at[i] = a;
    }
    m->r.answers = m->at;
    m->r.n_answers = 2;
}

static void probes_are_told_side_by_side(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(PROBE_TEXT_MAX);
    struct two_answers m;

    two_answers(&m, "same", "same");
    probe_table(&b, &m.r);
    probe_compare(&b, &m.r);
    m.a[0].body_bytes = m.a[1].body_bytes = 5000;
    probe_compare(&b, &m.r);
    two_answers(&m, "same", "other");
    probe_compare(&b, &m.r);
    two_answers(&m, "same", "sane");
    probe_compare(&b, &m.r);
    m.a[1].status = 404;
    probe_compare(&b, &m.r);
    assert_true(probe_is_good(&m.r));
    m.a[1].status = 0;
    m.a[1].ok = false;
    m.a[1].error = TEXT("not asked: its breaker is open");
    m.a[1].endpoint = TEXT("");
    probe_table(&b, &m.r);
    probe_compare(&b, &m.r);
    golden_compare(buf_text(&b), "tests/golden/probe.txt");
    assert_false(probe_is_good(&m.r));
    assert_false(probe_is_equal(&m.r));
}

/* ---- statistics ------------------------------------------------------------------------------ */

struct two_systems {
    Switchyard__V1__Stats s;
    Switchyard__V1__SystemStats legacy, new_;
    Switchyard__V1__Latency latency[2];
};

static void two_systems(struct two_systems *m)
{
    switchyard__v1__stats__init(&m->s);
    switchyard__v1__system_stats__init(&m->legacy);
    switchyard__v1__system_stats__init(&m->new_);
    switchyard__v1__latency__init(&m->latency[0]);
    switchyard__v1__latency__init(&m->latency[1]);
    m->s.legacy = &m->legacy;
    m->s.new_ = &m->new_;
    m->legacy.latency_ms = &m->latency[0];
    m->new_.latency_ms = &m->latency[1];
}

static void statistics_compare_the_systems_in_percent(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);
    struct two_systems m;

    two_systems(&m);
    m.legacy.requests = 900;
    m.new_.requests = 100;
    m.legacy.error_rate = 0.5;
    m.new_.error_rate = 1;
    m.latency[0] = (Switchyard__V1__Latency){m.latency[0].base, 10, 8, 40};
    m.latency[1] = (Switchyard__V1__Latency){m.latency[1].base, 8, 8, 50};
    stats_table(&b, &m.s);
    assert_holds(buf_text(&b), "error rate\t0.500 %\t1.000 %\t+100.0 %\n");
    assert_holds(buf_text(&b), "mean\t10.000 ms\t8.000 ms\t-20.0 %\n");
    assert_holds(buf_text(&b), "p50\t8.000 ms\t8.000 ms\t+0.0 %\n");
    assert_holds(buf_text(&b), "p99\t40.000 ms\t50.000 ms\t+25.0 %\n");
    assert_null(strstr(buf_text(&b), "budget"));
    m.s.over_budget = 12;
    stats_table(&b, &m.s);
    assert_holds(buf_text(&b), "fallbacks over budget\t0\t12\t\n");
}

static void copies_are_told_by_what_came_of_them(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);
    Switchyard__V1__MirrorStats m = SWITCHYARD__V1__MIRROR_STATS__INIT;

    m.sent = 100;
    m.answered_2xx = 90;
    m.errors = 3;
    m.failed = 7;
    m.timeouts = 5;
    m.dropped = 4;
    m.dropped_bytes = 1;
    m.dropped_late = 3;
    m.received_bytes = 4096;
    stats_mirror_table(&b, &m);
    assert_holds(buf_text(&b), "sent\t100\n  answered 2xx\t90\n");
    assert_holds(buf_text(&b), "  answered 5xx\t3\n  late\t5\n  failed otherwise\t2\n");
    assert_holds(buf_text(&b),
                 "dropped\t4\n  by maxPending\t0\n  by maxBytesPerSecond\t1\n"
                 "  as new was late\t3\n");
    assert_holds(buf_text(&b), "bytes received\t4096\n");
}

static void of_nothing_there_is_no_percentage(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(STATS_TABLE_MAX);
    struct two_systems m;

    two_systems(&m);
    m.new_.requests = 10;
    m.new_.error_rate = 10;
    stats_table(&b, &m.s);
    assert_holds(buf_text(&b), "error rate\t-\t10.000 %\t-\n");
    m.legacy.requests = 10;
    buf_clear(&b);
    stats_table(&b, &m.s);
    assert_holds(buf_text(&b), "error rate\t0.000 %\t10.000 %\t-\n");
    m.legacy.latency_ms = NULL;
    assert_false(stats_whole(&m.s));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void what_is_wrong_with_a_node_is_said_as_it_is(void **state UNUSED)
{
    static const struct {
        const char *state;
        uint64_t revision;
        const char *refusal, *says;
    } cases[] = {
        {"lagging", 12, "", "serves revision 12 instead of 17"},
        {"lagging", 12, "no endpoint", "serves revision 12 instead of 17; refused: no endpoint"},
        {"serving", 17, "", "serves it by now"},
        {"gone", 17, "", "is gone; it served revision 17 when it left"},
        {"stale", 17, "", "serves revision 17 of another store, not 17 of this one"},
        {"stale", 0, "", "serves no decision of this store yet"},
        {"quarantined", 3, "", "serves revision 3 instead of 17; in quarantine"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1024);
        Switchyard__V1__NodeSummary n = SWITCHYARD__V1__NODE_SUMMARY__INIT;

        n.state = rpc_lend(cases[i].state);
        n.revision = cases[i].revision;
        n.last_refusal = rpc_lend(cases[i].refusal);
        laggards_node(&b, &n, 17);
        assert_string_equal(buf_text(&b), cases[i].says);
    }
}

static void what_took_traffic_away_from_new_is_a_rollback(void **state UNUSED)
{
    Switchyard__V1__HistoryEntry e = SWITCHYARD__V1__HISTORY_ENTRY__INIT;

    e.event = TEXT("trigger");
    assert_true(history_is_rollback(&e));
    e.event = TEXT("promote");
    assert_false(history_is_rollback(&e));
}

static void a_verdict_that_is_not_known_holds(void **state UNUSED)
{
    assert_string_equal(verdict_mark("pass"), "[PASS]");
    assert_string_equal(verdict_mark("perhaps"), "[HOLD]");
    assert_string_equal(verdict_mark("none"), "[    ]");
}

static void discrepancies_are_told_without_what_terminals_obey(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(COMPARED_TEXT_MAX);
    Switchyard__V1__ComparisonStats recent = SWITCHYARD__V1__COMPARISON_STATS__INIT;
    Switchyard__V1__ComparisonStats total = SWITCHYARD__V1__COMPARISON_STATS__INIT;
    Switchyard__V1__DiscrepancyExample example = SWITCHYARD__V1__DISCREPANCY_EXAMPLE__INIT;
    Switchyard__V1__DiscrepancyExample *examples[] = {&example};
    Switchyard__V1__Discrepancies d = SWITCHYARD__V1__DISCREPANCIES__INIT;

    d.migration = TEXT("orders");
    assert_false(compared_whole(&d));
    d.recent = &recent;
    d.total = &total;
    assert_true(compared_whole(&d));
    compared_summary(&b, &d);
    buf_addf(&b, "\n");
    d.sample = 10;
    d.off = true;
    d.off_above = 90;
    d.window_s = 3600;
    recent.compared = total.compared = 1000;
    total.critical = recent.critical = 3;
    total.cosmetic = 7;
    total.noise_compared = 100;
    total.noise_differed = 1;
    total.skipped = 5;
    total.overhead_ms = 42;
    d.n_examples = 1;
    d.examples = examples;
    example.time = TEXT("2026-11-21T10:00:00Z");
    example.node = TEXT("eu-1");
    example.class_ = TEXT("critical");
    example.request = TEXT("GET /orders/17");
    example.where = TEXT("$.total");
    example.legacy = TEXT("12\t\x1b[2J");
    compared_summary(&b, &d);
    buf_addf(&b, "\n");
    compared_table(&b, &d);
    golden_compare(buf_text(&b), "tests/golden/discrepancies.txt");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discrepancies_are_told_without_what_terminals_obey),
        cmocka_unit_test(status_tells_everything_that_it_knows),
        cmocka_unit_test(probes_are_told_side_by_side),
        cmocka_unit_test(why_is_told_layer_by_layer),
        cmocka_unit_test(status_is_silent_about_what_there_is_not),
        cmocka_unit_test(status_shows_the_end_of_what_a_hook_wrote),
        cmocka_unit_test(statistics_compare_the_systems_in_percent),
        cmocka_unit_test(copies_are_told_by_what_came_of_them),
        cmocka_unit_test(of_nothing_there_is_no_percentage),
        cmocka_unit_test(what_is_wrong_with_a_node_is_said_as_it_is),
        cmocka_unit_test(what_took_traffic_away_from_new_is_a_rollback),
        cmocka_unit_test(a_verdict_that_is_not_known_holds),
    };

    golden_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
