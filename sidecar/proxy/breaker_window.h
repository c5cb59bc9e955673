/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to requests over the last while, counted in slices that slide: memory is fixed,
 * whatever is counted. Pure. */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"

#define BREAKER_SLICES 16

struct breaker_counts {
    uint64_t errors;
    uint64_t good; /* answers */
    uint64_t slow; /* of these */
};

struct breaker_window {
    mono_t start; /* of slice[0], the current one */
    struct breaker_counts slice[BREAKER_SLICES];
};

/* Nothing is counted. */
void breaker_window_clear(struct breaker_window *w, mono_t now);
/* Move on so that `now` is inside the current slice; what is older than `length` drops out. An
 * instant before the window's start moves nothing. */
void breaker_window_slide(struct breaker_window *w, dur_t length, mono_t now);
/* It has been `from` long and is `to` from now on: what is as young stays, as old as it is. What a
 * slice holds is taken to be as young as it may be. */
void breaker_window_resize(struct breaker_window *w, dur_t from, dur_t to, mono_t now);
/* Into the current slice. */
void breaker_window_add(struct breaker_window *w, struct breaker_counts n);
struct breaker_counts breaker_window_sum(const struct breaker_window *w);
/* When the current slice is over. */
mono_t breaker_window_end(const struct breaker_window *w, dur_t length);
