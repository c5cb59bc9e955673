/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' API (proto/operator.proto) on the core's loop: commands are checked, turned into
 * the core's and submitted; reads answer from the core's views. The answer to a command comes back
 * through service_answer() once it is stored. owner: the core's loop.
 *
 * Every coordinator of a store answers reads, Await and emergency orders by itself. Other commands
 * are for the one that leads: elsewhere they are handed on to it, once. */
#pragma once

#include "common/rpc/rpc.h"
#include "coordinator/core/core_view.h"
#include "coordinator/service/backup_service.h"
#include "coordinator/service/registry.h"

#define SERVICE_COORDINATORS_MAX 16
#define SERVICE_WEBHOOKS_MAX     8

/* What the coordinator as a whole knows beside the core. */
struct service_facts {
    wall_t started_at;
    bool leads;
    struct name leader; /* this one or another; "": nobody leads at the moment */
    wall_t leads_since;
    uint64_t term;
    uint64_t revision; /* the store's */
    uint64_t complete; /* all that the store held up to here is known */
    struct err store;  /* why it failed last; ERR_NONE: it works */
    unsigned unstored; /* emergency orders that were pushed, but not stored yet */
    uint64_t reports_dropped;
    bool commands; /* plans may run programs here */
};

/* Whether `f` tells who leads: one that cannot reach its store knows who led before, no more. */
static inline bool service_knows_leader(const struct service_facts *f)
{
    return f->leads || f->store.code == ERR_NONE;
}

/* A coordinator on this store. */
struct service_coordinator {
    struct name id;
    char address[ENDPOINT_SIZE];
    char version[NAME_SIZE];
    wall_t since; /* of the process */
    bool here;    /* this one */
    bool reachable;
    char why_not[TEXT_SIZE];
};

/* A webhook of this coordinator's, as far as it is known here. */
struct service_webhook {
    char shown[160]; /* its address, without what may be secret */
    bool known;
    unsigned behind; /* events that wait */
    wall_t failing;  /* since when; unset: it is not */
    char why[TEXT_SIZE];
};

/* A reply's bytes, borrowed, or why there is none. */
typedef void (*service_reply_fn)(void *ctx, const uint8_t *reply, size_t size,
                                 const struct err *status);

/* What checks found, in the plan's order; valid during the call. */
typedef void (*service_checked_fn)(void *ctx, const struct check_result *result, unsigned count);

/* What the service stands on; all of it is called on the loop. */
struct service_host {
    void *ctx;
    /* Queue a command; borrowed until service_answer() has its token. */
    int (*submit)(void *ctx, const struct core_command *cmd, struct err *err);
    /* Judge by this from now on. */
    void (*measure)(void *ctx, const struct core_measure *m);
    /* Have the coordinator that leads carry out a call; `fn` once, later. UNAVAILABLE when nobody
     * leads, or it cannot be reached. */
    int (*hand_on)(void *ctx, const char *method, const ProtobufCMessage *request, dur_t deadline,
                   service_reply_fn fn, void *fn_ctx, struct err *err);
    /* A command that was given here at `taken` was carried out by the leader. */
    void (*ordered)(void *ctx, uint64_t revision, mono_t taken);
    /* See driver_unstored_convergence(). */
    void (*unstored)(void *ctx, const char *migration, uint64_t epoch,
                     struct view_convergence *ret);
    /* See driver_unstored_order(). */
    bool (*unstored_order)(void *ctx, const char *migration, struct emergency *ret);
    const struct core *(*core)(void *ctx);
    void (*facts)(void *ctx, struct service_facts *ret);
    /* Those that are registered, this one first. */
    unsigned (*coordinators)(void *ctx, struct service_coordinator ret[SERVICE_COORDINATORS_MAX]);
    /* Run these checks, at least one; `fn` once, later. *ret_run is for stop_checks(), until `fn`
     * is called. */
    int (*check)(void *ctx, const struct plan *plan, const struct plan_check *check, unsigned count,
                 service_checked_fn fn, void *fn_ctx, void **ret_run, struct err *err);
    void (*stop_checks)(void *ctx, void *run); /* `fn` is not called */
    /* May be NULL. */
    unsigned (*webhooks)(void *ctx, struct service_webhook ret[SERVICE_WEBHOOKS_MAX]);
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

/* A call that coordinator `from` handed on to this one, with the method's request as bytes:
 * answered with a ForwardReply, and never handed on again. */
void service_forwarded(struct service *s, struct rpc_call *call, const char *from,
                       const char *method, const uint8_t *message, size_t size);

/* A command was carried out or refused; see driver_ports.answer. */
void service_answer(struct service *s, const struct core_update *u, uint64_t revision,
                    uint64_t unstored_epoch);
/* Something may have converged: answer those who wait for it. */
void service_settled(struct service *s);
/* Nobody waits any longer: open Await calls are answered as things stand, later ones at once. */
void service_stop(struct service *s);
