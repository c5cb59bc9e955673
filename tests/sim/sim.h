/* SPDX-License-Identifier: Apache-2.0 */
/* A whole Switchyard in one thread and in virtual time: coordinators, their store, their nodes, the
 * network between them. The driver with its election, the core, the agents, the decision and the
 * store in memory are the real ones; everything that waits, breaks or dies is played here, and
 * every chance comes from one seed.
 *
 *   sim               events in virtual time, trace, failure
 *   sim_net           streams: latency, loss, partitions; in order inside a stream
 *   sim_store         the store and its faults; outlives coordinators
 *   sim_store_thread  a coordinator's way to it: store_thread.h in virtual time
 *   sim_loop          a coordinator's loop and clocks: loop.h in virtual time
 *   sim_coord         a coordinator's process around the real driver
 *   sim_fleet         its end of the nodes' streams
 *   sim_peers         its links to the other coordinators
 *   sim_jobs          its checks, hooks and backups
 *   sim_ops           operators and their commands
 *   sim_node          a sidecar: agent, disk, proxy lanes, requests
 *   sim_breaker       its breakers, and how requests to new end
 *   sim_check         what must hold after every step
 *   sim_chaos         random operators and faults
 *   sim_plans         their plans
 *   sim_orders        what those operators order
 *
 * A check that fails keeps its sentence and stops the run; the caller shows the trace. */
#pragma once

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/heap.h"
#include "common/base/rng.h"

#define SIM_NODES_MAX      6
#define SIM_COORDS_MAX     3
#define SIM_LANES          2
#define SIM_MIGRATIONS_MAX 4
#define SIM_TRACE_MAX      (8u << 20)
#define SIM_REQUESTS       12 /* per lane, migration and second */
#define SIM_INCARNATION    "5eed0000000000000000000000000001"

struct sim_check;
struct sim_coord;
struct sim_coverage;
struct sim_net;
struct sim_node;
struct sim_ops;
struct sim_requests;
struct sim_store;

/* From `min` to `max`, evenly. */
struct sim_delay {
    dur_t min, max;
};

struct sim_config {
    uint64_t seed;
    unsigned nodes;
    unsigned coordinators; /* 0: one */
    bool no_leases;        /* the store is one process's own */
    bool rich;             /* plans have all that a plan can ask for */
    dur_t lease_ttl;       /* 0: the usual */
    struct sim_delay net, store, disk, lane;
    struct sim_delay mail;         /* from the fleet's thread to the core's */
    struct sim_coverage *coverage; /* may be NULL; borrowed */
};

/* How jobs go: all alike, or each by chance. */
enum sim_fate {
    SIM_FATE_PASSES,
    SIM_FATE_FAILS,
    SIM_FATE_UNKNOWN, /* it could not be found out */
    SIM_FATE_LOST,    /* nothing is heard of it */
    SIM_FATE_CHANCE
};

/* What requests meet. */
struct sim_world {
    double errors_new;  /* share of requests on new that fail */
    unsigned sick_node; /* new fails every request of this one; from 1, 0: of none */
    uint64_t latency_new_us;
    bool idle; /* nobody sends requests */
};

struct sim {
    struct sim_config config;
    struct rng rng;
    mono_t now; /* virtual; the start is 0 */
    struct sim_world world;
    struct heap events;
    struct buf trace;
    size_t trace_compared; /* by sim_trace_news() */
    char failure[1024];    /* "": every check held */
    unsigned watch_faults; /* one in so many changes is told wrongly; 0: none */
    enum sim_fate jobs;    /* of checks and hooks that are begun from now on */
    struct sim_net *net;
    struct sim_store *store;
    struct sim_requests *requests;
    struct sim_coord *coord[SIM_COORDS_MAX];
    struct sim_ops *ops;
    struct sim_node *node[SIM_NODES_MAX];
    struct sim_check *check;
};

/* Everything started, nothing has happened. Delays that are 0 become usual ones without chance. */
struct sim *sim_new(const struct sim_config *config);
struct sim *sim_free(struct sim *s); /* tolerates NULL; returns NULL */
static inline void sim_freep(struct sim **s)
{
    sim_free(*s);
}

typedef void (*sim_fn)(struct sim *s, void *who, uint64_t arg);

/* Call fn(s, who, arg) in `d`. `who` lives as long as the simulation; a party that can die puts its
 * boot into `arg` and looks at it. */
void sim_after(struct sim *s, dur_t d, sim_fn fn, void *who, uint64_t arg);

/* Until nothing happens for `d` more, or a check fails. */
void sim_run_for(struct sim *s, dur_t d);
/* Until `done`, looked at each virtual 100 ms; false past `limit` or when a check fails. */
bool sim_run_until(struct sim *s, bool (*done)(struct sim *s), dur_t limit);

wall_t sim_wall(const struct sim *s);
dur_t sim_delay(struct sim *s, struct sim_delay d);
/* One in `n`. */
bool sim_chance(struct sim *s, unsigned n);
uint64_t sim_below(struct sim *s, uint64_t n);

/* "[  1200] n1 ..." */
void sim_say(struct sim *s, const char *who, const char *fmt, ...) PRINTF(3, 4);
/* What was said since the last call. */
const char *sim_trace_news(struct sim *s);
/* The first failure is kept. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF(2, 3);
