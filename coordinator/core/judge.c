/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "coordinator/core/state.h"
#include "coordinator/core/statistics.h"

#define EVERY_DEFAULT dur_s(30)
#define FRESH_TIMES   3
#define FRESH_MIN     dur_s(60)
#define PERCENT_MAX   32

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

/* ---- words ----------------------------------------------------------------------------------- */

/* "4.2 %", "0.13 %". */
static const char *percent(double share, char *dst)
{
    double p = 100 * share;

    str_fmt(dst, PERCENT_MAX, p < 1 ? "%.2g %%" : "%.1f %%", p);
    return dst;
}

static void says(struct view_check *c, enum verdict verdict, const char *fmt, ...) PRINTF(3, 4);
static void says(struct view_check *c, enum verdict verdict, const char *fmt, ...)
{
    va_list args;

    c->verdict = verdict;
    va_start(args, fmt);
    vsnprintf(c->text, sizeof c->text, fmt, args);
    va_end(args);
}

/* ---- requests -------------------------------------------------------------------------------- */

bool judge_has_enough(const struct judgement *j)
{
    return j->new_system->requests > 0 && j->new_system->requests >= j->limits->min_requests;
}

/* Beside it a ratio to a handful of requests would be noise. */
static bool legacy_has_enough(const struct judgement *j, uint64_t count)
{
    return count > 0 && count >= j->limits->min_requests;
}

static double share_of(uint64_t k, uint64_t n)
{
    return n ? (double)k / (double)n : 0;
}

static void judge_requests(const struct judgement *j, struct view_check *c)
{
    c->value = (double)j->new_system->requests;
    c->limit = (double)j->limits->min_requests;
    says(c, judge_has_enough(j) ? VERDICT_PASS : VERDICT_HOLD,
         "%" PRIu64 " of %u requests on new over the last %s", j->new_system->requests,
         j->limits->min_requests, j->over);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void judge_error_rate(const struct judgement *j, struct view_check *c)
{
    uint64_t n = j->new_system->requests, k = j->new_system->errors < n ? j->new_system->errors : n;
    double most = (double)j->limits->error_rate_ppm / 1e6;
    char limit[WORDS_RATIO_MAX], rate[PERCENT_MAX], low[PERCENT_MAX];

    c->value = 100 * share_of(k, n);
    c->limit = 100 * most;
    words_ratio(j->limits->error_rate_ppm, limit);
    percent(share_of(k, n), rate);
    if (!judge_has_enough(j))
        says(c, VERDICT_HOLD, "error rate of new: too few requests to judge (limit %s)", limit);
    else if ((double)k * 1e6 <= (double)j->limits->error_rate_ppm * (double)n)
        says(c, VERDICT_PASS,
             "error rate of new %s over the last %s is within %s (%" PRIu64 " of %" PRIu64
             " requests)",
             rate, j->over, limit, k, n);
    else if (statistics_tail(k, n, most) > j->doubt)
        says(c, VERDICT_HOLD,
             "error rate of new %s over the last %s is above %s, not proven yet (%" PRIu64
             " of %" PRIu64 " requests; %" PRIu64 " would prove it)",
             rate, j->over, limit, k, n, statistics_needed(n, most, j->doubt));
    else
        says(c, VERDICT_FAIL,
             "error rate of new %s over the last %s exceeds %s (%" PRIu64 " of %" PRIu64
             " requests, at least %s with %s confidence)",
             rate, j->over, limit, k, n, percent(statistics_share_low(k, n, j->doubt), low),
             j->sure);
}

static void judge_error_ratio(const struct judgement *j, struct view_check *c)
{
    uint64_t n = j->new_system->requests, k = j->new_system->errors;
    uint64_t n0 = j->legacy->requests, k0 = j->legacy->errors;
    double most = (double)j->limits->error_ratio_m / 1000;
    char rate[PERCENT_MAX], rate0[PERCENT_MAX];

    c->limit = most;
    percent(share_of(k, n), rate);
    percent(share_of(k0, n0), rate0);
    if (k0 > 0 && n > 0)
        c->value = share_of(k, n) / share_of(k0, n0);
    if (!judge_has_enough(j) || !legacy_has_enough(j, n0))
        says(c, VERDICT_HOLD,
             "error rate of new over that of legacy: too few requests to judge (%" PRIu64
             " on new, %" PRIu64 " on legacy over the last %s; limit %g x)",
             n, n0, j->over, most);
    else if ((double)k * (double)n0 <= most * (double)k0 * (double)n)
        says(c, VERDICT_PASS,
             "error rate of new %s over the last %s is within %g x that of legacy (%s)", rate,
             j->over, most, rate0);
    else if (statistics_ratio_tail(k, n, k0, n0, most) > j->doubt)
        says(c, VERDICT_HOLD,
             "error rate of new %s over the last %s is above %g x that of legacy (%s), not proven "
             "yet (%" PRIu64 " of %" PRIu64 " against %" PRIu64 " of %" PRIu64 " requests)",
             rate, j->over, most, rate0, k, n, k0, n0);
    else
        says(c, VERDICT_FAIL,
             "error rate of new %s over the last %s exceeds %g x that of legacy (%s): %" PRIu64
             " of %" PRIu64 " against %" PRIu64 " of %" PRIu64
             " requests, at least %.1f x with %s confidence",
             rate, j->over, most, rate0, k, n, k0, n0, statistics_ratio_low(k, n, k0, n0, j->doubt),
             j->sure);
}

/* ---- latency --------------------------------------------------------------------------------- */

/* How many answers of new took longer than the limit, when so many may. */
struct slow {
    uint64_t count, of;
    double may;
};

static struct slow slow_answers(const struct judgement *j, double limit_ms, double may)
{
    const struct hist *h = &j->new_system->latency;

    return (struct slow){hist_above(h, limit_ms * 1000), hist_total(h), may};
}

static bool is_proven(const struct judgement *j, const struct slow *s)
{
    return statistics_tail(s->count, s->of, s->may) <= j->doubt;
}

/* "12 % of 500 answers are slower, at least 8.1 % with 99.9 % confidence" */
static void tell_proof(const struct judgement *j, const struct slow *s, char *dst)
{
    char share[PERCENT_MAX], low[PERCENT_MAX];

    str_fmt(dst, TEXT_SIZE / 2,
            "%s of %" PRIu64 " answers are slower, at least %s with %s confidence",
            percent(share_of(s->count, s->of), share), s->of,
            percent(statistics_share_low(s->count, s->of, j->doubt), low), j->sure);
}

/* "1.4 % of 500 answers are slower; 3.1 % would prove it" */
static void tell_doubt(const struct judgement *j, const struct slow *s, char *dst)
{
    uint64_t needed = statistics_needed(s->of, s->may, j->doubt);
    char share[PERCENT_MAX], enough[PERCENT_MAX];

    str_fmt(dst, TEXT_SIZE / 2, "%s of %" PRIu64 " answers are slower; %s would prove it",
            percent(share_of(s->count, s->of), share), s->of,
            needed <= s->of ? percent(share_of(needed, s->of), enough) : "more of them");
}

static void judge_quantile(const struct judgement *j, dur_t limit, double q, struct view_check *c)
{
    char more[TEXT_SIZE / 2];
    struct slow slow;

    c->value = hist_quantile_ms(&j->new_system->latency, q);
    c->limit = (double)dur_to_us(limit) / 1000;
    slow = slow_answers(j, c->limit, 1 - q);
    if (!judge_has_enough(j) || slow.of == 0) {
        says(c, VERDICT_HOLD, "%s of new: too few answers to judge (limit %g ms)", c->name,
             c->limit);
    } else if (c->value <= c->limit) {
        says(c, VERDICT_PASS, "%s of new %.1f ms over the last %s is within %g ms", c->name,
             c->value, j->over, c->limit);
    } else if (!is_proven(j, &slow)) {
        tell_doubt(j, &slow, more);
        says(c, VERDICT_HOLD,
             "%s of new %.1f ms over the last %s is above %g ms, not proven yet (%s)", c->name,
             c->value, j->over, c->limit, more);
    } else {
        tell_proof(j, &slow, more);
        says(c, VERDICT_FAIL, "%s of new %.1f ms over the last %s exceeds %g ms (%s)", c->name,
             c->value, j->over, c->limit, more);
    }
}

static void judge_p50(const struct judgement *j, struct view_check *c)
{
    judge_quantile(j, j->limits->p50, 0.5, c);
}

static void judge_p99(const struct judgement *j, struct view_check *c)
{
    judge_quantile(j, j->limits->p99, 0.99, c);
}

/* Legacy's own p99 is measured with an error: only when the answers of new also rank above those of
 * legacy as a whole is the ratio more than that. */
static void judge_latency_ratio(const struct judgement *j, struct view_check *c)
{
    const struct hist *mine = &j->new_system->latency, *theirs = &j->legacy->latency;
    double new_ms = hist_quantile_ms(mine, 0.99), legacy_ms = hist_quantile_ms(theirs, 0.99);
    char more[TEXT_SIZE / 2];
    struct slow slow;

    c->limit = (double)j->limits->latency_ratio_m / 1000;
    slow = slow_answers(j, c->limit * legacy_ms, 0.01);
    if (!judge_has_enough(j) || slow.of == 0 || !legacy_has_enough(j, hist_total(theirs)) ||
        legacy_ms <= 0) {
        says(c, VERDICT_HOLD,
             "p99 of new over p99 of legacy: too few answers to judge (limit %g x)", c->limit);
        return;
    }
    c->value = new_ms / legacy_ms;
    if (c->value <= c->limit) {
        says(c, VERDICT_PASS,
             "p99 of new %.1f ms is %.2f x that of legacy (%.1f ms) over the last %s: within %g x",
             new_ms, c->value, legacy_ms, j->over, c->limit);
    } else if (!is_proven(j, &slow) || statistics_slower(theirs, mine) > j->doubt) {
        tell_doubt(j, &slow, more);
        says(c, VERDICT_HOLD,
             "p99 of new %.1f ms is %.2f x that of legacy (%.1f ms) over the last %s: above %g x, "
             "not proven yet (%s)",
             new_ms, c->value, legacy_ms, j->over, c->limit, more);
    } else {
        tell_proof(j, &slow, more);
        says(c, VERDICT_FAIL,
             "p99 of new %.1f ms is %.2f x that of legacy (%.1f ms) over the last %s: exceeds %g x "
             "(%s)",
             new_ms, c->value, legacy_ms, j->over, c->limit, more);
    }
}

/* ---- measured elsewhere ---------------------------------------------------------------------- */

static dur_t fresh_for(const struct judgement *j)
{
    dur_t every = j->limits->every.ns > 0 ? j->limits->every : EVERY_DEFAULT;

    return every.ns * FRESH_TIMES > FRESH_MIN.ns ? dur_ns(every.ns * FRESH_TIMES) : FRESH_MIN;
}

/* A value that somebody reported is a fact: no confidence applies. */
static void judge_measure(const struct judgement *j, enum core_measure_kind kind, double limit,
                          struct view_check *c)
{
    const struct measured *v = &j->measured[kind];
    dur_t age = mono_sub(j->now, v->at);
    char ago[WORDS_DURATION_MAX];

    c->limit = limit;
    if (!v->present || !isfinite(v->value)) {
        says(c, VERDICT_HOLD, "%s: nobody has reported it (limit %g)", c->name, limit);
        return;
    }
    c->value = v->value;
    words_duration(age, ago);
    if (age.ns > fresh_for(j).ns)
        says(c, VERDICT_HOLD, "%s: nobody has reported it for %s (limit %g)", c->name, ago, limit);
    else if (v->value > limit)
        says(c, VERDICT_FAIL, "%s %g exceeds %g, reported %s ago", c->name, v->value, limit, ago);
    else
        says(c, VERDICT_PASS, "%s %g is within %g, reported %s ago", c->name, v->value, limit, ago);
}

static void judge_restarts(const struct judgement *j, struct view_check *c)
{
    judge_measure(j, MEASURE_RESTARTS, (double)j->limits->restarts_m / 1000, c);
}

/* One critical difference is a fact as well; that there is none takes enough answers to say. */
static void judge_compared(const struct judgement *j, struct view_check *c)
{
    const struct compare_stats *s = j->compared;
    uint32_t limit = j->limits->discrepancies;
    uint32_t least = j->limits->min_requests ? j->limits->min_requests : 1;

    c->limit = (double)limit;
    c->value = (double)s->critical;
    if (s->critical > limit)
        says(c, VERDICT_FAIL,
             "%s %" PRIu64 " exceeds %" PRIu32 ", of %" PRIu64 " answers compared in %s", c->name,
             s->critical, limit, s->compared, j->over);
    else if (s->compared < least)
        says(c, VERDICT_HOLD,
             "%s: %" PRIu64 " answers compared in %s, at least %" PRIu32 " are needed", c->name,
             s->compared, j->over, least);
    else
        says(c, VERDICT_PASS,
             "%s %" PRIu64 " is within %" PRIu32 ", of %" PRIu64 " answers compared in %s", c->name,
             s->critical, limit, s->compared, j->over);
}

static void judge_discrepancies(const struct judgement *j, struct view_check *c)
{
    if (j->compared)
        judge_compared(j, c);
    else
        judge_measure(j, MEASURE_DISCREPANCIES, (double)j->limits->discrepancies, c);
}

static void judge_sync_lag(const struct judgement *j, struct view_check *c)
{
    judge_measure(j, MEASURE_SYNC_LAG, (double)j->limits->sync_lag.ns / 1e9, c);
}

static const struct check_result *result_of(const struct job *found, const struct name *name)
{
    for (unsigned i = 0; found && i < found->count; i++)
        if (name_eq(&found->result[i].name, name))
            return &found->result[i];
    return NULL;
}

/* The limit that says most about the value; 0 without one. */
static double limit_of(const struct plan_check *p, double value)
{
    if (p->has_max && (!p->has_min || value > p->min))
        return p->max;
    return p->has_min ? p->min : 0;
}

static void judge_result(const struct judgement *j, const struct plan_check *p,
                         struct view_check *c)
{
    static const enum verdict verdicts[] = {
        [CHECK_PASSED] = VERDICT_PASS,
        [CHECK_FAILED] = VERDICT_FAIL,
        [CHECK_UNKNOWN] = VERDICT_HOLD,
    };
    const struct check_result *r = result_of(j->found, &p->name);
    char ago[WORDS_DURATION_MAX];

    *c = (struct view_check){.name = p->name.s, .unit = ""};
    if (r && r->has_value && isfinite(r->value))
        c->value = r->value;
    c->limit = limit_of(p, c->value);
    if (!r)
        says(c, VERDICT_HOLD, "%s: not found out yet", p->name.s);
    else if (mono_sub(j->now, j->found->told_at).ns > fresh_for(j).ns)
        says(c, VERDICT_HOLD, "%s: not found out for %s", p->name.s,
             words_duration(mono_sub(j->now, j->found->told_at), ago));
    else
        says(c, verdicts[r->outcome], "%.60s: %.190s", p->name.s, r->text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct check {
    const char *name, *unit;
    bool measured;
    void (*run)(const struct judgement *j, struct view_check *c);
};

/* clang-format off */
static const struct check
    check_requests = {"minRequests", "requests", true, judge_requests},
    check_error_rate = {"errorRate", "%", true, judge_error_rate},
    check_error_ratio = {"errorRatio", "x", true, judge_error_ratio},
    check_p50 = {"p50", "ms", true, judge_p50},
    check_p99 = {"p99", "ms", true, judge_p99},
    check_latency_ratio = {"latencyRatio", "x", true, judge_latency_ratio},
    check_restarts = {"restartsPerMinute", "/min", false, judge_restarts},
    check_discrepancies = {"criticalDiscrepancies", "", false, judge_discrepancies},
    check_sync_lag = {"syncLag", "s", false, judge_sync_lag};
/* clang-format on */

static bool judges_requests(const struct plan_limits *l)
{
    return l->error_rate_ppm || l->error_ratio_m || l->p50.ns || l->p99.ns || l->latency_ratio_m;
}

/* Without any limit on what is measured elsewhere the requests are what is asked for. */
static bool asks_elsewhere(const struct plan_limits *l)
{
    return l->restarts_m || l->has_discrepancies || l->has_sync_lag || l->check_count;
}

void judge_sum_up(struct view_gate *g)
{
    const struct view_check *worst = NULL;

    for (unsigned i = 0; i < g->check_count; i++) {
        const struct view_check *c = &g->check[i];

        if (c->verdict == VERDICT_FAIL || (c->verdict == VERDICT_HOLD && !worst))
            if (!worst || worst->verdict == VERDICT_HOLD)
                worst = c;
    }
    g->verdict = worst ? worst->verdict : VERDICT_PASS;
    str_fmt(g->text, sizeof g->text, "%s", worst ? worst->text : "");
}

void judge_all(const struct judgement *j, struct view_gate *ret)
{
    const struct plan_limits *l = j->limits;
    const struct {
        const struct check *check;
        bool asked;
    } asked[] = {
        {&check_requests, judges_requests(l) || l->quiet_after.ns || !asks_elsewhere(l)},
        {&check_error_rate, l->error_rate_ppm > 0},
        {&check_error_ratio, l->error_ratio_m > 0},
        {&check_p50, l->p50.ns > 0},
        {&check_p99, l->p99.ns > 0},
        {&check_latency_ratio, l->latency_ratio_m > 0},
        {&check_restarts, l->restarts_m > 0},
        {&check_discrepancies, l->has_discrepancies},
        {&check_sync_lag, l->has_sync_lag},
    };

    _Static_assert(ARRAY_LEN(asked) + PLAN_CHECKS_MAX <= VIEW_CHECKS_MAX, "all have room");
    ret->check_count = 0;
    for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
        struct view_check *c = &ret->check[ret->check_count];

        if (!asked[i].asked)
            continue;
        *c = (struct view_check){.name = asked[i].check->name,
                                 .unit = asked[i].check->unit,
                                 .measured = asked[i].check->measured};
        asked[i].check->run(j, c);
        ret->check_count++;
    }
    for (unsigned i = 0; i < l->check_count && i < PLAN_CHECKS_MAX; i++)
        judge_result(j, &l->check[i], &ret->check[ret->check_count++]);
    judge_sum_up(ret);
}
