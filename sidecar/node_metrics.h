/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own measurements since it started, for /metrics. Counters are up to a second behind
 * the requests; a migration whose route is gone takes its counters with it. owner: control loop. */
#pragma once

#include "common/base/buf.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"

struct node_metrics;
struct proxy;

struct node_metrics *node_metrics_new(void) MUST_CHECK;
struct node_metrics *node_metrics_free(struct node_metrics *n); /* tolerates NULL; returns NULL */

/* What happened since the last call, one element per migration that is served. */
void node_metrics_add(struct node_metrics *n, const struct route_stats *stats, size_t count);

/* What is not counted but so. Everything is borrowed for the call. */
struct node_facts {
    const struct ruleset *served; /* NULL: nothing yet */
    uint64_t revision;
    wall_t serving_since;
    bool stale;
    dur_t silence; /* of the coordinators; 0: one is there */
    bool unwritten;
    unsigned clients;
    uint64_t access_lost;       /* lines of the access log */
    unsigned pools, idle, busy; /* of connections to the systems */
    struct tls_server *tls;     /* NULL: no TLS door */
    struct proxy *proxy;        /* tells how endpoints are; NULL: nobody does */
};

/* False when `ret` is too small. */
bool node_metrics_page(const struct node_metrics *n, const struct node_facts *f,
                       struct buf *ret) MUST_CHECK;
