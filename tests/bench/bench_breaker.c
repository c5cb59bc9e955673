/* SPDX-License-Identifier: Apache-2.0 */
/* What the breaker of a well new costs a request: to ask it, and to tell it of a good answer, with
 * one lane and with two at once. With them the decision: key to bucket to system. A line each, in
 * nanoseconds of the best of some rounds, since others use the processors, too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/decide/decide.h"
#include "sidecar/proxy/breaker.h"

#define CALLS   100000u
#define ROUNDS  200
#define THREADS 2

/* CALLS of it. As loops do it, the time is read once a turn. */
typedef uint64_t (*figure_fn)(struct breaker *b, struct breaker_cell *cell, mono_t now);

static uint64_t check(struct breaker *b, struct breaker_cell *cell UNUSED, mono_t now)
{
    struct breaker_request req = {.weight_bp = WEIGHT_BP_MAX};
    struct breaker_ticket t;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < CALLS; i++) {
        req.bucket = i % BUCKETS;
        sum += breaker_admit(b, &req, now, (wall_t){1}, &t) + t.era;
    }
    return sum;
}

static uint64_t record(struct breaker *b, struct breaker_cell *cell, mono_t now)
{
    const struct breaker_ticket t = {0};

    for (uint32_t i = 0; i < CALLS; i++)
        breaker_report(b, cell, t, BREAKER_SUCCESS, dur_us(i % 1000), now, (wall_t){1});
    return 0;
}

static uint64_t choose(struct breaker *b UNUSED, struct breaker_cell *cell UNUSED,
                       mono_t now UNUSED)
{
    static const struct ruleset_entry entry = {.route = {.weight_bp = 2500, .salt = "orders"}};
    char key[17] = "user-00000000000";
    uint64_t sum = 0;

    for (uint32_t i = 0; i < CALLS; i++) {
        memcpy(key + 12, &i, sizeof i);
        sum += decide(&entry, bucket_of(str_of(entry.route.salt), (struct str){key, 16}),
                      BREAKER_CLOSED)
                   .system;
    }
    return sum;
}

struct runner {
    pthread_t thread;
    pthread_barrier_t *begin;
    struct breaker *breaker;
    unsigned lane;
    figure_fn figure;
    double best_ns;
};

static void *run(void *arg)
{
    struct runner *r = arg;
    struct breaker_cell *cell = breaker_cell(r->breaker, r->lane);
    volatile uint64_t sink = 0;

    for (int round = 0; round < ROUNDS; round++) {
        mono_t begin;
        double ns;

        pthread_barrier_wait(r->begin);
        begin = clock_system->mono(clock_system);
        sink += r->figure(r->breaker, cell, begin);
        ns = (double)mono_sub(clock_system->mono(clock_system), begin).ns / CALLS;
        if (round == 0 || ns < r->best_ns)
            r->best_ns = ns;
    }
    return NULL;
}

/* Of the slower thread. */
static double measure(figure_fn figure, unsigned threads)
{
    static const struct route_breaker config = {.errors = 5,
                                                .window_ms = 300000,
                                                .open_for_ms = 600000,
                                                .half_open_requests = 10,
                                                .error_rate_bp = 500,
                                                .slow_ms = 2000,
                                                .slow_rate_bp = 5000,
                                                .min_requests = 20};
    struct breaker *b = breaker_new(&config, clock_system->mono(clock_system), (wall_t){1});
    struct runner runner[THREADS];
    pthread_barrier_t begin;
    double worst = 0;

    CHECK(pthread_barrier_init(&begin, NULL, threads) == 0);
    for (unsigned i = 0; i < threads; i++) {
        runner[i] = (struct runner){.begin = &begin, .breaker = b, .lane = i, .figure = figure};
        CHECK(pthread_create(&runner[i].thread, NULL, run, &runner[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(runner[i].thread, NULL);
        if (runner[i].best_ns > worst)
            worst = runner[i].best_ns;
    }
    pthread_barrier_destroy(&begin);
    breaker_unref(b);
    return worst;
}

int main(void)
{
    static const struct {
        const char *name;
        figure_fn figure;
    } figures[] = {{"check", check}, {"record", record}, {"decide", choose}};

    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        for (unsigned threads = 1; threads <= THREADS; threads++)
            printf("%s_%u %.2f\n", figures[i].name, threads, measure(figures[i].figure, threads));
    return 0;
}
