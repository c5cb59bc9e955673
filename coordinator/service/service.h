/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' API (proto/operator.proto) on the core's loop: commands are checked, turned into
 * the core's and submitted; reads answer from the core's views. The answer to a command comes back
 * through service_answer() once it is stored. owner: the core's loop. */
#pragma once

#include "common/rpc/rpc.h"
#include "coordinator/core/core_view.h"
#include "coordinator/service/backup_service.h"
#include "coordinator/service/registry.h"

/* What the coordinator as a whole knows beside the core. */
struct service_facts {
    wall_t started_at;
    uint64_t term;
    uint64_t revision; /* the store's */
    struct err store;  /* why it failed last; ERR_NONE: it works */
    uint64_t reports_dropped;
};

/* What the service stands on; all of it is called on the loop. */
struct service_host {
    void *ctx;
    /* Queue a command; borrowed until service_answer() has its token. */
    int (*submit)(void *ctx, const struct core_command *cmd, struct err *err);
    const struct core *(*core)(void *ctx);
    void (*facts)(void *ctx, struct service_facts *ret);
    struct backup_host backup; /* with a context of its own */
};

struct service;

/* `host` and `registry` are borrowed. */
int service_new(const struct service_host *host, struct registry *registry, struct loop *l,
                struct service **ret, struct err *err) MUST_CHECK;
/* After the server and the store's thread have stopped. Tolerates NULL. */
void service_free(struct service *s);
DEFINE_CLEANUP(struct service, service_free)

/* Add the Operator service to a server that has not started. */
int service_serve(struct service *s, struct rpc_server *server, struct err *err) MUST_CHECK;

/* A command was carried out or refused. */
void service_answer(struct service *s, const struct core_update *u, uint64_t revision);
/* Something may have converged: answer those who wait for it. */
void service_settled(struct service *s);
/* Nobody waits any longer: open Await calls are answered as things stand, later ones at once. */
void service_stop(struct service *s);
