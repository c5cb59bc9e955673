/* SPDX-License-Identifier: Apache-2.0 */
/* How long a thread that may block waits: until an instant, and not after another thread has set a
 * flag. A few milliseconds later than either, never much more. */
#pragma once

#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/base/err.h"

struct patience {
    mono_t until;
    const atomic_bool *stop; /* borrowed; NULL: only time ends it */
};

struct patience patience_for(dur_t d, const atomic_bool *stop);
/* Not negative. */
dur_t patience_left(const struct patience *p);
/* Is it over? 0, TIMEOUT, CANCELLED. */
int patience_check(const struct patience *p, struct err *err) MUST_CHECK;
/* Wait until `fd` (-1: none, to wait for the end) has one of `events`, which are poll's. As above;
 * the caller says in *err what it was that took so long. */
int patience_wait(const struct patience *p, int fd, short events, struct err *err) MUST_CHECK;
