/* SPDX-License-Identifier: Apache-2.0 */
/* THE table of failure kinds. err.c, the gRPC status mapping, the CLI's exit status and the
 * reference page are made from it. Kinds are few and say what the caller can do; the message says
 * what happened.
 *
 *   X(NAME, text, retry can help, gRPC status code, CLI exit status)
 *
 * Text is stable: it appears in JSON output. Exit 1: refused or failed. Exit 2: could not run. */
#pragma once

#define ERR_CODES(X)                                                 \
    X(INVALID, "invalid", false, 3 /* INVALID_ARGUMENT */, 1)        \
    X(NOT_FOUND, "not_found", false, 5 /* NOT_FOUND */, 1)           \
    X(EXISTS, "exists", false, 6 /* ALREADY_EXISTS */, 1)            \
    X(DENIED, "denied", false, 7 /* PERMISSION_DENIED */, 1)         \
    X(REFUSED, "refused", false, 9 /* FAILED_PRECONDITION */, 1)     \
    X(CONFLICT, "conflict", true, 10 /* ABORTED */, 1)               \
    X(EXHAUSTED, "exhausted", true, 8 /* RESOURCE_EXHAUSTED */, 1)   \
    X(UNAVAILABLE, "unavailable", true, 14 /* UNAVAILABLE */, 2)     \
    X(TIMEOUT, "timeout", true, 4 /* DEADLINE_EXCEEDED */, 2)        \
    X(CANCELLED, "cancelled", false, 1 /* CANCELLED */, 2)           \
    X(UNKNOWN_OUTCOME, "unknown_outcome", false, 2 /* UNKNOWN */, 2) \
    X(CORRUPT, "corrupt", false, 15 /* DATA_LOSS */, 2)              \
    X(UNSUPPORTED, "unsupported", false, 12 /* UNIMPLEMENTED */, 2)  \
    X(IO, "io", true, 13 /* INTERNAL */, 2)                          \
    X(INTERNAL, "internal", false, 13 /* INTERNAL */, 2)
