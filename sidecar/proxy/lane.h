/* SPDX-License-Identifier: Apache-2.0 */
/* One thread of the proxy: a loop with its listener, its client connections and everything they
 * need, so that no request looks outside. The control thread talks to it by letters, which it posts
 * back when they are carried out. */
#pragma once

#include <stdatomic.h>

#include "common/base/rng.h"
#include "common/http1/http1_date.h"
#include "common/http1/http1_parse.h"
#include "common/loop/mailbox.h"
#include "common/loop/thread.h"
#include "common/loop/timer.h"
#include "sidecar/proxy/copy.h"
#include "sidecar/proxy/iobuf.h"
#include "sidecar/proxy/pipe.h"
#include "sidecar/proxy/ports.h"
#include "sidecar/proxy/probe.h"
#include "sidecar/proxy/proxy.h"
#include "sidecar/proxy/queue.h"
#include "sidecar/proxy/tap.h"
#include "sidecar/proxy/view.h"

enum letter_kind {
    LETTER_SERVE,   /* swap to `live` */
    LETTER_OPEN,    /* let clients in; once */
    LETTER_COLLECT, /* fill `stats`, `pools` and `requests` */
    LETTER_DRAIN,   /* finish within `deadline`; `cut` says what was still busy then */
    LETTER_PROBE    /* carry out `probe`; up to PROBES_MAX at once */
};

/* Moves to a lane and, carried out, to the control mailbox, where it is freed. */
struct letter {
    struct mail mail;
    enum letter_kind kind;
    struct live *live; /* one reference */
    struct route_stats *stats;
    unsigned count;
    struct proxy_pools pools;
    uint64_t requests[CLIENT_PROTOCOLS];
    dur_t deadline;
    unsigned cut;
    struct port_order *port; /* owned, with the sockets left in it: what to listen on */
    unsigned port_count;
    struct probe_job *probe; /* borrowed from the control thread */
};

void letter_free(struct letter *l);

/* What the lanes share besides the live set. Outlives them. */
struct lane_shared {
    const struct proxy_config *config;
    struct mailbox *control; /* where letters go back to */
    atomic_uint clients;     /* open client connections of all lanes */
    struct edge_probes *edge_probes;
    struct debug_tap *debug;
};

/* Where connections come in: requests, the same by TLS, or questions of somebody else's proxy
 * (edge.h). */
enum door_kind {
    DOOR_REQUESTS,
    DOOR_TLS,
    DOOR_EDGE,
    DOOR_COUNT,
    DOOR_CONNECTIONS = DOOR_COUNT /* come and go with the rules; see port_door.h */
};
struct door {
    struct lane *lane;
    enum door_kind kind;
    struct loop_watch watch; /* fd owned; -1: closed, or never there */
    struct timer pause;
};

struct lane {
    struct loop *loop;
    struct loop_thread *thread;
    unsigned index;
    struct lane_shared *shared;        /* borrowed */
    const struct proxy_config *config; /* borrowed */
    struct mailbox *inbox;
    struct rng rng;

    struct door door[DOOR_COUNT]; /* closed when draining */
    struct port_door *port_doors; /* utlist; so are these */
    struct conn *conns;           /* utlist */
    struct h2_door *h2_doors;     /* utlist */
    unsigned conn_count;          /* both */
    struct tunnel *tunnels;       /* utlist; of the connections */
    struct lasting *lasting;      /* utlist; of their requests */

    struct view *view; /* NULL before the first rule set */
    struct tally *tallies;
    struct upstream_pool *pools;
    struct queues queues;

    uint64_t requests[CLIENT_PROTOCOLS]; /* since they were collected */
    struct http1_limits limits;
    struct iobuf_pool bufs;
    struct pipe_pool pipes;
    char *scratch; /* as large as a buffer; for one step */
    struct http1_date date;
    struct request *spare_requests;
    unsigned spare_request_count;

    struct prober *probers;     /* utlist */
    struct access_ring *access; /* borrowed; NULL: no access log */
    struct copies copies;
    struct taps taps;

    bool draining;
    struct letter *drain; /* being carried out */
    struct timer drain_deadline;
    mono_t drain_ends; /* by it; while draining */
};

/* Takes over the listening sockets (-1: none) in every case. The thread is not started yet. */
int lane_new(struct lane_shared *shared, const int fds[DOOR_COUNT], struct lane **ret,
             struct err *err) MUST_CHECK;
int lane_start(struct lane *l, unsigned index, struct err *err) MUST_CHECK;
/* Join the thread and close everything. Control thread; tolerates NULL. */
void lane_free(struct lane *l);

/* The letter has been carried out. */
void lane_send_back(struct lane *l, struct letter *letter);
/* One client more or less. */
void lane_count_client(struct lane *l, int change);
/* Whether there are as many clients as are allowed, of all lanes. */
bool lane_is_full(const struct lane *l);
/* A connection is gone. */
void lane_note_closed(struct lane *l);
