/* SPDX-License-Identifier: Apache-2.0 */
/* A whole coordinator on a loop: store, core and driver, fleet, operator service and the server
 * they share. The program and the tests build it the same way. owner: the loop's thread. */
#pragma once

#include "common/loop/loop.h"
#include "coordinator/core/core.h"
#include "coordinator/notify/notify.h"
#include "coordinator/store/store_etcd.h"

struct coordinator;

struct coordinator_config {
    const char *listen;   /* "127.0.0.1:7400"; port 0 picks one */
    const char *admin;    /* "ADDRESS:PORT" of the pages for machines; NULL: none */
    const char *data_dir; /* of the SQLite store and of the journal; NULL: both in memory, lost with
                             the process */
    const char *id;       /* among the coordinators on one store; NULL: "coordinator" */
    const char *advertise;                /* where the others reach it; NULL: `listen` */
    dur_t lease_ttl;                      /* 0: the driver's default */
    const struct store_etcd_config *etcd; /* borrowed for coordinator_new(); NULL: not in etcd */
    bool restored; /* the store was put back from a copy: store_sqlite_renew() first */
    struct core_config core;
    dur_t report_silence;          /* 0: the fleet's default */
    struct notify_config webhooks; /* its texts are borrowed */
    bool allow_commands;           /* may plans run programs on this machine? */
};

struct coordinator_events {
    /* It serves (0), or could not begin to (<0 with *err). Once. */
    void (*on_ready)(void *ctx, int r, const struct err *err);
    /* It has stopped after coordinator_stop() and may be freed. Once. */
    void (*on_stopped)(void *ctx);
};

/* Opens the store, binds the address and begins to read the state; on_ready follows. */
int coordinator_new(const struct coordinator_config *config, struct loop *l,
                    const struct coordinator_events *events, void *ctx, struct coordinator **ret,
                    struct err *err) MUST_CHECK;
int coordinator_port(const struct coordinator *c);
uint16_t coordinator_admin_port(const struct coordinator *c); /* 0: no pages */

/* Stop taking calls, let open ones end for `grace`; on_stopped follows. Not before on_ready. */
void coordinator_stop(struct coordinator *c, dur_t grace);
/* What is on its way to the store is stored before the return. After on_stopped, or when on_ready
 * said no. Tolerates NULL. */
void coordinator_free(struct coordinator *c);
DEFINE_CLEANUP(struct coordinator, coordinator_free)
