/* SPDX-License-Identifier: Apache-2.0 */
/* For those who keep their own proxy: it asks here where a request shall go, sends it there itself,
 * and tells how that went. Both are answered by the lanes, with their view, breakers and counters,
 * on a listener of their own (proxy_config.edge), and never on the one for requests.
 *
 *   any    /switchyard/v1/decide[/PATH]   200: X-Switchyard-System and its kin; 503: nobody may
 * serve POST   /switchyard/v1/outcome         one outcome, or a list of them, as JSON
 *
 * docs/reference/edges.md is the promise. owner: lane. */
#pragma once

#include "common/http1/http1.h"
#include "sidecar/proxy/conn.h"

#define EDGE_DECIDE  STR("/switchyard/v1/decide")
#define EDGE_OUTCOME STR("/switchyard/v1/outcome")

/* The request that a question is about. Borrowed from the head that asks. */
struct edge_origin {
    struct str host; /* without port */
    struct str path; /* with its query */
    struct str client;
};

/* `peer` is who asks: the client, if nothing says who is. */
struct edge_origin edge_origin(const struct http1_head *h, struct str peer);

/* Count what `text` tells. 0: *ret_counted of them, known migrations; or the status to refuse with
 * and *ret_why. Nothing is counted when one is malformed. */
unsigned edge_count(struct lane *lane, struct str text, unsigned *ret_counted,
                    const char **ret_why) MUST_CHECK;
