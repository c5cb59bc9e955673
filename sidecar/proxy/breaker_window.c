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

static void add(struct breaker_counts *to, const struct breaker_counts *n)
{
    to->errors += n->errors;
    to->good += n->good;
    to->slow += n->slow;
}

void breaker_window_resize(struct breaker_window *w, dur_t from, dur_t to, mono_t now)
{
    const struct breaker_window had = *w;

    breaker_window_clear(w, now);
    for (unsigned i = 0; i < BREAKER_SLICES; i++) {
        mono_t end = mono_add(had.start, dur_ns((1 - (int64_t)i) * slice_ns(from)));
        int64_t age = mono_before(end, now) ? mono_sub(now, end).ns : 0;
        int64_t at = (age + slice_ns(to) - 1) / slice_ns(to);

        if (at < BREAKER_SLICES)
            add(&w->slice[at], &had.slice[i]);
    }
}

void breaker_window_add(struct breaker_window *w, struct breaker_counts n)
{
    add(&w->slice[0], &n);
}

struct breaker_counts breaker_window_sum(const struct breaker_window *w)
{
    struct breaker_counts sum = {0};

    for (unsigned i = 0; i < BREAKER_SLICES; i++)
        add(&sum, &w->slice[i]);
    return sum;
}

mono_t breaker_window_end(const struct breaker_window *w, dur_t length)
{
    return mono_add(w->start, dur_ns(slice_ns(length)));
}
