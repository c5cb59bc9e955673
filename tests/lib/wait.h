/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a fact instead of for a time. */
#pragma once

#include "common/loop/loop.h"
#include "tests/lib/unit.h"

/* Turn the loop until `cond` holds; other threads may be what makes it hold. */
#define WAIT_FOR(l, cond)                                                            \
    do {                                                                             \
        mono_t until_ = mono_add(clock_system->mono(clock_system), dur_s(20));       \
        while (!(cond)) {                                                            \
            if (!mono_before(clock_system->mono(clock_system), until_))              \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #cond); \
            loop_turn((l), dur_ms(5));                                               \
        }                                                                            \
    } while (0)
