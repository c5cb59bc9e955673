/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator from inside. owner: the core's loop.
 *
 *   coordinator.c   the parts: made, wired, stopped
 *   roster.c        what nodes say, here and at the other coordinators
 *   mesh.c          the other coordinators: who is there, who leads, calls for the leader
 *   cut_off.c       it alone cannot reach the store: its nodes are better off elsewhere
 *   host.c          what the operators' API stands on
 *   metrics_page.c  what is measured here, for Prometheus
 *
 * errands.c, on the checker, does what the core asks for in the world. */
#pragma once

#include "common/loop/timer.h"
#include "coordinator/backup_ports.h"
#include "coordinator/coordinator.h"
#include "coordinator/driver/driver.h"
#include "coordinator/errands.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/peer/peer.h"
#include "coordinator/restarts.h"
#include "coordinator/service/service.h"
#include "coordinator/webhooks.h"

#define COORDINATOR_PATH_MAX 4096

struct coordinator {
    struct coordinator_config config;
    struct loop *loop; /* borrowed */
    const struct coordinator_events *events;
    void *events_ctx;
    struct member self;
    char journal[COORDINATOR_PATH_MAX]; /* "": in memory only */
    dur_t grace;                        /* of open calls, once it stops */

    struct store_thread *store;
    struct driver *driver;
    struct registry *registry;
    struct fleet *fleet;
    struct peers *peers;
    struct service *service;
    struct backup_ports backup;
    struct check_facts check_facts;
    struct checker *checker;
    struct errands *errands;
    struct restarts *restarts;
    struct webhooks *webhooks;
    struct rpc_server *server;
    struct pages *pages; /* NULL: not asked for */
    struct service_host host;
    uint64_t commands_done, commands_refused;

    struct loop_deferred look;       /* nodes told of orders: somebody may wait for that */
    struct member others[PEERS_MAX]; /* that are registered */
    unsigned other_count;
    struct timer cut_off;
    bool store_worked;   /* when it was looked at last */
    mono_t send_away_at; /* its nodes, if it still does not work then */
};

/* ---- roster.c -------------------------------------------------------------------------------- */

/* The fleet's events; their context is the coordinator. */
extern const struct fleet_events roster_fleet_events;
/* The same of a peer's nodes. */
void roster_peer_node(void *ctx, const struct name *peer, const struct fleet_node *n);
void roster_peer_report(void *ctx, const struct name *peer, const struct fleet_report *r);
void roster_peer_past(void *ctx, const struct name *peer, const struct fleet_past *h);
/* See struct check_facts. */
unsigned roster_count(void *ctx, const struct selector *s);
/* Ask for the past of a node, wherever it is connected; see driver_ports.ask_past. */
void roster_ask_past(void *ctx, const struct name *node, dur_t window);

/* ---- mesh.c ---------------------------------------------------------------------------------- */

/* The peers' events; their context is the coordinator. */
extern const struct peers_events mesh_peers_events;
/* See driver_ports. */
void mesh_on_leader(void *ctx, const struct leadership *l);
void mesh_tell_orders(struct coordinator *c, const struct fleet_route *route, unsigned count);
void mesh_on_member(void *ctx, const struct member *m, bool gone);
/* See service_host. */
int mesh_hand_on(void *ctx, const char *method, const ProtobufCMessage *request, dur_t deadline,
                 service_reply_fn fn, void *fn_ctx, struct err *err) MUST_CHECK;
unsigned mesh_coordinators(void *ctx, struct service_coordinator ret[SERVICE_COORDINATORS_MAX]);

/* ---- cut_off.c ------------------------------------------------------------------------------- */

void cut_off_start(struct coordinator *c);
void cut_off_stop(struct coordinator *c);

/* ---- host.c ---------------------------------------------------------------------------------- */

struct service_host host_of(struct coordinator *c);

/* ---- metrics_page.c -------------------------------------------------------------------------- */

int coordinator_open_pages(struct coordinator *c, struct err *err) MUST_CHECK;
