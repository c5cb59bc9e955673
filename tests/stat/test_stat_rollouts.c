/* SPDX-License-Identifier: Apache-2.0 */
/* What triggers miss, and whom they wrong, over many seeded rollouts with the defaults of a plan.
 *
 *   --rollouts N   so many of the long ones, in the place of 40
 *   --update       writes docs/reference/statistics.md anew */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/unit.h"
#include "tests/stat/study.h"

#define PAGE      "docs/reference/statistics.md"
#define PAGE_MAX  (64u << 10)
#define SEED      20261121
#define ROUNDS    100u /* of each cell of the table */
#define WITHIN_S  60u
#define ROLLOUT_S 1800u

static unsigned rollouts = 40;
static bool update;

/* Limits as an operator writes them: about twice what legacy does; the rest is the default. */
static struct plan *plan_with(const char *triggers)
{
    char text[1024];
    struct plan *plan;
    struct err err;

    str_fmt(text, sizeof text,
            "apiVersion: switchyard/v1\nkind: Migration\nmetadata: {name: study}\nspec:\n"
            "  systems:\n    legacy: {endpoints: [\"http://10.0.0.1:1\"]}\n"
            "    new: {endpoints: [\"http://10.0.0.2:1\"]}\n  routing: {key: random}\n"
            "  triggers: {%s}\n  stages: [{name: half, weight: 50}]\n",
            triggers);
    if (plan_parse(str_of(text), "study", &plan, &err) < 0)
        fail_msg("%s", err.msg);
    return plan;
}

#define USUAL "errorRate: 0.2%, errorRatio: 3, p99: 250ms, latencyRatio: 2"

/* ---- the aims -------------------------------------------------------------------------------- */

static void test_as_good_as_legacy_is_hardly_ever_rolled_back(void **state UNUSED)
{
    const struct study_world as_good = {50, 50, 0.001, 1, 1};
    CLEANUP(plan_freep) struct plan *plan = plan_with(USUAL);
    struct study *s = study_new(SEED);
    unsigned wrong = 0;

    for (unsigned i = 0; i < rollouts; i++)
        wrong += study_rollout(s, &plan->triggers, &as_good, ROLLOUT_S, 1) > 0;
    print_message("%u of %u rollouts of %u minutes were rolled back wrongly\n", wrong, rollouts,
                  ROLLOUT_S / 60);
    assert_true(100 * wrong <= rollouts);
    study_free(s);
}

static void test_ten_times_worse_is_found_within_a_minute(void **state UNUSED)
{
    const struct study_world worse = {50, 50, 0.001, 10, 0};
    CLEANUP(plan_freep) struct plan *plan = plan_with("errorRate: 0.2%");
    struct study *s = study_new(SEED);
    unsigned found = 0, latest = 0;

    for (unsigned i = 0; i < 10 * rollouts; i++) {
        unsigned after = study_rollout(s, &plan->triggers, &worse, WITHIN_S, 1);

        found += after > 0;
        latest = after > latest ? after : latest;
    }
    print_message("%u of %u were found, the latest after %u s\n", found, 10 * rollouts, latest);
    assert_true(found * 100 >= 99 * 10 * rollouts);
    study_free(s);
}

static void test_an_outage_is_found_at_once(void **state UNUSED)
{
    const struct study_world outage = {50, 50, 0.001, 1000, 0};
    CLEANUP(plan_freep) struct plan *plan = plan_with("errorRate: 5%");
    struct study *s = study_new(SEED);

    for (unsigned i = 0; i < rollouts; i++)
        assert_in_range(study_rollout(s, &plan->triggers, &outage, WITHIN_S, 1), 1, 2);
    study_free(s);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* Requests a second to new; of latencies, which cost more to play, the first three. */
static const unsigned traffic[] = {10, 50, 200, 1000};
#define LATENCY_COLUMNS 3u

/* Percent of rollouts in which nothing fired within a minute. */
static unsigned missed(const struct plan *plan, const struct study_world *w)
{
    struct study *s = study_new(SEED);
    unsigned n = 0;

    for (unsigned i = 0; i < ROUNDS; i++)
        n += study_rollout(s, &plan->triggers, w, WITHIN_S, 5) == 0;
    study_free(s);
    return (100 * n + ROUNDS / 2) / ROUNDS;
}

static void add_head(struct buf *b, const char *what, unsigned columns)
{
    buf_addf(b, "\n| limit | %s |", what);
    for (unsigned i = 0; i < columns; i++)
        buf_addf(b, " %u req/s |", traffic[i]);
    buf_addf(b, "\n|---|---|");
    for (unsigned i = 0; i < columns; i++)
        buf_addf(b, "---|");
    buf_addf(b, "\n");
}

static void add_errors(struct buf *b)
{
    static const char *const limit[] = {"errorRate: 0.2%", "errorRate: 0.5%", "errorRate: 1%",
                                        "errorRatio: 3"};
    static const double worse[] = {1, 3, 10, 30};

    add_head(b, "errors of new", ARRAY_LEN(traffic));
    for (unsigned l = 0; l < ARRAY_LEN(limit); l++) {
        CLEANUP(plan_freep) struct plan *plan = plan_with(limit[l]);

        for (unsigned w = 0; w < ARRAY_LEN(worse); w++) {
            buf_addf(b, "| %s | %g x |", limit[l], worse[w]);
            for (unsigned i = 0; i < ARRAY_LEN(traffic); i++)
                buf_addf(b, " %u %% |",
                         missed(plan, &(struct study_world){traffic[i], 9 * traffic[i], 0.001,
                                                            worse[w], 0}));
            buf_addf(b, "\n");
        }
    }
}

static void add_latencies(struct buf *b)
{
    static const char *const limit[] = {"latencyRatio: 2", "p99: 250ms", "p50: 30ms"};
    static const double slower[] = {1, 1.5, 2.5, 4};

    add_head(b, "latency of new", LATENCY_COLUMNS);
    for (unsigned l = 0; l < ARRAY_LEN(limit); l++) {
        CLEANUP(plan_freep) struct plan *plan = plan_with(limit[l]);

        for (unsigned w = 0; w < ARRAY_LEN(slower); w++) {
            buf_addf(b, "| %s | %g x |", limit[l], slower[w]);
            for (unsigned i = 0; i < LATENCY_COLUMNS; i++)
                buf_addf(
                    b, " %u %% |",
                    missed(plan, &(struct study_world){traffic[i], traffic[i], 0, 1, slower[w]}));
            buf_addf(b, "\n");
        }
    }
}

static void write_page(struct buf *b)
{
    buf_addf(
        b,
        "# What triggers find, and what they miss\n\n"
        "This page is written by a program: `tests/stat/test_stat_rollouts.c` plays rollouts with "
        "random traffic and\njudges them with the coordinator's own code, and fails when the page "
        "is not what it finds. `--update` renews\nit.\n\n"
        "A limit fails only when it is proven: the share of failed or slow requests is above it "
        "with %g %% confidence,\nby the exact binomial bound of the window. So a small excess "
        "takes many requests, and a large one few. What is\nabove a limit and not proven holds a "
        "gate, so a raise never rests on luck.\n\n"
        "**Choosing limits.** Write what you cannot accept, not what you have: about twice what "
        "legacy does. With errors\nof 0.1 %% on both sides and `%s`,\nat most 1 %% of 1,000 "
        "rollouts of half an hour are rolled back wrongly (`--rollouts 1000` plays them). Ten "
        "times "
        "as\nmany errors on new at 50 requests a second are found within a minute (99 times of "
        "100), an outage within two\nseconds. That is also why the window of triggers is 60 s by "
        "default: with 10 s, a limit of 0.3 %% misses one in\nthirteen.\n\n"
        "## Missed within a minute\n\n"
        "Percent of %u rollouts in which the trigger did not fire in the first 60 s, with the "
        "default window. Legacy fails\n0.1 %% of its requests and gets nine times the traffic of "
        "new. A cell near 100 %% in a row of 1 x is what it should be.\n",
        (double)PLAN_CONFIDENCE_PPM / 10000, USUAL, ROUNDS);
    add_errors(b);
    buf_addf(b,
             "\nThe same for latencies: log-normal, a median of 20 ms and a p99 of 103 ms on "
             "legacy, which gets as much traffic.\n");
    add_latencies(b);
}

static void read_page(struct buf *b)
{
    char part[4096];
    FILE *f = fopen(PAGE, "re");
    size_t n;

    if (!f)
        return;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        assert_true(buf_add(b, part, n));
    fclose(f);
}

static void test_the_page_says_what_is_found(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf page = BUF_INIT(PAGE_MAX), there = BUF_INIT(PAGE_MAX);
    FILE *f;

    write_page(&page);
    if (update) {
        f = fopen(PAGE, "we");
        assert_non_null(f);
        assert_true(fputs(buf_text(&page), f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    read_page(&there);
    if (!str_eq(buf_view(&page), buf_view(&there)))
        fail_msg(PAGE " is stale: run this program with --update from the source folder");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_good_as_legacy_is_hardly_ever_rolled_back),
        cmocka_unit_test(test_ten_times_worse_is_found_within_a_minute),
        cmocka_unit_test(test_an_outage_is_found_at_once),
        cmocka_unit_test(test_the_page_says_what_is_found),
    };

    for (int i = 1; i < argc; i++) {
        update = update || strcmp(argv[i], "--update") == 0;
        if (strcmp(argv[i], "--rollouts") == 0 && i + 1 < argc)
            rollouts = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
