/* SPDX-License-Identifier: Apache-2.0 */
/* What the decision costs per request, step by step: match among routes, hash the key, decide.
 * Printed in nanoseconds and as a share of murmur3 over 16 bytes, which machines differ in the
 * least. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/decide/decide.h"

#define ROUNDS 2000000u
#define KEYS   1024u

static char keys[KEYS][17];

struct bench {
    const struct ruleset *set;
    const struct ruleset_entry *entry;
};

typedef uint32_t (*step_fn)(const struct bench *b, unsigned round);

static struct str key_at(unsigned round)
{
    return (struct str){keys[round % KEYS], 16};
}

static uint32_t step_hash(const struct bench *b UNUSED, unsigned round)
{
    return hash_murmur3_32(STR("app"), key_at(round));
}

static uint32_t step_bucket(const struct bench *b UNUSED, unsigned round)
{
    return bucket_of(STR("app"), key_at(round));
}

static uint32_t step_decide(const struct bench *b, unsigned round)
{
    return decide(b->entry, round % BUCKETS, BREAKER_CLOSED).system;
}

static uint32_t step_match(const struct bench *b, unsigned round UNUSED)
{
    return ruleset_match(b->set, STR("shop.example.com"), STR("/api/orders/17"))->route.weight_bp;
}

static uint32_t step_all(const struct bench *b, unsigned round)
{
    const struct ruleset_entry *e =
        ruleset_match(b->set, STR("shop.example.com"), STR("/api/orders/17"));

    return decide(e, bucket_of(str_of(e->route.salt), key_at(round)), BREAKER_CLOSED).system;
}

static double measure_ns(step_fn step, const struct bench *b)
{
    volatile uint32_t sink = 0;
    mono_t start = clock_system->mono(clock_system);

    for (unsigned round = 0; round < ROUNDS; round++)
        sink += step(b, round);
    return (double)mono_sub(clock_system->mono(clock_system), start).ns / ROUNDS;
}

static struct ruleset *make_set(unsigned routes)
{
    struct ruleset *set = ruleset_new("", 1, 1);
    struct err err = {.msg = ""};
    bool good = true;

    for (unsigned i = 0; i < routes; i++) {
        struct route route = {.weight_bp = 2500};

        str_fmt(route.migration.s, sizeof route.migration.s, "m%u", i);
        str_fmt(route.salt, sizeof route.salt, "m%u", i);
        if (i > 0)
            str_fmt(route.path_prefix, sizeof route.path_prefix, "/other/%u", i);
        good = good && ruleset_add(set, &route, STR(""), &err) == 0;
    }
    if (!good || ruleset_finish(set, &err) < 0) {
        fprintf(stderr, "bench_decide: %s\n", err.msg);
        exit(2);
    }
    return set;
}

int main(void)
{
    static const struct {
        const char *name;
        step_fn step;
    } steps[] = {
        {"murmur3, 16 bytes", step_hash}, {"bucket_of", step_bucket}, {"decide", step_decide},
        {"ruleset_match", step_match},    {"all of it", step_all},
    };
    static const unsigned sizes[] = {1, 16, 256};
    double base;

    for (unsigned i = 0; i < KEYS; i++)
        str_fmt(keys[i], sizeof keys[i], "user-%011u", i * 7919);
    base = measure_ns(step_hash, NULL);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        CLEANUP(ruleset_unrefp) struct ruleset *set = make_set(sizes[s]);
        struct bench b = {set, ruleset_find(set, "m0")};

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            double ns = measure_ns(steps[i].step, &b);

            printf("%3u routes  %-18s %7.1f ns  %6.1fx\n", sizes[s], steps[i].name, ns, ns / base);
        }
    }
    return 0;
}
