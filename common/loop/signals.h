/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as events of a loop (signalfd). */
#pragma once

#include "common/loop/loop.h"

struct signals;
typedef void (*signals_fn)(void *ctx, int signo);

/* Block `signos` (0-terminated) in the calling thread, which must be the first one, before others
 * start: they inherit the mask. Process-wide. */
void signals_block(const int *signos);
/* Deliver them on `l`. */
int signals_new(struct loop *l, const int *signos, signals_fn fn, void *ctx, struct signals **ret,
                struct err *err) MUST_CHECK;
void signals_free(struct signals *s);
DEFINE_CLEANUP(struct signals, signals_free)
