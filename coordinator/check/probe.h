/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the world one thing, on a thread that may block, and no longer than the check's timeout.
 * Private to this folder.
 *
 *   probe_web.c     http, prometheus, endpoints
 *   probe_socket.c  tcp, redis
 *   probe.c         the rest, and commands */
#pragma once

#include <stdatomic.h>

#include "common/base/patience.h"
#include "common/model/plan.h"
#include "coordinator/web/web.h"

/* Borrowed until the answer is there. */
struct probe {
    struct plan_check check;
    const atomic_bool *stop;
    const struct route_upstream *upstream; /* ENDPOINTS: of `new` */
    unsigned nodes;                        /* NODES: as many matched */
    const char *missing;                   /* FLAGS: the plan does not know this one; NULL */
    bool commands;                         /* may they be run? */
    const char *id, *folder;               /* of the coordinator; where commands run */
    const char *const *environment;        /* theirs */
    struct web *web;                       /* the thread's */
};

/* Fills in all of *ret. */
void probe_run(const struct probe *p, struct check_result *ret);

/* By kind; the deadline is `patience`. */
void probe_http(const struct probe *p, const struct patience *patience, struct check_result *ret);
void probe_prometheus(const struct probe *p, const struct patience *patience,
                      struct check_result *ret);
void probe_endpoints(const struct probe *p, const struct patience *patience,
                     struct check_result *ret);
void probe_tcp(const struct probe *p, const struct patience *patience, struct check_result *ret);
void probe_redis(const struct probe *p, const struct patience *patience, struct check_result *ret);

/* A number as JSON writes it, or NaN, +Inf, -Inf; false when it is none. */
bool probe_number(struct str text, double *ret) MUST_CHECK;
