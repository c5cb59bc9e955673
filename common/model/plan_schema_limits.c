/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on what is measured: triggers and gates have them in common. */
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

#define DEFAULT_MIN_REQUESTS 20

static void read_discrepancies(struct plan_reader *r, const struct json *v,
                               const struct plan_field *f, void *dst)
{
    struct plan_limits *limits = dst;

    limits->has_discrepancies = true;
    plan_value_count(r, v, f, &limits->discrepancies);
}

static void read_sync_lag(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                          void *dst)
{
    struct plan_limits *limits = dst;

    limits->has_sync_lag = true;
    plan_value_duration(r, v, f, &limits->sync_lag);
}

static void read_quiet_policy(struct plan_reader *r, const struct json *v,
                              const struct plan_field *f, void *dst)
{
    enum plan_quiet *ret = dst;
    int word = plan_value_choice(r, v, f->words);

    if (word >= 0)
        *ret = (enum plan_quiet)word;
}

#define AT(member) offsetof(struct plan_limits, member)
static const struct plan_field quiet_fields[] = {
    FIELD("after", plan_value_duration, AT(quiet_after), .min = SECOND, .max = 7 * DAY,
          .required = true, .help = "Too few requests to judge by for this long."),
    FIELD("do", read_quiet_policy, AT(quiet), .words = WORDS("hold", "warn", "rollback"),
          .preset = "hold", .help = "What follows: keep waiting, say so in the log, roll back."),
};

static const struct plan_section quiet_section = SECTION(quiet_fields);

/* Resolved by plan_rules.c, when the stages are known. */
static void read_rollback_to(struct plan_reader *r, const struct json *v,
                             const struct plan_field *f UNUSED, void *dst UNUSED)
{
    if (json_kind(v) != JSON_STRING && json_kind(v) != JSON_NUMBER)
        plan_reader_wrong_kind(r, v, "a stage's name or number");
}

/* clang-format off */
#define LIMIT_FIELDS                                                                               \
    FIELD("errorRate", plan_value_ratio, AT(error_rate_ppm), .preset = "not judged",               \
          .help = "Errors of new per request: no connection, timeout, broken answer, 5xx, a failed gRPC call."),       \
    FIELD("errorRatio", plan_value_factor, AT(error_ratio_m), .preset = "not judged",              \
          .help = "Error rate of new over that of legacy in the same window."),                    \
    FIELD("p50", plan_value_duration, AT(p50), .min = MS, .max = HOUR, .preset = "not judged",     \
          .help = "The latency that half of the answers of new stay under."),                      \
    FIELD("p99", plan_value_duration, AT(p99), .min = MS, .max = HOUR, .preset = "not judged",     \
          .help = "The latency that 99 % of the answers of new stay under."),                      \
    FIELD("latencyRatio", plan_value_factor, AT(latency_ratio_m), .preset = "not judged",          \
          .help = "p99 of new over p99 of legacy in the same window."),                            \
    FIELD("restartsPerMinute", plan_value_thousandths, AT(restarts_m), .max = 10000,               \
          .preset = "not judged",                                                                  \
          .help = "Restarts of new in the last minute, over all of its endpoints: asked for at "         \
                  "systems.new.metrics, or reported with `switchyard measure`."),         \
    FIELD("criticalDiscrepancies", read_discrepancies, 0, .max = COUNT_MAX,                        \
          .form = "whole number, from 0", .preset = "not judged",                                                                  \
          .help = "Critical differences in the window, at most, as somebody reports them."),       \
    FIELD("syncLag", read_sync_lag, 0, .max = 7 * DAY, .form = "duration, up to 7d",\
          .preset = "not judged",                     \
          .help = "How far the data behind new may be late, as somebody reports it."),             \
    FIELD("checks", plan_read_limit_checks, 0, .form = "list of at most 16 checks",                \
          .preset = "none",                                                                        \
          .help = "Asked again and again; each must pass. Forms as in `spec.stages[].ready[]`."),  \
    FIELD("every", plan_value_duration, AT(every), .min = SECOND, .max = HOUR, .preset = "30s",    \
          .help = "How often the checks are asked; answers older than three times this hold."),    \
    FIELD("minRequests", plan_value_count, AT(min_requests), .min = 1, .max = COUNT_MAX,           \
          .preset = "20", .help = "With fewer requests on new in the window nothing is judged."),  \
    FIELD("confidence", plan_value_confidence, AT(confidence_ppm), .preset = "99.9%",              \
          .help = "How sure it must be that a limit is violated, before it counts as violated."),  \
    FIELD("noTraffic", plan_value_section, 0, .section = &quiet_section, .preset = "wait",         \
          .help = "When new gets too few requests to be judged.")
/* clang-format on */

static const struct plan_field trigger_fields[] = {
    LIMIT_FIELDS,
    FIELD("window", plan_value_duration, AT(window), .min = SECOND, .max = DAY, .preset = "60s",
          .help = "How far back is looked."),
    FIELD("rollbackTo", read_rollback_to, 0, .form = "a stage's number or name",
          .preset = "0, legacy", .help = "The stage that a trigger falls back to."),
};

static const struct plan_field gate_fields[] = {
    LIMIT_FIELDS,
    FIELD("for", plan_value_duration, AT(window), .min = SECOND, .max = DAY, .preset = "30s",
          .help = "How far back is looked; the stage must be that old."),
};
#undef AT

const struct plan_section plan_triggers_section = SECTION(trigger_fields);
const struct plan_section plan_gate_section = SECTION(gate_fields);

static bool says_something(const struct plan_limits *l)
{
    return l->error_rate_ppm || l->error_ratio_m || l->p50.ns || l->p99.ns || l->latency_ratio_m ||
           l->restarts_m || l->has_discrepancies || l->has_sync_lag || l->check_count;
}

/* Limits, and at least one: without it they would never say anything. */
static void read_limits(struct plan_reader *r, const struct json *v,
                        const struct plan_section *section, struct plan_limits *limits)
{
    unsigned before = r->problems;

    plan_reader_section(r, v, section, limits);
    if (r->problems > before || r->partial)
        return;
    if (!says_something(limits))
        plan_reader_problem(r, v,
                            "needs at least one limit: errorRate, errorRatio, p50, p99, "
                            "latencyRatio, restartsPerMinute, criticalDiscrepancies, syncLag or "
                            "checks");
    else if (limits->p50.ns && limits->p99.ns && limits->p50.ns > limits->p99.ns)
        plan_reader_problem_of(r, v, "p50",
                               "the limit of p50 is over that of p99 and would never say anything; "
                               "lower it or take it out");
}

static struct plan_limits limits_with_defaults(dur_t window)
{
    return (struct plan_limits){
        .min_requests = DEFAULT_MIN_REQUESTS,
        .confidence_ppm = PLAN_CONFIDENCE_PPM,
        .window = window,
        .every = dur_s(30),
    };
}

void plan_read_triggers(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst UNUSED)
{
    r->plan->has_triggers = true;
    r->plan->triggers = limits_with_defaults(dur_s(60));
    read_limits(r, v, &plan_triggers_section, &r->plan->triggers);
}

void plan_read_gate(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                    void *dst)
{
    struct plan_stage *stage = dst;

    stage->has_gate = true;
    stage->gate = limits_with_defaults(dur_s(30));
    read_limits(r, v, &plan_gate_section, &stage->gate);
}
