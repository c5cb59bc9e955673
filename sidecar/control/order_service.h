/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own door: "legacy, now" from an operator's CLI, with no coordinator between, and what
 * an operator wants to know of this node alone (proto/sidecar.proto). An order is answered when the
 * proxy serves with the order, or says that it does not yet. Served on a socket in the node's
 * folder, which only its owner can use, and on a TCP address when one is given. owner: control
 * loop. */
#pragma once

#include "common/model/probe.h"
#include "common/model/stats.h"
#include "sidecar/agent/agent.h"

struct loop;
struct order_service;

struct order_service_config {
    const char *node;   /* this and the texts below are borrowed */
    const char *folder; /* the socket is control.sock there */
    const char *listen; /* "ADDRESS:PORT"; NULL: only the socket */
    const struct labels *labels;
    const struct agent *agent;
    /* Of new, on this node. BREAKER_DISABLED when the route has none. */
    enum breaker_state (*breaker)(void *ctx, const char *migration);
    /* See proxy_probe(): `fn` once, later. */
    int (*probe)(void *ctx, const struct probe *probe, probe_done_fn fn, void *fn_ctx,
                 struct err *err);
    /* See proxy_debug(). */
    int (*debug)(void *ctx, const struct name *migration, struct str key, struct buf *ret,
                 uint64_t *ret_lost, struct err *err);
    void *ctx; /* of the functions above */
};

/* Take the order; see agent_order(). What follows from it is the caller's work. */
typedef int (*order_fn)(void *ctx, const struct emergency *order, struct err *err);

/* UNAVAILABLE when `listen` cannot be bound. A socket that cannot be made closes that door only:
 * *ret_no_socket tells why, else its code is ERR_NONE. */
int order_service_new(const struct order_service_config *config, struct loop *l, order_fn fn,
                      void *ctx, struct order_service **ret, struct err *ret_no_socket,
                      struct err *err) MUST_CHECK;
/* Answers what waits; turns the loop until the library let go. Tolerates NULL; returns NULL. */
struct order_service *order_service_free(struct order_service *s);
static inline void order_service_freep(struct order_service **s)
{
    *s = order_service_free(*s);
}

/* Where others reach it, "host:port" or "unix:/path"; "" when nowhere. */
const char *order_service_address(const struct order_service *s);
/* The loops serve with another set: answer who waited for it. */
void order_service_served(struct order_service *s);
