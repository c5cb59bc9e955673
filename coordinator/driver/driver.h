/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the core decides; the only caller of core_step().
 *
 * One step at a time: decide, save, then publish, answer, tell. While a transaction is on its way
 * events wait in a bounded queue. A store that fails changes nothing: the command is refused with
 * the store's words, and what the core decided by itself is decided again later. owner: the core's
 * loop. */
#pragma once

#include "coordinator/core/core.h"
#include "coordinator/fleet/fleet_route.h"
#include "coordinator/store/store_thread.h"

struct driver;

/* What follows from a step. Called on the loop, in this order, never from inside a function
 * below. */
struct driver_ports {
    /* The store was read for the first time; <0: it cannot be used, and says why. */
    void (*on_ready)(void *ctx, int r, const struct err *err);
    /* Nodes must serve this; see fleet_publish(). */
    void (*publish)(void *ctx, uint64_t revision, const struct fleet_route *route, unsigned count);
    /* The answer to a command: update->token, refused, change. `revision` is the store's. */
    void (*answer)(void *ctx, const struct core_update *update, uint64_t revision);
    /* Everything that was known has been dealt with. */
    void (*on_settled)(void *ctx);
};

struct driver_health {
    struct err store; /* why the store failed last; ERR_NONE: it works */
    uint64_t revision;
    uint64_t reports_dropped;
};

/* `store` and `ports` are borrowed. Begins to read the store; ports->on_ready() follows. */
int driver_new(const struct core_config *config, struct loop *l, struct store_thread *store,
               const struct driver_ports *ports, void *ctx, struct driver **ret,
               struct err *err) MUST_CHECK;
/* After the store's thread has ended. Tolerates NULL. */
void driver_free(struct driver *d);
DEFINE_CLEANUP(struct driver, driver_free)

/* NULL before on_ready(). Valid until the loop turns. */
const struct core *driver_core(const struct driver *d);
void driver_health(const struct driver *d, struct driver_health *ret);

/* `cmd` is borrowed until it is answered. EXHAUSTED when too many wait, UNAVAILABLE while the store
 * cannot be read. */
int driver_command(struct driver *d, const struct core_command *cmd, struct err *err) MUST_CHECK;
void driver_node(struct driver *d, const struct core_node *n, mono_t seen);
/* `order` stands at `node`. Copied; adopted as soon as the store takes it. */
void driver_order(struct driver *d, const struct name *node, const struct emergency *order);
void driver_report(struct driver *d, const struct name *node, const struct route_stats *route,
                   unsigned count);
