/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/decide/bucket.h"
#include "sidecar/proxy/proxy.h"

/* Words of two threads so far apart are in no common cache line, nor in two that are fetched
 * together, wherever the memory begins. */
#define APART 128

struct breaker_cell {
    _Atomic uint64_t good; /* ever; written by its lane alone */
    uint64_t taken_in;     /* of these; under the breaker's lock */
    char apart[APART];
};

/* What a request has to know of the table, in one word: it is read without the lock and is only
 * ever stale by an instant, as an event on another thread could have come an instant later. */
enum {
    SAYS_PASS = 1u << 8,      /* everything passes, without a look at the rest */
    SAYS_WATCHING = 1u << 9,  /* nothing is diverted */
    SAYS_SLOT_FREE = 1u << 10 /* half open, and a probe may be taken */
};
#define SAYS_STATE(word) ((enum breaker_fsm_state)((word)&0xff))
#define SAYS_SHARE(word) ((uint32_t)((word) >> 16 & 0xffff))
#define SAYS_ERA(word)   ((uint32_t)((word) >> 32))

struct breaker {
    /* Read by every request, written when something changes. */
    _Atomic uint64_t word;
    _Atomic int64_t wake;      /* the instant from which `word` is out of date */
    _Atomic int64_t slice_end; /* the instant from which the lanes' counts are to be taken in */
    _Atomic int64_t slow_ns;   /* answers that take longer are slow */
    char apart[APART];

    atomic_uint refs;
    /* Protects what follows. Leaf: nothing else may be locked while it is held. */
    pthread_mutex_t lock;
    struct breaker_fsm fsm;
    struct breaker_cell *cell[PROXY_THREADS_MAX];
};

/* ---- under the lock -------------------------------------------------------------------------- */

static void take_in(struct breaker *b)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < ARRAY_LEN(b->cell); i++) {
        struct breaker_cell *cell = b->cell[i];
        uint64_t good;

        if (!cell)
            continue;
        good = atomic_load_explicit(&cell->good, memory_order_relaxed);
        sum += good - cell->taken_in;
        cell->taken_in = good;
    }
    breaker_fsm_add_good(&b->fsm, sum);
}

static uint64_t say(const struct breaker *b, mono_t now)
{
    const struct breaker_fsm *fsm = &b->fsm;
    const uint32_t share = breaker_fsm_share(fsm, now);
    uint64_t word = (uint64_t)fsm->sm.state | (uint64_t)share << 16 | (uint64_t)fsm->era << 32;

    if (share == WEIGHT_BP_MAX && fsm->sm.state != BREAKER_ST_RAMPING)
        word |= SAYS_PASS;
    if (fsm->config.mode == BREAKER_MODE_WATCH)
        word |= SAYS_WATCHING;
    if (fsm->sm.state == BREAKER_ST_HALF_OPEN && fsm->probes < fsm->config.half_open_requests)
        word |= SAYS_SLOT_FREE;
    return word;
}

/* The lock is held from enter() to leave(). What was counted belongs to the time before `now`, so
 * it is taken in before the window slides. */
static void enter(struct breaker *b, mono_t now, wall_t wall)
{
    pthread_mutex_lock(&b->lock);
    take_in(b);
    breaker_fsm_elapse(&b->fsm, now, wall);
}

static void leave(struct breaker *b, mono_t now)
{
    const struct breaker_fsm *fsm = &b->fsm;
    mono_t slice_end = breaker_window_end(&fsm->window, breaker_fsm_window(fsm));

    atomic_store_explicit(&b->slice_end, slice_end.ns, memory_order_relaxed);
    atomic_store_explicit(&b->wake, breaker_fsm_wake(fsm, now).ns, memory_order_relaxed);
    atomic_store_explicit(&b->word, say(b, now), memory_order_release);
    pthread_mutex_unlock(&b->lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_slow(struct breaker *b, const struct route_breaker *config)
{
    int64_t ns = config->slow_ms > 0 ? dur_ms(config->slow_ms).ns : INT64_MAX;

    atomic_store_explicit(&b->slow_ns, ns, memory_order_relaxed);
}

struct breaker *breaker_new(const struct route_breaker *config, mono_t now, wall_t wall)
{
    struct breaker *b = xnew(struct breaker);

    atomic_init(&b->refs, 1);
    pthread_mutex_init(&b->lock, NULL);
    breaker_fsm_init(&b->fsm, config, now, wall);
    set_slow(b, config);
    enter(b, now, wall);
    leave(b, now);
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
    for (unsigned i = 0; i < ARRAY_LEN(b->cell); i++)
        xfreep(&b->cell[i]);
    xfreep(&b);
}

void breaker_configure(struct breaker *b, const struct route_breaker *config, mono_t now,
                       wall_t wall)
{
    enter(b, now, wall);
    breaker_fsm_configure(&b->fsm, config, now, wall);
    set_slow(b, config);
    leave(b, now);
}

struct breaker_cell *breaker_cell(struct breaker *b, unsigned lane)
{
    struct breaker_cell *cell;

    CHECK(lane < ARRAY_LEN(b->cell));
    pthread_mutex_lock(&b->lock);
    if (!b->cell[lane])
        b->cell[lane] = xnew(struct breaker_cell);
    cell = b->cell[lane];
    pthread_mutex_unlock(&b->lock);
    return cell;
}

/* ---- requests -------------------------------------------------------------------------------- */

static uint64_t look(struct breaker *b, mono_t now, wall_t wall)
{
    uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);

    if (now.ns < atomic_load_explicit(&b->wake, memory_order_relaxed))
        return word;
    enter(b, now, wall);
    word = say(b, now);
    leave(b, now);
    return word;
}

static bool take_probe(struct breaker *b, bool rescuable, mono_t now, struct breaker_ticket *ret)
{
    pthread_mutex_lock(&b->lock);
    ret->probe = breaker_fsm_take_probe(&b->fsm, rescuable, now);
    ret->era = b->fsm.era;
    leave(b, now);
    return ret->probe;
}

/* Rounded up, so that the smallest weight has a bucket from the beginning. */
static bool is_ramped_up(const struct breaker_request *req, uint32_t share_bp)
{
    uint32_t weight_bp = (req->weight_bp * share_bp + WEIGHT_BP_MAX - 1) / WEIGHT_BP_MAX;

    return bucket_on_new(req->bucket, weight_bp);
}

static bool admit_in_trouble(struct breaker *b, const struct breaker_request *req, mono_t now,
                             wall_t wall, struct breaker_ticket *ret)
{
    uint64_t word = look(b, now, wall);

    *ret = (struct breaker_ticket){.era = SAYS_ERA(word)};
    if (word & SAYS_PASS)
        return true;
    if (word & SAYS_SLOT_FREE && take_probe(b, req->rescuable, now, ret))
        return true;
    return word & SAYS_WATCHING || is_ramped_up(req, SAYS_SHARE(word));
}

bool breaker_admit(struct breaker *b, const struct breaker_request *req, mono_t now, wall_t wall,
                   struct breaker_ticket *ret)
{
    uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);

    if (!(word & SAYS_PASS))
        return admit_in_trouble(b, req, now, wall, ret);
    *ret = (struct breaker_ticket){.era = SAYS_ERA(word)};
    return true;
}

static void count_good(struct breaker *b, struct breaker_cell *cell, mono_t now, wall_t wall)
{
    uint64_t good = atomic_load_explicit(&cell->good, memory_order_relaxed);

    if (now.ns >= atomic_load_explicit(&b->slice_end, memory_order_relaxed)) {
        enter(b, now, wall);
        leave(b, now);
    }
    atomic_store_explicit(&cell->good, good + 1, memory_order_relaxed);
}

void breaker_report(struct breaker *b, struct breaker_cell *cell, struct breaker_ticket ticket,
                    enum breaker_outcome outcome, dur_t took, mono_t now, wall_t wall)
{
    if (outcome == BREAKER_SUCCESS &&
        took.ns > atomic_load_explicit(&b->slow_ns, memory_order_relaxed))
        outcome = BREAKER_SLOW;
    if (!ticket.probe && outcome == BREAKER_ABANDONED)
        return;
    if (!ticket.probe && outcome == BREAKER_SUCCESS) {
        count_good(b, cell, now, wall);
        return;
    }
    enter(b, now, wall);
    breaker_fsm_report(&b->fsm, outcome, ticket.probe, ticket.era, now, wall);
    leave(b, now);
}

struct breaker_ticket breaker_ticket(struct breaker *b)
{
    uint64_t word = atomic_load_explicit(&b->word, memory_order_acquire);

    return (struct breaker_ticket){.era = SAYS_ERA(word)};
}

/* ---- looking --------------------------------------------------------------------------------- */

enum breaker_state breaker_see(struct breaker *b, mono_t now, wall_t wall, struct breaker_seen *ret)
{
    enum breaker_state state;

    *ret = (struct breaker_seen){0};
    if (!b)
        return BREAKER_DISABLED;
    enter(b, now, wall);
    breaker_fsm_see(&b->fsm, now, ret);
    ret->watching = b->fsm.config.mode == BREAKER_MODE_WATCH;
    state = breaker_state_shown((enum breaker_fsm_state)b->fsm.sm.state);
    leave(b, now);
    return state;
}

enum breaker_state breaker_look(struct breaker *b, mono_t now, wall_t wall)
{
    uint64_t word;

    if (!b)
        return BREAKER_DISABLED;
    word = look(b, now, wall);
    return word & SAYS_WATCHING ? BREAKER_CLOSED : breaker_state_shown(SAYS_STATE(word));
}
