/* SPDX-License-Identifier: Apache-2.0 */
/* The node's stream to a coordinator: dial, say Hello, take updates, dial again when it ends.
 *
 * Several coordinators may be given; a failed one is followed by the next, at once but for a little
 * jitter. Once all have failed in a row attempts back off. A coordinator that hangs is noticed by
 * pings, within four seconds. Everything runs on the control loop; no function here calls back
 * before it returns. */
#pragma once

#include "common/base/rng.h"
#include "common/model/stats.h"
#include "common/rpc/rpc.h"
#include "fleet.pb-c.h"
#include "sidecar/agent/agent.h"

#define COORD_ENDPOINTS_MAX 16

struct coord_client_config {
    const char *node; /* this and the texts below are borrowed and must outlive the client */
    const struct labels *labels;
    const char *version;
    const char *proxy_address;
    const char *control_address; /* where this node takes orders itself; "": nowhere */
    const char *endpoints;       /* "host:port[,host:port...]" */
    dur_t retry_base;            /* first wait between attempts; 0: 100 ms */
    dur_t retry_cap;             /* longest; 0: 5 s */
    dur_t answer_wait;           /* for the first message after a dial; 0: 5 s */
};

/* Borrowed during the call that asks for it. */
struct coord_hello {
    struct position serving;
    struct sha256 checksum; /* of that set; zero bytes without one */
    const struct epochs *epochs;
    bool unwritten; /* the disk did not take the orders */
};

struct coord_client_events {
    /* What Hello shall say. */
    void (*on_hello)(void *ctx, struct coord_hello *ret);
    /* The first answer after a dial; the stream is known to work. */
    void (*on_up)(void *ctx, const char *endpoint);
    /* An update, borrowed. The client dials again, asking for a full set, when this returns
     * AGENT_GAP. */
    int (*on_update)(void *ctx, const struct agent_update *u);
    /* An order that no update carries. */
    void (*on_order)(void *ctx, const struct emergency *order);
    /* What was measured in the last `window` is wanted; `id` is given back. */
    void (*on_past_wanted)(void *ctx, const char *id, dur_t window);
    /* The stream takes messages again. */
    void (*on_room)(void *ctx);
    /* The stream ended or could not be dialled; the next attempt is under way after `retry`. */
    void (*on_down)(void *ctx, const char *endpoint, const struct err *why, dur_t retry);
};

struct coord_client;

/* INVALID for endpoints that do not parse. Dials with coord_client_start(). */
int coord_client_new(const struct coord_client_config *config, struct loop *l, struct rng *rng,
                     const struct coord_client_events *events, void *ctx, struct coord_client **ret,
                     struct err *err) MUST_CHECK;
void coord_client_start(struct coord_client *c);
struct coord_client *coord_client_free(struct coord_client *c); /* tolerates NULL; returns NULL */
static inline void coord_client_freep(struct coord_client **c)
{
    *c = coord_client_free(*c);
}

bool coord_client_is_up(const struct coord_client *c);
/* The one it talks to, or dials next. */
const char *coord_client_endpoint(const struct coord_client *c);
/* Drop the stream and dial again after `wait`. */
void coord_client_redial(struct coord_client *c, dur_t wait);

/* False when the stream cannot take it now: say it again later. */
bool coord_client_ack(struct coord_client *c, const struct position *p, wall_t since);
bool coord_client_nack(struct coord_client *c, const struct position *p, const char *reason);
/* An order that is served. */
bool coord_client_tell(struct coord_client *c, const struct emergency *order, bool unwritten);
bool coord_client_past(struct coord_client *c, const Switchyard__V1__Past *part);
/* One interval's counters; lost when the stream is down or slow: they are in the past (past.h). */
void coord_client_report(struct coord_client *c, uint64_t revision, dur_t interval,
                         const struct route_stats *stats, size_t count, const struct node_now *now);
