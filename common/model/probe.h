/* SPDX-License-Identifier: Apache-2.0 */
/* One request to one system or both, to see how they answer: what is asked, and what came. Pure. */
#pragma once

#include "common/base/clock.h"
#include "common/model/ids.h"

#define PROBE_PATH_SIZE      2048
#define PROBE_VALUE_SIZE     512
#define PROBE_HEADERS_MAX    16 /* of the request */
#define PROBE_ANSWER_HEADERS 32 /* of the answer; more are left out */
#define PROBE_BODY_KEPT      65536
#define PROBE_BODY_SHOWN     4096
#define PROBE_BODY_MAX       (16u << 20) /* more is not read */
#define PROBE_TIMEOUT_MAX    dur_s(60)

struct probe_header {
    char name[NAME_SIZE];
    char value[PROBE_VALUE_SIZE];
};

struct probe {
    struct name migration;
    enum system system;  /* SYSTEM_NONE: both */
    bool bypass_breaker; /* else new is not asked while its breaker is not closed */
    bool head_only;      /* HEAD instead of GET */
    char path[PROBE_PATH_SIZE];
    struct probe_header header[PROBE_HEADERS_MAX];
    unsigned header_count;
    dur_t timeout; /* for each answer as a whole; 0: as the route says */
    unsigned keep; /* bytes of each answer's body, at most PROBE_BODY_KEPT; 0: PROBE_BODY_SHOWN */
};

struct probe_answer {
    enum system system;
    char endpoint[ENDPOINT_SIZE]; /* the address that was asked, with its port; "": none */
    unsigned status;              /* 0: no answer, or not all of it; see `error` */
    dur_t took;
    char error[TEXT_SIZE];
    struct probe_header header[PROBE_ANSWER_HEADERS];
    unsigned header_count;
    char body[PROBE_BODY_KEPT]; /* the first bytes */
    size_t body_kept;
    uint64_t body_bytes; /* of all of it */
    uint64_t body_hash;  /* of all of it; see compare_hash() */
};

/* Answers of the systems that were asked for, legacy first; or `why` there are none. Borrowed. */
typedef void (*probe_done_fn)(void *ctx, const struct probe_answer *answer, unsigned count,
                              const struct err *why);

/* What comes from outside: the path is one of a request line, the fields are fields, none of them
 * touches the framing or the connection. INVALID names what is wrong. */
int probe_check(const struct probe *p, struct err *err) MUST_CHECK;
