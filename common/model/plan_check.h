/* SPDX-License-Identifier: Apache-2.0 */
/* Something to find out before a stage, or while one is watched, by asking the world: an HTTP
 * endpoint, a database, a command. What it is, not how it is done; coordinator/check does it. Texts
 * are borrowed from the plan's document. */
#pragma once

#include "common/base/clock.h"
#include "common/model/ids.h"

/*   X(ID, word, help): the word is the field of the plan that makes the check one of this kind */
#define PLAN_CHECK_KINDS(X)                                                                        \
    X(HTTP, "http", "GET this URL; the status must be `status` (default: any 2xx)")                \
    X(TCP, "tcp", "connect to host:port")                                                          \
    X(POSTGRES, "postgres", "connect, and run `query`; its first value is judged by min and max")  \
    X(REDIS, "redis", "PING host:port, and expect PONG")                                           \
    X(PROMETHEUS, "prometheus", "ask this server for `query`; the value is judged by min and max") \
    X(COMMAND, "command", "run it on the leading coordinator; exit status 0 is success")           \
    X(DISK, "disk", "space left where this path is, on the coordinator; judged by min")            \
    X(MEMORY, "memory", "memory that is available, on the coordinator; judged by min")             \
    X(FLAGS, "flags", "these flags are known to the plan")                                         \
    X(NODES, "nodes", "so many connected nodes match the selector; judged by min")                 \
    X(ENDPOINTS, "endpoints", "so many endpoints of `new` answer their health path; judged by min")

enum plan_check_kind {
#define X(id, word, help) PLAN_CHECK_##id,
    PLAN_CHECK_KINDS(X)
#undef X
        PLAN_CHECK_COUNT
};

/* "http", ... */
const char *plan_check_word(enum plan_check_kind k);

#define PLAN_CHECKS_MAX    16 /* of one stage, or of one gate */
#define PLAN_CHECK_ARGS    32
#define PLAN_CHECK_TIMEOUT dur_s(10)

struct plan_check {
    struct name name; /* unique in its list; default: "http-1", by kind and place */
    enum plan_check_kind kind;
    const char *target;                    /* URL, host:port, connection string, path, selector */
    const char *query;                     /* POSTGRES, PROMETHEUS */
    const char *argv[PLAN_CHECK_ARGS + 1]; /* COMMAND; FLAGS: the names. Ends with NULL */
    const char *contains;                  /* HTTP: must be in the answer's body; NULL: anything */
    unsigned status;                       /* HTTP; 0: any 2xx */
    bool has_min, has_max;
    double min, max; /* of the value; DISK and MEMORY in bytes */
    dur_t timeout;   /* default PLAN_CHECK_TIMEOUT, commands 60 s */
};

/* What came of it. */
enum check_outcome {
    CHECK_PASSED,
    CHECK_FAILED,  /* it was found out, and is not as it must be */
    CHECK_UNKNOWN, /* it could not be found out: refused, timed out, not understood, no value */
};
const char *check_outcome_name(enum check_outcome o); /* "pass", "fail", "hold" */

#define CHECK_OUTPUT_SIZE 2048

struct check_result {
    struct name name;
    enum plan_check_kind kind;
    enum check_outcome outcome;
    bool has_value;
    double value;         /* finite */
    char text[TEXT_SIZE]; /* a sentence: what was found, what was asked for */
    double took_ms;
    char
        output[CHECK_OUTPUT_SIZE]; /* the last of what a command wrote, control characters as '?' */
};
