/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to requests: sums and histograms that add up in any order. */
#pragma once

#include <stddef.h>

#include "common/base/clock.h"
#include "common/base/hist.h"
#include "common/model/ids.h"

/* Requests to one system:
 *   requests         sent to it, whatever came of them
 *   errors           connect errors, timeouts, broken answers, 5xx; and of these
 *     fallbacks      answered by legacy in the same request
 *     timeouts
 *     connect_errors
 *     overloads      all endpoints had as many connections as they may
 *   tunnels          opened: answered with 101 (WebSockets and the like)
 *   bytes_in         from clients to it, and
 *   bytes_out        from it to clients, heads included: a request's once it is over, those of
 *                    tunnels and of connections that are split as a whole as they pass
 * Names are those of the messages, too. */
/* clang-format off */
#define SYSTEM_COUNTS(X)                                                \
    X(requests) X(errors) X(fallbacks) X(timeouts) X(connect_errors)    \
    X(overloads) X(tunnels) X(bytes_in) X(bytes_out)
/* clang-format on */

struct system_stats {
#define X(name) uint64_t name;
    SYSTEM_COUNTS(X)
#undef X
    struct hist latency; /* request sent to end of answer; of answered requests */
};
/* They are a row of so many numbers, from `requests` on. */
#define SYSTEM_COUNTERS (offsetof(struct system_stats, latency) / sizeof(uint64_t))

/* A node at the end of an interval: no sums. */
struct node_now {
    unsigned client_connections; /* open */
    unsigned endpoints;          /* of all systems that it serves; 0: it does not tell */
    unsigned endpoints_healthy;  /* of these: not left out */
};

/* Copies of requests to new, whose answers nobody waits for:
 *   sent             and of these
 *     answered_2xx, answered_3xx, answered_4xx
 *     errors         answered with 5xx
 *     failed         no answer, and of these
 *       timeouts     none in time
 *   dropped          not sent; some of these because of
 *     dropped_pending  too many under way
 *     dropped_bytes    too many bytes in a second
 *     dropped_late     new was late and has answered no copy since
 *   unsuited         not sent: the method, the body's size
 *   sent_bytes, received_bytes
 * Names are those of the messages, too. */
/* clang-format off */
#define MIRROR_COUNTS(X)                                                \
    X(sent) X(answered_2xx) X(answered_3xx) X(answered_4xx) X(errors)   \
    X(failed) X(timeouts) X(dropped) X(dropped_pending)                 \
    X(dropped_bytes) X(dropped_late) X(unsuited)                        \
    X(sent_bytes) X(received_bytes)
/* clang-format on */

struct mirror_stats {
#define X(name) uint64_t name;
    MIRROR_COUNTS(X)
#undef X
    struct hist latency; /* of answered ones */
};
/* They are a row of so many numbers, from `sent` on. */
#define MIRROR_COUNTERS (offsetof(struct mirror_stats, latency) / sizeof(uint64_t))

/* For pages of numbers: what came of those that were sent, and why others were not. */
struct mirror_count {
    const char *name;
    uint64_t count;
};
#define MIRROR_RESULTS 6
#define MIRROR_REASONS 5
/* "2xx", "3xx", "4xx", "5xx", "timeout", "failed" */
void mirror_results(const struct mirror_stats *s, struct mirror_count ret[MIRROR_RESULTS]);
/* "pending", "bytes", "late", "ended", "unsuited" */
void mirror_reasons(const struct mirror_stats *s, struct mirror_count ret[MIRROR_REASONS]);

/* Answers of both systems to one request. */
struct compare_stats {
    uint64_t compared;
    uint64_t equal, cosmetic, critical; /* add up to `compared` */
    uint64_t noise_compared;            /* legacy against legacy */
    uint64_t noise_differed;
    uint64_t skipped;     /* sampled, and not compared: one side gave no answer, or no room */
    uint64_t overhead_us; /* processor time spent on comparing */
};

#define DISCREPANCY_PATH_SIZE  160
#define DISCREPANCY_VALUE_SIZE 64

/* One difference, for people. Values are cut, and those of fields that may be secret are left
 * out. */
struct discrepancy {
    wall_t at;
    bool critical;
    char request[DISCREPANCY_PATH_SIZE]; /* "GET /orders/17", without the query */
    char where[DISCREPANCY_PATH_SIZE];   /* "status", "header content-type", "$.total" */
    char legacy[DISCREPANCY_VALUE_SIZE];
    char new_value[DISCREPANCY_VALUE_SIZE];
};
/* Of one migration in one report. */
#define DISCREPANCIES_MAX 4

enum breaker_state {
    BREAKER_DISABLED,
    BREAKER_CLOSED,
    BREAKER_HALF_OPEN,
    BREAKER_OPEN,
    BREAKER_STATE_COUNT
};

const char *breaker_state_name(
    enum breaker_state s); /* "disabled", "closed", "half_open", "open" */
bool breaker_state_parse(struct str s, enum breaker_state *ret) MUST_CHECK;

/* Why a breaker opened. */
enum breaker_cause {
    BREAKER_CAUSE_NONE, /* it never did */
    BREAKER_CAUSE_ERRORS,
    BREAKER_CAUSE_ERROR_RATE,
    BREAKER_CAUSE_SLOW_RATE,
    BREAKER_CAUSE_PROBE, /* a probe failed */
    BREAKER_CAUSE_ORDER,
    BREAKER_CAUSE_COUNT
};

/* "", "errors", "error_rate", "slow_rate", "probe", "order" */
const char *breaker_cause_name(enum breaker_cause c);
bool breaker_cause_parse(struct str s, enum breaker_cause *ret) MUST_CHECK;

/* What a node's breaker saw last; all 0 while it is disabled. Half-open with a share over 0: it is
 * closed again, and new's share rises. */
struct breaker_seen {
    uint64_t requests; /* to new in the window, that ended */
    uint64_t errors;   /* of these */
    uint64_t slow;     /* of these: answered, and slowly */
    wall_t since;      /* in this state; the node's clock */
    enum breaker_cause cause;
    uint32_t share_bp; /* of its weight that new gets */
    bool held;         /* open or closed until another order */
    bool watching;     /* it diverts nothing */
    uint64_t order_number;
    uint64_t opened; /* so often, since the node has it */
};

/* What may stay on a system for hours; no sums. */
struct underway {
    uint32_t tunnels[SYSTEM_COUNT]; /* open: WebSockets and the like */
    uint32_t lasting[SYSTEM_COUNT]; /* answers: streams of events, gRPC calls */
};

/* One migration on one node over one interval. */
struct route_stats {
    struct name migration;
    struct system_stats system[SYSTEM_COUNT]; /* [SYSTEM_LEGACY], [SYSTEM_NEW] */
    enum breaker_state breaker;
    struct underway underway; /* at its end */
    struct breaker_seen breaker_seen;
    uint64_t over_budget; /* second tries not made, since route_fallback.budget_bp was used up */
    struct mirror_stats mirror;
    struct compare_stats compare;
    struct discrepancy discrepancy[DISCREPANCIES_MAX]; /* the newest */
    unsigned discrepancy_count;
};

/* What one part of a node's past may hold at most: kept by who sends it, checked by who takes it.
 */
#define PAST_PART_BUCKETS_MAX 400u
#define PAST_PART_STATS_MAX   2048u /* routes of all its buckets */

/* Add up in any order, as the counters of nodes and intervals arrive. */
void system_stats_merge(struct system_stats *into, const struct system_stats *from);
bool system_stats_is_empty(const struct system_stats *s);
void underway_add(struct underway *into, const struct underway *from);
bool underway_is_nothing(const struct underway *w);
void mirror_stats_merge(struct mirror_stats *into, const struct mirror_stats *from);
bool mirror_stats_is_empty(const struct mirror_stats *s);
void compare_stats_merge(struct compare_stats *into, const struct compare_stats *from);
bool compare_stats_is_empty(const struct compare_stats *s);

/* When there is no more room the oldest cosmetic one gives way, or else the oldest. */
void route_stats_add_discrepancy(struct route_stats *s, const struct discrepancy *d);
