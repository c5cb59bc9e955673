/* SPDX-License-Identifier: Apache-2.0 */
/* A node's breaker of one migration, played: it obeys orders, opens by the number of errors, and
 * tries new again with every fourth request. */
#pragma once

#include "common/decide/decide.h"
#include "common/model/stats.h"

struct sim_breaker {
    struct name migration;
    enum breaker_state state;
    bool held;            /* until another order */
    uint64_t obeyed;      /* number of the latest order */
    unsigned seen, fails; /* since it last changed its state */
    unsigned tries;       /* while half open */
    mono_t until;         /* open */
};

/* A lane has taken this over. */
void sim_breaker_obey(struct sim_breaker *b, const struct route_breaker *r, mono_t now);
/* As what it takes part in the decision on the next request. */
enum breaker_state sim_breaker_ask(struct sim_breaker *b, mono_t now);
/* New was asked. */
void sim_breaker_saw(struct sim_breaker *b, const struct route_breaker *r, bool failed, mono_t now);
void sim_breaker_tell(const struct sim_breaker *b, struct route_stats *ret);
