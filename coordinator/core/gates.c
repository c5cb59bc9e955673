/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/gates.h"

#include "coordinator/core/judge.h"

/* ---- quiet stages ---------------------------------------------------------------------------- */

/* The check that counts requests comes first, and holds when there are too few. */
static bool lacks_requests(const struct view_gate *g)
{
    return g->check_count > 0 && strcmp(g->check[0].name, "minRequests") == 0 &&
           g->check[0].verdict == VERDICT_HOLD;
}

static void say_quiet(struct view_gate *g, const struct gates_grounds *grounds,
                      enum verdict verdict, const char *what)
{
    struct view_check *c = &g->check[0];
    char so_long[WORDS_DURATION_MAX], counted[TEXT_SIZE];

    str_fmt(counted, sizeof counted, "%s", c->text);
    c->verdict = verdict;
    str_fmt(c->text, sizeof c->text, "%.100s, %s after the stage has been served: %s", counted,
            words_duration(grounds->baking, so_long), what);
}

/* What there was no traffic for does not hold it up any more; what was found out otherwise does. */
static void let_go(struct view_gate *g)
{
    for (unsigned i = 1; i < g->check_count; i++)
        if (g->check[i].verdict == VERDICT_HOLD && g->check[i].measured)
            g->check[i].verdict = VERDICT_PASS;
}

/* Not before a whole window was measured here: a coordinator that just started knows of nothing. */
static void look_for_quiet(const struct plan_limits *limits, const struct gates_grounds *grounds,
                           struct view_gate *g)
{
    if (limits->quiet_after.ns == 0 || grounds->baking.ns < limits->quiet_after.ns ||
        grounds->watched.ns < limits->window.ns || !lacks_requests(g))
        return;
    g->quiet = true;
    switch (limits->quiet) {
    case QUIET_HOLD:
        say_quiet(g, grounds, VERDICT_HOLD, "too few to judge by");
        break;
    case QUIET_WARN:
        say_quiet(g, grounds, VERDICT_PASS, "too few to judge by, and the plan lets it go on");
        let_go(g);
        break;
    case QUIET_ROLLBACK:
        say_quiet(g, grounds, VERDICT_FAIL, "too few to judge by, and the plan rolls it back");
        break;
    }
    judge_sum_up(g);
}

void gates_add_quiet(const struct view_gate *gate, struct view_gate *trigger)
{
    if (gate->verdict != VERDICT_FAIL || !gate->quiet || gate->check[0].verdict != VERDICT_FAIL ||
        trigger->check_count >= VIEW_CHECKS_MAX)
        return;
    trigger->check[trigger->check_count++] = gate->check[0];
    judge_sum_up(trigger);
}

void gates_say_beyond(struct view_gate *trigger)
{
    for (unsigned i = 0; i < trigger->check_count; i++) {
        struct view_check *c = &trigger->check[i];
        char said[TEXT_SIZE];

        memcpy(said, c->text, sizeof said);
        str_fmt(c->text, sizeof c->text, "nodes that the stage has not reached: %.200s", said);
    }
    judge_sum_up(trigger);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Legacy is everybody's: nodes that send all to new have none of their own to compare it with. */
static void measure(const struct plan_limits *limits, const struct gates_grounds *g,
                    struct system_stats *ret_legacy, struct system_stats *ret_new)
{
    struct system_stats beside;

    samples_window(g->samples, SYSTEM_NEW, g->now, limits->window, ret_new);
    samples_window(g->samples, SYSTEM_LEGACY, g->now, limits->window, ret_legacy);
    if (!g->beside)
        return;
    samples_window(g->beside, SYSTEM_LEGACY, g->now, limits->window, &beside);
    system_stats_merge(ret_legacy, &beside);
}

void gates_trigger(const struct plan_limits *limits, const struct gates_grounds *g,
                   struct view_gate *ret)
{
    struct system_stats legacy, new_system;
    struct compare_stats compared;
    uint32_t confidence = limits->confidence_ppm ? limits->confidence_ppm : PLAN_CONFIDENCE_PPM;
    struct judgement j = {
        .limits = limits,
        .legacy = &legacy,
        .new_system = &new_system,
        .measured = g->measured,
        .compared = g->compared ? &compared : NULL,
        .found = g->found,
        .now = g->now,
        .doubt = 1 - (double)confidence / 1e6,
    };

    ret->quiet = false;
    measure(limits, g, &legacy, &new_system);
    if (g->compared)
        compared_window(g->compared, g->now, limits->window, &compared);
    words_duration(limits->window, j.over);
    words_ratio(confidence, j.sure);
    judge_all(&j, ret);
    look_for_quiet(limits, g, ret);
}

void gates_gate(const struct plan_limits *limits, const struct gates_grounds *g,
                struct view_gate *ret)
{
    char so_far[WORDS_DURATION_MAX], asked[WORDS_DURATION_MAX];

    gates_trigger(limits, g, ret);
    if (g->watched.ns >= limits->window.ns)
        return;
    ret->verdict = VERDICT_HOLD;
    str_fmt(ret->text, sizeof ret->text, "watched for %s of %s", words_duration(g->watched, so_far),
            words_duration(limits->window, asked));
}

/* ---- the first violation --------------------------------------------------------------------- */

static double error_ratio(const struct system_stats *s)
{
    return s->requests ? (double)s->errors / (double)s->requests : 0.0;
}

/* Does one second of reports, taken alone, break a limit? */
static bool breaks_a_limit(const struct plan_limits *limits, const struct system_stats *legacy,
                           const struct system_stats *new_system)
{
    double p50 = hist_quantile_ms(&new_system->latency, 0.5);
    double p99 = hist_quantile_ms(&new_system->latency, 0.99);
    double errors = error_ratio(new_system);
    double legacy_p99 = hist_quantile_ms(&legacy->latency, 0.99);

    if (limits->error_rate_ppm && errors * 1e6 > (double)limits->error_rate_ppm)
        return true;
    if (limits->error_ratio_m && legacy->requests &&
        errors > error_ratio(legacy) * (double)limits->error_ratio_m / 1000)
        return true;
    if (limits->p50.ns && p50 > (double)dur_to_us(limits->p50) / 1000.0)
        return true;
    if (limits->p99.ns && p99 > (double)dur_to_us(limits->p99) / 1000.0)
        return true;
    return limits->latency_ratio_m && legacy_p99 > 0.0 &&
           p99 / legacy_p99 > (double)limits->latency_ratio_m / 1000.0;
}

bool gates_first_violation(const struct plan_limits *limits, const struct samples *samples,
                           mono_t now, mono_t *ret)
{
    struct sample_bucket legacy, new_system;

    for (unsigned ago = SAMPLES_SECONDS; ago-- > 0;) {
        if (!samples_second(samples, SYSTEM_NEW, now, ago, &new_system))
            continue;
        if (!samples_second(samples, SYSTEM_LEGACY, now, ago, &legacy))
            memset(&legacy.stats, 0, sizeof legacy.stats);
        if (breaks_a_limit(limits, &legacy.stats, &new_system.stats)) {
            *ret = new_system.first;
            return true;
        }
    }
    return false;
}
