/* SPDX-License-Identifier: Apache-2.0 */
/* How the endpoints of one system are, for all lanes of the process. A choice reads one atomic word
 * of each endpoint, a request that ends well another; failures, checks and the clock step the
 * tables behind them under a lock. Any thread. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "sidecar/proxy/address.h"
#include "sidecar/proxy/balance.h"
#include "sidecar/proxy/endpoint_fsm.h"

struct health_endpoint {
    /* For readers without the lock: the state in the low bits, above them when it began. */
    _Atomic uint64_t word;
    atomic_bool failed; /* the latest request did */
    /* Under the lock. */
    struct endpoint_fsm fsm;
    struct address address; /* immutable */
};

struct health {
    atomic_uint refs;
    /* Protects the tables. Leaf: nothing else may be locked while it is held. */
    pthread_mutex_t lock;
    unsigned count;
    struct health_endpoint endpoint[];
};

/* Of these addresses, at most BALANCE_MAX; with one reference. Those that `before` (may be NULL)
 * has go on as they are there, others join them with a growing share; the first of a system have
 * their full share at once. The same addresses in the same order: `before` itself. */
struct health *health_new(const struct address *address, unsigned count, struct health *before,
                          mono_t now) MUST_CHECK;
struct health *health_ref(struct health *h);
void health_unref(struct health *h); /* tolerates NULL */

#define HEALTH_STATE_BITS 2

/* Its weight for balance_choose(). NULL: full. */
static inline uint32_t health_weight(const struct health *h, unsigned i, mono_t now)
{
    uint64_t word;

    if (!h)
        return BALANCE_FULL;
    word = atomic_load_explicit(&h->endpoint[i].word, memory_order_relaxed);
    switch ((enum endpoint_state)(word & ((1u << HEALTH_STATE_BITS) - 1))) {
    case ENDPOINT_HEALTHY:
        return BALANCE_FULL;
    case ENDPOINT_WARMING:
        return balance_ramp(mono_sub(now, (mono_t){(int64_t)(word >> HEALTH_STATE_BITS)}));
    case ENDPOINT_EJECTED:
    case ENDPOINT_FAILING:
    case ENDPOINT_STATE_COUNT:
        break;
    }
    return 0;
}

/* A request ended on it; a failure counts as so many (endpoint_fsm.h). NULL: nobody asks. */
void health_note_failure(struct health *h, unsigned i, unsigned count, mono_t now, wall_t wall);
void health_forget_failures(struct health *h, unsigned i);
static inline void health_note_success(struct health *h, unsigned i)
{
    if (h && atomic_load_explicit(&h->endpoint[i].failed, memory_order_relaxed))
        health_forget_failures(h, i);
}

/* One of its checks ended. */
void health_note_check(struct health *h, unsigned i, bool passed, mono_t now, wall_t wall);
/* Nobody checks the system any more. */
void health_uncheck(struct health *h, mono_t now, wall_t wall);
/* Now and then, so that times end. Tolerates NULL. */
void health_tick(struct health *h, mono_t now, wall_t wall);

/* *ret_since: when it came into the state. */
enum endpoint_state health_state(const struct health *h, unsigned i, mono_t *ret_since);
