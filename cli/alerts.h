/* SPDX-License-Identifier: Apache-2.0 */
/* The alerts of the on-call runbook, by name: which of them a migration raises now, how soon
 * somebody has to look, and what to type. Pure. */
#pragma once

#include "common/base/clock.h"
#include "common/model/ids.h"
#include "operator.pb-c.h"

/* What rates and times are judged over. */
#define ALERT_WINDOW_S 300

/* Names and severities are an interface. X(ID, name, what raises it) */
#define ALERTS(X)                                                                                 \
    X(BREAKER_OPEN, "migration_circuit_breaker_open", "a node's breaker sends all to legacy")     \
    X(ROLLBACK, "migration_rollback_executed",                                                    \
      "a rollback within the last hour, or one that nobody has gone on from; an emergency order") \
    X(ERROR_RATE, "migration_high_error_rate",                                                    \
      "more than 1 % of 20 or more requests to new failed in 5 min; critical above 10 %")         \
    X(SLOW, "migration_performance_regression",                                                   \
      "new takes more than twice legacy's mean, over 100 or more requests to each in 5 min")      \
    X(DISCREPANCIES, "migration_canary_discrepancies",                                            \
      "answers of new differ critically from legacy's, where the plan judges it")

enum alert_kind {
#define X(id, name, help) ALERT_##id,
    ALERTS(X)
#undef X
        ALERT_COUNT
};

struct alert {
    enum alert_kind kind;
    bool critical;        /* else a warning */
    dur_t respond_within; /* somebody has to look by then */
    char text[TEXT_SIZE];
    char advice[TEXT_SIZE]; /* what to type */
};

const char *alert_name(enum alert_kind k);
const char *alert_severity(const struct alert *a); /* "critical", "warning" */

/* Those that one migration raises at `now`, the most urgent first; returns how many. `stats` are of
 * the last ALERT_WINDOW_S seconds. */
unsigned alerts_raised(const Switchyard__V1__Status *status, const Switchyard__V1__Stats *stats,
                       wall_t now, struct alert ret[ALERT_COUNT]);
