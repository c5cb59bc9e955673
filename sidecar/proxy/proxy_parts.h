/* SPDX-License-Identifier: Apache-2.0 */
/* The control side of the proxy, which has three parts: what is served (publish.c), what was
 * counted and how it is (collect.c), and its life with all else (proxy.c). For these alone; others
 * use proxy.h. owner: control. */
#pragma once

#include "sidecar/proxy/checks.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/live.h"
#include "sidecar/proxy/names.h"
#include "sidecar/proxy/ports.h"

struct proxy {
    struct loop *loop;          /* borrowed; control */
    struct proxy_config config; /* without where to listen and `resolver` */
    struct proxy_events events;
    void *ctx;
    struct mailbox *mailbox;
    struct lane_shared shared;
    struct lane *lane[PROXY_THREADS_MAX];
    unsigned lane_count;
    struct address at[DOOR_COUNT]; /* where it listens */

    struct names *names;
    struct checks *checks;
    struct ruleset *asked;  /* the latest published set, served or waiting for names */
    uint64_t asked_version; /* of the names it was sent out with; 0: it waits for them */
    bool told_lacking;      /* that it lacks a name */
    struct ports *ports;
    bool lacks_port, told_port; /* and that it lacks a port, for this reason */
    struct err port_err;
    struct live *live;     /* the latest sent to the lanes */
    bool is_open;          /* or about to be, with the first set */
    unsigned waiting;      /* lanes that do not serve with it yet */
    struct ruleset *next;  /* to be sent when they do, or NULL */
    struct timer patience; /* set while `asked` waits */

    struct timer collect;
    unsigned collections;
    unsigned collecting; /* lanes that have yet to answer */
    struct route_stats *stats;
    size_t stats_count;
    uint64_t requests[CLIENT_PROTOCOLS];
    struct proxy_pools pools, counted; /* of the last collection, and of the one under way */

    struct probe_job *probes; /* utlist; under way */
    unsigned probe_count;

    unsigned draining; /* lanes that have yet to finish */
    unsigned cut;
};

/* Moves to a lane with proxy_post(). A lane has one of a kind at a time, and there is room for
 * that.
 */
struct letter *letter_new(enum letter_kind kind);
void proxy_post(struct lane *lane, struct letter *l);

/* The names of the set that was published are known, or some more of them. */
void publish_on_names(void *ctx, const struct names_news *news);
/* A port that was missing may be free now. */
void publish_on_port(void *ctx);
/* A lane serves what it was sent. */
void publish_on_served(struct proxy *p, const struct letter *l);
/* Send the same set out anew when certificates for systems have changed. */
void publish_refresh(struct proxy *p);
/* Let clients in, behind what was sent to the lanes. */
void publish_open(struct proxy *p);
void publish_end(struct proxy *p);

/* Once a second, from now on. */
void collect_begin(struct proxy *p);
/* A lane has counted. */
void collect_on_answer(struct proxy *p, const struct letter *l);
void collect_end(struct proxy *p);
