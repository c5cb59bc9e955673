/* SPDX-License-Identifier: Apache-2.0 */
/* What triggers and gates judge, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/units.h"
#include "common/model/plan_words.h"

struct lines {
    struct plan_words *w;
    const char *indent;
};

/* One limit on a line of its own. */
static void say(const struct lines *l, const char *fmt, ...) PRINTF(2, 3);

static void say(const struct lines *l, const char *fmt, ...)
{
    char text[TEXT_SIZE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plan_words_say(l->w, "%s  - %s\n", l->indent, text);
}

static void say_ratio(const struct lines *l, const char *what, uint32_t thousandths)
{
    if (thousandths)
        say(l, "%s of new at most %g times that of legacy", what, thousandths / 1000.0);
}

static void say_latency(const struct lines *l, const char *what, dur_t limit)
{
    char text[UNIT_TEXT_MAX];

    if (limit.ns)
        say(l, "%s of new at most %s", what, unit_duration_text(limit, text));
}

static void say_reported(const struct lines *l, const struct plan_limits *limits)
{
    char text[UNIT_TEXT_MAX];

    if (limits->restarts_m)
        say(l, "at most %g restarts of new a minute", limits->restarts_m / 1000.0);
    if (limits->has_discrepancies)
        say(l, "at most %u critical discrepancies", limits->discrepancies);
    if (limits->has_sync_lag)
        say(l, "the data behind new at most %s late", unit_duration_text(limits->sync_lag, text));
}

static void say_checks(const struct lines *l, const struct plan_limits *limits)
{
    char every[UNIT_TEXT_MAX];

    for (unsigned i = 0; i < limits->check_count; i++)
        say(l, "%s passes (%s, asked every %s)", limits->check[i].name.s,
            plan_check_word(limits->check[i].kind), unit_duration_text(limits->every, every));
}

static void say_judgement(const struct lines *l, const struct plan_limits *limits)
{
    static const char *const follows[] = {
        [QUIET_HOLD] = "it keeps waiting",
        [QUIET_WARN] = "the log warns",
        [QUIET_ROLLBACK] = "the rollout is rolled back",
    };
    char sure[UNIT_TEXT_MAX], after[UNIT_TEXT_MAX];

    plan_words_say(l->w, "%s  judged from %u requests on new, violated when that is %s sure",
                   l->indent, limits->min_requests, unit_ratio_text(limits->confidence_ppm, sure));
    if (limits->quiet_after.ns)
        plan_words_say(l->w, "; after %s with fewer %s",
                       unit_duration_text(limits->quiet_after, after), follows[limits->quiet]);
    plan_words_say(l->w, "\n");
}

void plan_words_limits(struct plan_words *w, const char *indent, const struct plan_limits *limits)
{
    struct lines l = {w, indent};
    char text[UNIT_TEXT_MAX];

    plan_words_say(w, "over the last %s:\n", unit_duration_text(limits->window, text));
    if (limits->error_rate_ppm)
        say(&l, "errors of new at most %s", unit_ratio_text(limits->error_rate_ppm, text));
    say_ratio(&l, "error rate", limits->error_ratio_m);
    say_latency(&l, "p50", limits->p50);
    say_latency(&l, "p99", limits->p99);
    say_ratio(&l, "p99", limits->latency_ratio_m);
    say_reported(&l, limits);
    say_checks(&l, limits);
    say_judgement(&l, limits);
}
