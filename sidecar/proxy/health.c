/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/health.h"

#include "common/base/check.h"
#include "common/base/mem.h"

_Static_assert(ENDPOINT_STATE_COUNT <= 1u << HEALTH_STATE_BITS, "a state fits into the word");

/* What readers see. The caller holds the lock. */
static void show(struct health_endpoint *e)
{
    uint64_t word =
        ((uint64_t)e->fsm.since.ns << HEALTH_STATE_BITS) | (uint64_t)endpoint_fsm_state(&e->fsm);

    atomic_store_explicit(&e->word, word, memory_order_relaxed);
    atomic_store_explicit(&e->failed, e->fsm.failures > 0, memory_order_relaxed);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct health_endpoint *find(struct health *h, const struct address *a)
{
    for (unsigned i = 0; h && i < h->count; i++)
        if (address_eq(&h->endpoint[i].address, a))
            return &h->endpoint[i];
    return NULL;
}

static bool is_same(const struct health *h, const struct address *address, unsigned count)
{
    if (!h || h->count != count)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!address_eq(&h->endpoint[i].address, &address[i]))
            return false;
    return true;
}

static bool has_any(struct health *h, const struct address *address, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (find(h, &address[i]))
            return true;
    return false;
}

/* Sets are made by one thread, but lanes still report to the one before. */
static void carry_over(struct health *before, const struct health_endpoint *had,
                       struct endpoint_fsm *ret)
{
    pthread_mutex_lock(&before->lock);
    *ret = had->fsm;
    pthread_mutex_unlock(&before->lock);
}

struct health *health_new(const struct address *address, unsigned count, struct health *before,
                          mono_t now)
{
    const enum endpoint_state fresh =
        has_any(before, address, count) ? ENDPOINT_WARMING : ENDPOINT_HEALTHY;
    struct health *h;

    CHECK(count <= BALANCE_MAX);
    if (is_same(before, address, count))
        return health_ref(before);
    h = xalloc(sizeof *h + count * sizeof h->endpoint[0]);
    atomic_init(&h->refs, 1);
    pthread_mutex_init(&h->lock, NULL);
    h->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct health_endpoint *e = &h->endpoint[i], *had = find(before, &address[i]);

        e->address = address[i];
        if (had)
            carry_over(before, had, &e->fsm);
        else
            endpoint_fsm_init(&e->fsm, fresh, now);
        show(e);
    }
    return h;
}

struct health *health_ref(struct health *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

void health_unref(struct health *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&h->lock);
    xfreep(&h);
}

/* ---- reports --------------------------------------------------------------------------------- */

/* With one more, no more than half would be ejected, and somebody would be left. */
static bool others_stand(const struct health *h)
{
    unsigned ejected = 1, left_out = 1;

    for (unsigned i = 0; i < h->count; i++) {
        enum endpoint_state state = endpoint_fsm_state(&h->endpoint[i].fsm);

        ejected += state == ENDPOINT_EJECTED;
        left_out += state == ENDPOINT_EJECTED || state == ENDPOINT_FAILING;
    }
    return 2 * ejected <= h->count && left_out < h->count;
}

void health_note_failure(struct health *h, unsigned i, unsigned count, mono_t now, wall_t wall)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    endpoint_fsm_fail(&h->endpoint[i].fsm, count, others_stand(h), now, wall);
    show(&h->endpoint[i]);
    pthread_mutex_unlock(&h->lock);
}

void health_forget_failures(struct health *h, unsigned i)
{
    pthread_mutex_lock(&h->lock);
    h->endpoint[i].fsm.failures = 0;
    show(&h->endpoint[i]);
    pthread_mutex_unlock(&h->lock);
}

void health_note_check(struct health *h, unsigned i, bool passed, mono_t now, wall_t wall)
{
    pthread_mutex_lock(&h->lock);
    endpoint_fsm_check(&h->endpoint[i].fsm, passed, now, wall);
    show(&h->endpoint[i]);
    pthread_mutex_unlock(&h->lock);
}

void health_uncheck(struct health *h, mono_t now, wall_t wall)
{
    pthread_mutex_lock(&h->lock);
    for (unsigned i = 0; i < h->count; i++) {
        endpoint_fsm_uncheck(&h->endpoint[i].fsm, now, wall);
        show(&h->endpoint[i]);
    }
    pthread_mutex_unlock(&h->lock);
}

void health_tick(struct health *h, mono_t now, wall_t wall)
{
    for (unsigned i = 0; h && i < h->count; i++) {
        if (health_state(h, i, NULL) == ENDPOINT_HEALTHY)
            continue;
        pthread_mutex_lock(&h->lock);
        endpoint_fsm_tick(&h->endpoint[i].fsm, now, wall);
        show(&h->endpoint[i]);
        pthread_mutex_unlock(&h->lock);
    }
}

enum endpoint_state health_state(const struct health *h, unsigned i, mono_t *ret_since)
{
    uint64_t word = atomic_load_explicit(&h->endpoint[i].word, memory_order_relaxed);

    if (ret_since)
        ret_since->ns = (int64_t)(word >> HEALTH_STATE_BITS);
    return (enum endpoint_state)(word & ((1u << HEALTH_STATE_BITS) - 1));
}
