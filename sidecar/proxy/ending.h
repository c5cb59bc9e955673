/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection ended whose bytes pass unseen: a tunnel, or one that is split as a whole. What
 * ended it counts, and of its two peers the one that did so first. An answer that lasts is cut
 * short for some of the same reasons. Pure. */
#pragma once

#include <stdbool.h>

/* X(ID, name, failure?). The names are in the access log: add, never rename;
 * docs/reference/access-log.md explains them. */
/* clang-format off */
#define ENDINGS(X)                          \
    X(NONE, "", false)                      \
    X(CLIENT, "client", false)              \
    X(CLIENT_RESET, "client_reset", false)  \
    X(SYSTEM, "system", false)              \
    X(SYSTEM_RESET, "system_reset", true)   \
    X(UNANSWERED, "unanswered", true)       \
    X(IDLE, "idle", false)                  \
    X(RULES, "rules", false)                \
    X(EMERGENCY, "emergency", false)        \
    X(DRAIN, "drain", false)                \
    X(CONNECT, "connect", true)             \
    X(OVERLOAD, "overload", true)           \
    X(NOBODY, "nobody", true)               \
    X(UNROUTED, "unrouted", true)
/* clang-format on */

enum ending {
#define X(id, name, failure) ENDING_##id,
    ENDINGS(X)
#undef X
};

const char *ending_name(enum ending e);
/* Its client was not served as it should have been. */
bool ending_is_failure(enum ending e);
