/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/gates.h"

#include <inttypes.h>

#include "coordinator/core/words.h"

/* One judgement in the making. */
struct judgement {
    const struct plan_limits *limits;
    const struct system_stats *legacy;
    const struct system_stats *new_system;
    char over[WORDS_DURATION_MAX]; /* "10s" */
};

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {
        [VERDICT_NONE] = "none",
        [VERDICT_PASS] = "pass",
        [VERDICT_FAIL] = "fail",
        [VERDICT_HOLD] = "hold",
    };

    return (unsigned)v < ARRAY_LEN(names) ? names[v] : "?";
}

static bool enough_requests(const struct judgement *j)
{
    return j->new_system->requests > 0 && j->new_system->requests >= j->limits->min_requests;
}

/* Errors of new in percent. */
static double error_percent(const struct system_stats *s)
{
    return s->requests ? 100.0 * (double)s->errors / (double)s->requests : 0.0;
}

static void judge_error_rate(const struct judgement *j, struct view_check *c)
{
    char limit[WORDS_RATIO_MAX];
    const struct system_stats *n = j->new_system;

    *c = (struct view_check){.name = "errorRate", .unit = "%", .verdict = VERDICT_HOLD};
    c->value = error_percent(n);
    c->limit = (double)j->limits->error_rate_ppm / 10000.0;
    words_ratio(j->limits->error_rate_ppm, limit);
    if (!enough_requests(j)) {
        str_fmt(c->text, sizeof c->text, "error rate of new: too few requests to judge (limit %s)",
                limit);
        return;
    }
    /* In integers, so that exactly the limit still passes. */
    c->verdict = (double)n->errors * 1e6 > (double)j->limits->error_rate_ppm * (double)n->requests
                     ? VERDICT_FAIL
                     : VERDICT_PASS;
    str_fmt(c->text, sizeof c->text,
            "error rate of new %.1f %% over the last %s %s %s (%" PRIu64 " of %" PRIu64
            " requests)",
            c->value, j->over, c->verdict == VERDICT_FAIL ? "exceeds" : "is within", limit,
            n->errors, n->requests);
}

static void judge_p99(const struct judgement *j, struct view_check *c)
{
    const struct hist *latency = &j->new_system->latency;

    *c = (struct view_check){.name = "p99", .unit = "ms", .verdict = VERDICT_HOLD};
    c->value = hist_quantile_ms(latency, 0.99);
    c->limit = (double)dur_to_us(j->limits->p99) / 1000.0;
    if (!enough_requests(j) || latency->count == 0) {
        str_fmt(c->text, sizeof c->text, "p99 of new: too few answers to judge (limit %g ms)",
                c->limit);
        return;
    }
    c->verdict = c->value > c->limit ? VERDICT_FAIL : VERDICT_PASS;
    str_fmt(c->text, sizeof c->text, "p99 of new %.1f ms over the last %s %s %g ms", c->value,
            j->over, c->verdict == VERDICT_FAIL ? "exceeds" : "is within", c->limit);
}

/* Both sides must have answered enough: a ratio to a handful of requests is noise. */
static void judge_latency_ratio(const struct judgement *j, struct view_check *c)
{
    double new_ms = hist_quantile_ms(&j->new_system->latency, 0.99);
    double legacy_ms = hist_quantile_ms(&j->legacy->latency, 0.99);
    bool enough = enough_requests(j) && j->new_system->latency.count > 0 && legacy_ms > 0.0 &&
                  j->legacy->latency.count >= j->limits->min_requests;

    *c = (struct view_check){.name = "latencyRatio", .unit = "x", .verdict = VERDICT_HOLD};
    c->limit = (double)j->limits->latency_ratio_m / 1000.0;
    if (!enough) {
        str_fmt(c->text, sizeof c->text,
                "p99 of new over p99 of legacy: too few answers to judge (limit %g x)", c->limit);
        return;
    }
    c->value = new_ms / legacy_ms;
    c->verdict = c->value > c->limit ? VERDICT_FAIL : VERDICT_PASS;
    str_fmt(c->text, sizeof c->text,
            "p99 of new %.1f ms is %.2f x that of legacy (%.1f ms) over the last %s: %s %g x",
            new_ms, c->value, legacy_ms, j->over, c->verdict == VERDICT_FAIL ? "exceeds" : "within",
            c->limit);
}

static void judge_requests(const struct judgement *j, struct view_check *c)
{
    *c = (struct view_check){.name = "minRequests", .unit = "requests"};
    c->value = (double)j->new_system->requests;
    c->limit = (double)j->limits->min_requests;
    c->verdict = enough_requests(j) ? VERDICT_PASS : VERDICT_HOLD;
    str_fmt(c->text, sizeof c->text, "%" PRIu64 " of %u requests on new over the last %s",
            j->new_system->requests, j->limits->min_requests, j->over);
}

/* Fail beats hold beats pass. */
static enum verdict worse(enum verdict a, enum verdict b)
{
    if (a == VERDICT_FAIL || b == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (a == VERDICT_HOLD || b == VERDICT_HOLD)
        return VERDICT_HOLD;
    return VERDICT_PASS;
}

static void judge(const struct judgement *j, struct view_gate *ret)
{
    const struct {
        bool asked;
        void (*run)(const struct judgement *j, struct view_check *c);
    } checks[] = {
        {true, judge_requests},
        {j->limits->error_rate_ppm > 0, judge_error_rate},
        {j->limits->p99.ns > 0, judge_p99},
        {j->limits->latency_ratio_m > 0, judge_latency_ratio},
    };

    ret->verdict = VERDICT_PASS;
    for (unsigned i = 0; i < ARRAY_LEN(checks); i++) {
        struct view_check *c = &ret->check[ret->check_count];

        if (!checks[i].asked)
            continue;
        checks[i].run(j, c);
        ret->check_count++;
        if (c->verdict != VERDICT_PASS && worse(ret->verdict, c->verdict) != ret->verdict)
            str_fmt(ret->text, sizeof ret->text, "%s", c->text);
        ret->verdict = worse(ret->verdict, c->verdict);
    }
}

void gates_trigger(const struct plan_limits *limits, const struct samples *samples, mono_t now,
                   struct view_gate *ret)
{
    struct system_stats legacy, new_system;
    struct judgement j = {.limits = limits, .legacy = &legacy, .new_system = &new_system};

    memset(ret, 0, sizeof *ret);
    samples_window(samples, SYSTEM_LEGACY, now, limits->window, &legacy);
    samples_window(samples, SYSTEM_NEW, now, limits->window, &new_system);
    words_duration(limits->window, j.over);
    judge(&j, ret);
}

void gates_gate(const struct plan_limits *limits, const struct samples *samples, mono_t now,
                dur_t watched, struct view_gate *ret)
{
    char so_far[WORDS_DURATION_MAX], asked[WORDS_DURATION_MAX];

    gates_trigger(limits, samples, now, ret);
    if (watched.ns >= limits->window.ns)
        return;
    ret->verdict = VERDICT_HOLD;
    str_fmt(ret->text, sizeof ret->text, "watched for %s of %s", words_duration(watched, so_far),
            words_duration(limits->window, asked));
}

/* Does one second of reports, taken alone, break a limit? */
static bool breaks_a_limit(const struct plan_limits *limits, const struct system_stats *legacy,
                           const struct system_stats *new_system)
{
    double p99 = hist_quantile_ms(&new_system->latency, 0.99);
    double reference = legacy ? hist_quantile_ms(&legacy->latency, 0.99) : 0.0;

    if (limits->error_rate_ppm &&
        error_percent(new_system) * 10000.0 > (double)limits->error_rate_ppm)
        return true;
    if (limits->p99.ns && p99 > (double)dur_to_us(limits->p99) / 1000.0)
        return true;
    return limits->latency_ratio_m && reference > 0.0 &&
           p99 / reference > (double)limits->latency_ratio_m / 1000.0;
}

bool gates_first_violation(const struct plan_limits *limits, const struct samples *samples,
                           mono_t now, mono_t *ret)
{
    for (unsigned ago = SAMPLES_SECONDS; ago-- > 0;) {
        const struct sample_bucket *n = samples_second(samples, SYSTEM_NEW, now, ago);
        const struct sample_bucket *l = samples_second(samples, SYSTEM_LEGACY, now, ago);

        if (n && breaks_a_limit(limits, l ? &l->stats : NULL, &n->stats)) {
            *ret = n->first;
            return true;
        }
    }
    return false;
}
