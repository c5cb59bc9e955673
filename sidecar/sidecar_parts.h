/* SPDX-License-Identifier: Apache-2.0 */
/* A node's parts and what ties them together: the agent's jobs (sidecar_jobs.c), orders that come
 * beside the coordinator and the doors they come by (sidecar_doors.c), the stream to the
 * coordinator (sidecar_stream.c), pages for operators (sidecar_admin.c), and its life with the
 * proxy (sidecar.c). For these alone; others use sidecar.h. owner: control loop. */
#pragma once

#include "common/base/rng.h"
#include "common/loop/timer.h"
#include "common/pages/pages.h"
#include "sidecar/access_file.h"
#include "sidecar/agent/agent.h"
#include "sidecar/agent/past.h"
#include "sidecar/certificates.h"
#include "sidecar/control/coord_client.h"
#include "sidecar/control/order_service.h"
#include "sidecar/control/past_answer.h"
#include "sidecar/node_metrics.h"
#include "sidecar/order_file.h"
#include "sidecar/sidecar.h"
#include "sidecar/state_file.h"

struct sidecar {
    struct sidecar_config config;
    struct name node; /* config.node */
    struct loop *loop;
    struct rng rng;
    struct agent *agent;               /* owned */
    struct state_file *state;          /* owned */
    struct proxy *proxy;               /* owned */
    struct coord_client *coord;        /* owned */
    struct pages *pages;               /* owned; NULL without --admin */
    struct order_service *orders;      /* owned */
    struct order_file *order_file;     /* owned; NULL when the folder cannot be watched */
    struct past *past;                 /* owned */
    struct access_log *access;         /* owned; NULL without --access-log */
    struct access_file *access_file;   /* owned; the same */
    struct certificates *certificates; /* owned; NULL without --tls-listen */
    struct node_metrics *metrics;      /* owned */
    struct past_answer *answers;       /* owned */
    struct timer retry;                /* set after a failure */
    bool refused;                      /* since the last retry */
    mono_t last_stats;
    mono_t coordinator_seen; /* the last time that one was there */
    unsigned clients;
    struct ruleset *served_then; /* owned; at last_stats */
    bool draining;
    bool stopping;
    bool outage_told;     /* one line per outage, not per attempt */
    char disk[TEXT_SIZE]; /* what is wrong with the state there; "": nothing */
    char proxy_address[ENDPOINT_SIZE];
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

/* Do what the agent has to have done: after whatever may have changed its mind. */
void sidecar_work(struct sidecar *s);
/* A write of state_file.h came to an end; `ctx` is the sidecar. */
void sidecar_on_written(void *ctx, const struct err *err);
/* What operators are told of the state on the disk. */
void sidecar_note_disk(struct sidecar *s, const char *what, const struct err *why);

/* A node without one of its doors serves all the same, and says so. */
void sidecar_open_file_door(struct sidecar *s);
int sidecar_open_rpc_doors(struct sidecar *s, struct err *err) MUST_CHECK;

/* Behind the doors, whose address the coordinator is told. */
int sidecar_start_stream(struct sidecar *s, struct err *err) MUST_CHECK;

/* Without --admin there are no pages. */
int sidecar_open_admin(struct sidecar *s, struct err *err) MUST_CHECK;
