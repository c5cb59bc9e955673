/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a breaker that can be changed while it counts: one line each, by the names and in
 * the forms of a plan. What was set by hand lies over what the plan says. Pure. */
#pragma once

#include "common/base/json.h"
#include "common/model/ruleset.h"

/*   X(ID, name) */
#define BREAKER_KNOBS(X)                      \
    X(ERRORS, "errors")                       \
    X(WINDOW, "window")                       \
    X(OPEN_FOR, "openFor")                    \
    X(HALF_OPEN_REQUESTS, "halfOpenRequests") \
    X(ERROR_RATE, "errorRate")                \
    X(SLOW, "slow")                           \
    X(SLOW_RATE, "slowRate")                  \
    X(MIN_REQUESTS, "minRequests")            \
    X(RE_RAMP, "reRamp")                      \
    X(MODE, "mode")

enum breaker_knob {
#define X(id, name) BREAKER_KNOB_##id,
    BREAKER_KNOBS(X)
#undef X
        BREAKER_KNOB_COUNT
};

/* Values by hand; which ones are set is a bit each. */
struct breaker_tuning {
    uint32_t set;
    uint32_t value[BREAKER_KNOB_COUNT];
};

const char *breaker_knob_name(enum breaker_knob k);
/* By its name; false for a name that is none. */
bool breaker_knob_find(struct str name, enum breaker_knob *ret) MUST_CHECK;

/* "5", "300s", "20%", "watch". INVALID names the knob, its form and its bounds. */
int breaker_tune(struct breaker_tuning *t, enum breaker_knob k, struct str text,
                 struct err *err) MUST_CHECK;
void breaker_untune(struct breaker_tuning *t, enum breaker_knob k);
/* `b` is the plan's. */
void breaker_apply(const struct breaker_tuning *t, struct route_breaker *b);

/* The value that the breaker has, as breaker_tune() takes it. */
#define BREAKER_KNOB_TEXT 40
const char *breaker_knob_text(const struct route_breaker *b, enum breaker_knob k, char *dst);

/* As stored: an object of texts; NULL when nothing is set. */
struct json *breaker_tuning_json(const struct breaker_tuning *t) MUST_CHECK;
/* `j` may be NULL. Names of a newer version are left out. */
int breaker_tuning_read(const struct json *j, struct breaker_tuning *ret,
                        struct err *err) MUST_CHECK;
