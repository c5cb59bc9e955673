/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/stat/study.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "coordinator/core/gates.h"
#include "coordinator/core/state.h"

#define MEDIAN_US 20000.0
#define SIGMA     0.705 /* of the logarithm */
#define DRAWS     4096u

struct study {
    struct rng rng;
    double spread[DRAWS]; /* factors of the median, one as likely as the other */
};

/* The normal distribution's quantile, by bisection: it is asked 4096 times. */
static double normal_quantile(double p)
{
    double low = -10, high = 10;

    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;

        if (erfc(-mid / M_SQRT2) / 2 < p)
            low = mid;
        else
            high = mid;
    }
    return low;
}

struct study *study_new(uint64_t seed)
{
    struct study *s = xnew(struct study);

    rng_seed(&s->rng, seed);
    for (unsigned i = 0; i < DRAWS; i++)
        s->spread[i] = exp(SIGMA * normal_quantile((i + 0.5) / DRAWS));
    return s;
}

struct study *study_free(struct study *s)
{
    free(s);
    return NULL;
}

/* How many of `n` happen with chance `p` each: by the gaps between them. */
static uint64_t draw_binomial(struct rng *rng, uint64_t n, double p)
{
    double at = -1;

    for (uint64_t k = 0;; k++) {
        at += 1 + floor(log1p(-rng_unit(rng)) / log1p(-p));
        if (!(at < (double)n))
            return k;
    }
}

static void draw_second(struct study *s, uint64_t requests, double errors, double slower,
                        struct system_stats *ret)
{
    *ret = (struct system_stats){.requests = requests};
    ret->errors = errors > 0 ? draw_binomial(&s->rng, requests, fmin(errors, 0.999)) : 0;
    for (uint64_t i = ret->errors; slower > 0 && i < requests; i++)
        hist_add(&ret->latency,
                 (uint64_t)(MEDIAN_US * slower * s->spread[rng_u64(&s->rng) % DRAWS]));
}

unsigned study_rollout(struct study *s, const struct plan_limits *triggers,
                       const struct study_world *w, unsigned seconds, unsigned every)
{
    static const struct measured nobody[MEASURE_COUNT];
    struct samples *samples = samples_new();
    struct gates_grounds grounds = {.samples = samples, .measured = nobody};
    struct system_stats both[SYSTEM_COUNT] = {{.requests = 0}};
    struct view_gate gate;
    unsigned fired = 0;

    for (unsigned t = 1; t <= seconds && !fired; t++) {
        grounds.now = (mono_t){INT64_C(1000000000000) + INT64_C(1000000000) * t};
        draw_second(s, w->legacy_per_second, w->errors, w->slower > 0 ? 1 : 0,
                    &both[SYSTEM_LEGACY]);
        draw_second(s, w->per_second, w->errors * w->worse, w->slower, &both[SYSTEM_NEW]);
        samples_add(samples, grounds.now, both);
        if (t % every != 0)
            continue;
        gates_trigger(triggers, &grounds, &gate);
        fired = gate.verdict == VERDICT_FAIL ? t : 0;
    }
    samples_free(samples);
    return fired;
}
