/* SPDX-License-Identifier: Apache-2.0 */
/* The GNU extensions this code base allows itself, each behind a name. */
#pragma once

#include <stddef.h>

#define PRINTF(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))
#define MUST_CHECK                 __attribute__((warn_unused_result))
#define NORETURN                   __attribute__((noreturn))
#define UNUSED                     __attribute__((unused))
#define LIKELY(x)                  __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                __builtin_expect(!!(x), 0)

/* Run `fn(&variable)` when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Define `name##p`, the cleanup form of a destructor that takes a pointer and tolerates NULL. */
#define DEFINE_CLEANUP(type, name)              \
    static inline UNUSED void name##p(type **p) \
    {                                           \
        if (*p)                                 \
            name(*p);                           \
    }

/* Hand an owned pointer on: yields its value and leaves NULL behind for the cleanup. */
#define steal(p)                   \
    ({                             \
        typeof(p) steal_tmp = (p); \
        (p) = NULL;                \
        steal_tmp;                 \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
