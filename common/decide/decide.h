/* SPDX-License-Identifier: Apache-2.0 */
/* The routing decision: pure, no allocation, no clock, no lock; the core of the proxy and of every
 * other place that must answer the same.
 *
 * Layers, strongest first: emergency order, legacy forbidden (an open breaker then leaves nobody to
 * answer), override legacy, open breaker, override new, weight. */
#pragma once

#include "common/decide/bucket.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"

/* In the order of the layers. */
enum decide_reason {
    DECIDE_EMERGENCY,
    DECIDE_NOBODY,
    DECIDE_LEGACY_FORBIDDEN,
    DECIDE_OVERRIDE_LEGACY,
    DECIDE_BREAKER,
    DECIDE_OVERRIDE_NEW,
    DECIDE_WEIGHT,
    DECIDE_REASON_COUNT
};

struct decision {
    enum system system; /* SYSTEM_NONE: refuse it, with DECIDE_NOBODY */
    enum decide_reason reason;
    uint32_t bucket; /* 0..9999; of use when the reason is DECIDE_WEIGHT */
};

const char *decide_reason_text(enum decide_reason r); /* a clause for people */
const char *decide_reason_name(enum decide_reason r); /* a stable word for programs */

/* What each layer has to say, as bits 1u << enum decide_reason; the lowest one decides. */
unsigned decide_layers(const struct ruleset_entry *e, enum breaker_state breaker);

/* `bucket` is the key's, or a random one for requests without a key. BREAKER_HALF_OPEN here means:
 * no probe slot is to be had for this request (with one, pass BREAKER_CLOSED). */
struct decision decide(const struct ruleset_entry *e, uint32_t bucket, enum breaker_state breaker);
