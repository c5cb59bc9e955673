/* SPDX-License-Identifier: Apache-2.0 */
/* What every cmocka program includes: cmocka with the headers that it expects before itself. */
#pragma once

#include <setjmp.h> /* cmocka.h needs jmp_buf; nothing of ours jumps */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"

/* A call that must succeed, with the explanation when it does not. */
#define assert_ok(call, err)                                                  \
    do {                                                                      \
        if ((call) != 0)                                                      \
            fail_msg("%s: %s: %s", #call, err_text((err)->code), (err)->msg); \
    } while (0)

/* A call that must fail with `want`. */
#define assert_fails(call, want)                                              \
    do {                                                                      \
        int got_ = (call);                                                    \
        if (got_ != -(int)(want))                                             \
            fail_msg("%s: %s expected, got %d", #call, err_text(want), got_); \
    } while (0)

/* `text` holds `part`. */
#define assert_holds(text, part)                                   \
    do {                                                           \
        if (!strstr((text), (part)))                               \
            fail_msg("\"%s\" expected in \"%s\"", (part), (text)); \
    } while (0)
