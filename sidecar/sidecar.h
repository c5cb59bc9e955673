/* SPDX-License-Identifier: Apache-2.0 */
/* One node: carries out what the agent decides. Builds the parts, passes their events to the agent,
 * and does the jobs the agent names: write the rule set, hand it to the proxy, acknowledge it.
 *
 * Start order: last good rule set from disk, proxy, coordinator: a node serves with no coordinator
 * at all. owner: control loop. */
#pragma once

#include "common/model/ids.h"
#include "sidecar/proxy/proxy.h"
#include "sidecar/transport/tls_server.h"

struct sidecar_config {
    const char *node;
    struct labels labels;
    const char *coordinators;  /* "host:port[,host:port...]" */
    const char *data;          /* folder; made when missing; one sidecar at a time */
    const char *admin;         /* "ADDRESS:PORT" of the pages for people and machines; NULL: none */
    const char *control;       /* "ADDRESS:PORT" where orders come in; NULL: only on this machine */
    const char *access_log;    /* file, "-": standard output; NULL: none */
    uint32_t access_sample;    /* of ACCESS_ALL requests that go well; 0: errors only */
    bool access_query;         /* paths with their queries */
    struct proxy_config proxy; /* but for its `tls` */
    struct tls_server_config tls; /* when proxy.tls_listen is given */
    dur_t drain;                  /* longest wait for requests in flight on stop */
};

struct sidecar;

/* Starts everything. DENIED or EXHAUSTED when the folder cannot be used, UNAVAILABLE when the
 * address is taken or another sidecar runs on the folder. A stored rule set that is corrupt is
 * logged and not used. */
int sidecar_start(const struct sidecar_config *config, struct loop *control, struct sidecar **ret,
                  struct err *err) MUST_CHECK;
/* Where the proxy and the admin pages listen; 0 without them. */
uint16_t sidecar_port(const struct sidecar *s);
uint16_t sidecar_admin_port(const struct sidecar *s);
/* "Legacy, now", for every migration; logged. For a signal. */
void sidecar_emergency(struct sidecar *s, const char *reason);
/* Open the access log anew, and read the certificates anew. For a signal. */
void sidecar_reopen(struct sidecar *s);
/* Drain: stop accepting, finish requests in flight, then on_stopped(ctx). Once. */
void sidecar_stop(struct sidecar *s, void (*on_stopped)(void *ctx), void *ctx);
struct sidecar *sidecar_free(struct sidecar *s); /* at once; tolerates NULL; returns NULL */
static inline void sidecar_freep(struct sidecar **s)
{
    *s = sidecar_free(*s);
}
