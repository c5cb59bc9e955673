/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the core decides; the only caller of core_step(). Holds this coordinator's place
 * among the others: lease, election, the fence on every write of a leader, and the watch that shows
 * what others wrote.
 *
 * One step at a time: decide, save, then publish, answer, tell. While a transaction is on its way
 * events wait in a bounded queue. A store that fails changes nothing: the command is refused with
 * the store's words, and what the core decided by itself is decided again later.
 *
 * The exception is an emergency order. It needs no leader: it is saved without the fence, comparing
 * its own keys only, and tried again when another coordinator was faster. And when the store does
 * not answer it is written to the journal, pushed to the nodes, answered with its epoch, and stored
 * when the store is back, by this process or by the next one with the same journal.
 *
 * On a store that one process has for itself (store_lease_grant() is UNSUPPORTED) it leads from the
 * start, in term 1. owner: the core's loop. */
#pragma once

#include "coordinator/core/core_view.h"
#include "coordinator/fleet/fleet_route.h"
#include "coordinator/store/store_thread.h"

struct driver;

/* A coordinator, as stored under coordinators/ID. */
struct member {
    struct name id;
    char address[ENDPOINT_SIZE]; /* where the others and the CLI reach it */
    char boot[NAME_SIZE];        /* random, one per process start */
    char version[NAME_SIZE];
    wall_t since; /* of the process */
};

struct leadership {
    bool here;            /* this coordinator leads, and may act on it now */
    struct member leader; /* id "": nobody leads, as far as is known */
    uint64_t term;        /* of the latest leader that was heard of: revision of the leader key */
    wall_t since;
};

struct driver_config {
    struct core_config core;
    struct member self;
    dur_t lease_ttl;     /* 0: 5 s */
    const char *journal; /* file for emergency orders that are not stored yet; borrowed. NULL: in
                            memory only */
    uint64_t seed;       /* of what chance it needs */
};

/* What follows from a step. Called on the loop, in this order, never from inside a function
 * below. */
struct driver_ports {
    /* The store was read, this coordinator is registered, and it is known who leads (or nobody can
     * be found who does); <0: it cannot be used, and says why. EXISTS: another process has this id.
     * Once. */
    void (*on_ready)(void *ctx, int r, const struct err *err);
    /* Nodes must serve this; see fleet_publish(). */
    void (*publish)(void *ctx, uint64_t revision, const struct fleet_route *route, unsigned count);
    /* Every node that is connected here must obey this order, which is not in the store yet; see
     * fleet_push_order(). */
    void (*push_order)(void *ctx, const struct emergency *order);
    /* The answer to a command: update->token, refused, change. `revision`: of the latest decision.
     * `unstored_epoch`: 0, or of an order that was pushed but not stored. */
    void (*answer)(void *ctx, const struct core_update *update, uint64_t revision,
                   uint64_t unstored_epoch);
    /* The past of `node` is wanted: driver_past() when it comes. */
    void (*ask_past)(void *ctx, const struct name *node, dur_t window);
    /* Do this beside the core, and tell with driver_job_done(). Copied if it is needed longer. */
    void (*run_job)(void *ctx, const struct core_job *job);
    /* Nobody waits for it any more. May have ended, or been told of, before. */
    void (*stop_job)(void *ctx, uint64_t id);
    /* Somebody else leads, nobody, or this one, from now on. */
    void (*on_leader)(void *ctx, const struct leadership *l);
    /* Another coordinator is registered or has a new address or boot, or (`gone`) is no more. */
    void (*on_member)(void *ctx, const struct member *m, bool gone);
    /* Everything that was known has been dealt with. */
    void (*on_settled)(void *ctx);
};

struct driver_health {
    struct err store; /* why the store failed last; ERR_NONE: it works */
    uint64_t revision;
    uint64_t complete; /* all that the store held up to here is known */
    uint64_t reports_dropped;
    uint64_t store_errors; /* times that the store did not do what it was asked for */
    unsigned unstored;     /* emergency orders in the journal */
    struct leadership leadership;
};

/* `config`'s texts, `store` and `ports` are borrowed. Begins to read the store; ports->on_ready()
 * follows. */
int driver_new(const struct driver_config *config, struct loop *l, struct store_thread *store,
               const struct driver_ports *ports, void *ctx, struct driver **ret,
               struct err *err) MUST_CHECK;
/* Give up the lease, so that others need not wait for its end; `fn` is called once it is gone, or
 * after `patience`. No step is begun after this call. */
void driver_leave(struct driver *d, dur_t patience, void (*fn)(void *ctx), void *ctx);
/* After the store's thread has ended. Tolerates NULL. */
void driver_free(struct driver *d);
DEFINE_CLEANUP(struct driver, driver_free)

/* NULL before on_ready(). Valid until the loop turns. */
const struct core *driver_core(const struct driver *d);
void driver_health(const struct driver *d, struct driver_health *ret);

/* `cmd` is borrowed until it is answered. EXHAUSTED when too many wait; UNAVAILABLE, with nothing
 * done, for any command but an emergency order where this coordinator does not lead or its store
 * cannot be read. */
int driver_command(struct driver *d, const struct core_command *cmd, struct err *err) MUST_CHECK;
void driver_node(struct driver *d, const struct core_node *n, mono_t seen);
/* `order` stands at `node`. Copied; the leader adopts it as soon as the store takes it. */
void driver_order(struct driver *d, const struct name *node, const struct emergency *order);
void driver_report(struct driver *d, const struct name *node, const struct route_stats *route,
                   unsigned count);
/* Copied. */
void driver_past(struct driver *d, const struct name *node, const struct core_bucket *bucket,
                 unsigned count, bool more);

/* How a job of run_job() went. Copied; one that nobody waits for changes nothing. */
void driver_job_done(struct driver *d, const struct core_job_done *done);
/* Copied. */
void driver_measure(struct driver *d, const struct core_measure *m);

/* A command of ours was carried out by the leader, and was given here at `mono`; see
 * core_ordered(). */
void driver_ordered(struct driver *d, uint64_t rev, mono_t mono);

/* Which nodes have told of an order of `migration` ("": each that was ordered with it) with `epoch`
 * or a later one, of those that are connected anywhere. For orders that are not stored yet. */
void driver_unstored_convergence(const struct driver *d, const char *migration, uint64_t epoch,
                                 struct view_convergence *ret);

/* The newest order of `migration` that nodes obey, or are told to, and that the store is not known
 * to have; false when there is none. */
bool driver_unstored_order(const struct driver *d, const char *migration, struct emergency *ret);

/* Write what a backup held, oldest first, into a store without plans; the leader only. REFUSED when
 * there are any, CONFLICT when somebody wrote meanwhile. `kv` is borrowed until `fn`. A restore
 * that was cut short leaves a mark: until it is done again, health says so, and commands are
 * refused. */
typedef void (*driver_restored_fn)(void *ctx, int r, uint64_t revision, const struct err *err);
int driver_restore(struct driver *d, const struct core_kv *kv, unsigned count,
                   driver_restored_fn fn, void *ctx, struct err *err) MUST_CHECK;
