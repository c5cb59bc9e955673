/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker_window.h"

#include <string.h>

static int64_t slice_ns(dur_t length)
{
    int64_t ns = length.ns / BREAKER_SLICES;

    return ns > 0 ? ns : 1;
}

void breaker_window_clear(struct breaker_window *w, mono_t now)
{
    *w = (struct breaker_window){.start = now};
}

void breaker_window_slide(struct breaker_window *w, dur_t length, mono_t now)
{
    int64_t steps = mono_sub(now, w->start).ns / slice_ns(length);

    if (steps <= 0)
        return;
    if (steps >= BREAKER_SLICES) {
        breaker_window_clear(w, now);
        return;
    }
    memmove(w->slice + steps, w->slice, (size_t)(BREAKER_SLICES - steps) * sizeof w->slice[0]);
    memset(w->slice, 0, (size_t)steps * sizeof w->slice[0]);
    w->start = mono_add(w->start, dur_ns(steps * slice_ns(length)));
}

void breaker_window_add(struct breaker_window *w, struct breaker_counts n)
{
    w->slice[0].errors += n.errors;
    w->slice[0].good += n.good;
    w->slice[0].slow += n.slow;
}

struct breaker_counts breaker_window_sum(const struct breaker_window *w)
{
    struct breaker_counts sum = {0};

    for (unsigned i = 0; i < BREAKER_SLICES; i++) {
        sum.errors += w->slice[i].errors;
        sum.good += w->slice[i].good;
        sum.slow += w->slice[i].slow;
    }
    return sum;
}

mono_t breaker_window_end(const struct breaker_window *w, dur_t length)
{
    return mono_add(w->start, dur_ns(slice_ns(length)));
}
