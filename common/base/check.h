/* SPDX-License-Identifier: Apache-2.0 */
/* Programming errors, checked in release builds too: a process that has lost its invariants must
 * stop, and say where. Input from outside is never checked this way; it gets a struct err. */
#pragma once

#include "common/base/attrs.h"

/* Abort with `cond` as the message when it does not hold. */
#define CHECK(cond)                                                          \
    do {                                                                     \
        if (UNLIKELY(!(cond)))                                               \
            check_die("%s:%d: check failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

/* Write one line to stderr and abort. */
NORETURN void check_die(const char *fmt, ...) PRINTF(1, 2);
