/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/mem.h"

struct breaker {
    atomic_uint refs;
    /* What the table says, for readers without the lock. Only ever stale by an instant, as an event
     * on another thread could have come an instant later. */
    _Atomic(enum breaker_state) state;

    /* Protects `fsm`. Leaf: nothing else may be locked while it is held. Not taken by requests that
     * end well while the breaker is closed. */
    pthread_mutex_t lock;
    struct breaker_fsm fsm;
};

struct breaker *breaker_new(const struct route_breaker *config, mono_t now)
{
    struct breaker *b = xnew(struct breaker);

    atomic_init(&b->refs, 1);
    atomic_init(&b->state, BREAKER_CLOSED);
    pthread_mutex_init(&b->lock, NULL);
    breaker_fsm_init(&b->fsm, config, now);
    return b;
}

struct breaker *breaker_ref(struct breaker *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void breaker_unref(struct breaker *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&b->lock);
    xfreep(&b);
}

void breaker_configure(struct breaker *b, const struct route_breaker *config)
{
    pthread_mutex_lock(&b->lock);
    breaker_fsm_configure(&b->fsm, config);
    pthread_mutex_unlock(&b->lock);
}

static enum breaker_state publish(struct breaker *b, mono_t now, wall_t wall)
{
    enum breaker_state state = breaker_fsm_state(&b->fsm, now, wall);

    atomic_store_explicit(&b->state, state, memory_order_release);
    return state;
}

enum breaker_state breaker_look(struct breaker *b, mono_t now, wall_t wall)
{
    enum breaker_state state;

    if (!b)
        return BREAKER_DISABLED;
    state = atomic_load_explicit(&b->state, memory_order_acquire);
    if (state != BREAKER_OPEN)
        return state;
    pthread_mutex_lock(&b->lock);
    state = publish(b, now, wall);
    pthread_mutex_unlock(&b->lock);
    return state;
}

bool breaker_take_probe(struct breaker *b)
{
    bool taken;

    pthread_mutex_lock(&b->lock);
    taken = breaker_fsm_take_probe(&b->fsm);
    pthread_mutex_unlock(&b->lock);
    return taken;
}

void breaker_report(struct breaker *b, enum breaker_outcome outcome, bool probe, mono_t now,
                    wall_t wall)
{
    if (!b || (outcome != BREAKER_ERROR && !probe))
        return;
    pthread_mutex_lock(&b->lock);
    breaker_fsm_report(&b->fsm, outcome, probe, now, wall);
    publish(b, now, wall);
    pthread_mutex_unlock(&b->lock);
}
