/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1.1 reverse proxy of a node: sends each request to legacy or new as the rule set says.
 *
 * N threads, called lanes, run one loop each with their own SO_REUSEPORT listener, connections,
 * upstream pools and counters; a request never leaves its lane and takes no lock. A published rule
 * set reaches every lane by mailbox and is *serving* only when all of them have swapped to it: from
 * then on every new request, on old connections too, follows it. Requests in flight finish where
 * they are; what lasts (tunnels, streams of events, gRPC calls) of users whose requests no longer
 * go where it is ends within `tunnel_drain`, and within 5 s in an emergency.
 *
 * Every function here and every event belongs to the control loop's thread. The program should
 * raise RLIMIT_NOFILE to a little over twice max_connections; SIGPIPE is never raised. */
#pragma once

#include "common/base/clock.h"
#include "common/loop/loop.h"
#include "common/model/probe.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"
#include "sidecar/proxy/address.h"
#include "sidecar/proxy/endpoint_fsm.h"

#define PROXY_THREADS_MAX 64

struct access_log;
struct tls_fault;
struct tls_server;

/* X-Forwarded-For, -Host and -Proto. */
enum proxy_forwarded {
    PROXY_FORWARDED_APPEND,  /* our peer behind what earlier hops said; the others when absent */
    PROXY_FORWARDED_REPLACE, /* what earlier hops said is left out, Forwarded (RFC 7239) too */
    PROXY_FORWARDED_OFF      /* as received */
};

/* Zero in any field but max_body_bytes and min_rate means its default. Strings are copied. */
struct proxy_config {
    const char *listen;       /* "ADDRESS:PORT", "[V6]:PORT"; port 0 picks one; 127.0.0.1:8080 */
    const char *tls_listen;   /* for TLS, as `listen`; needs `tls`; NULL: nowhere */
    const char *edge;         /* where other proxies ask (edge.h), as `listen`; NULL: nowhere */
    unsigned threads;         /* lanes; the number of cores, at most PROXY_THREADS_MAX */
    unsigned max_connections; /* client connections of all lanes; 20000. Past it: 503 and close */
    unsigned max_waiting;     /* requests of a lane that wait until a system takes a connection
                               * more (queue.h), for each system of a migration; 1024 */
    size_t max_head_bytes;    /* request and response heads; 32 KiB. Past it: 431 or 502 */
    size_t max_line_bytes;    /* the request line; 8 KiB. Past it: 414 */
    uint64_t max_body_bytes;  /* of a request; 0: unlimited. Past it: 413 */
    dur_t header_timeout;     /* first byte of a head to its last; 10 s. Past it: 408 */
    dur_t body_timeout;       /* between two bytes to or from the client; 60 s */
    uint32_t min_rate;        /* bytes per second that a client must deliver of a body before its
                               * answer begins, and take of an answer, over body_timeout; 0: any */
    dur_t idle_timeout;       /* of kept-alive client connections; 75 s */
    dur_t upstream_idle;      /* of pooled upstream connections; 50 s */
    dur_t tunnel_idle;        /* between two bytes in a tunnel (WebSocket and the like); 1 h */
    dur_t tunnel_drain;       /* what lasts and rules take away ends spread over this; 30 s */
    enum proxy_forwarded forwarded;
    bool via;             /* add ours to Via (RFC 9110 7.6.3) */
    const char *resolver; /* "ADDRESS:PORT" of a DNS server; those of /etc/resolv.conf */

    /* Borrowed, and outlives the proxy; NULL: none. */
    struct access_log *access;
    struct tls_server *tls;
};

/* The limit that suits most: 1 GiB. */
#define PROXY_MAX_BODY_BYTES (UINT64_C(1) << 30)
/* The floor that does: the slowest telephone takes ten times as much. */
#define PROXY_MIN_RATE 100

struct proxy;

/* Never called from inside a function of this header. Any member may be NULL. */
struct proxy_events {
    /* Every lane serves with `set` (borrowed for the call). Sets that were overtaken by a later
     * proxy_publish() before they served are passed over in silence. The same revision can come
     * twice, with other emergency orders or addresses. */
    void (*on_serving)(void *ctx, const struct ruleset *set);
    /* A name of `set` does not resolve, or a port of it cannot be had. It serves, or will, without:
     * a system that has no other name goes on at the addresses that it had in the set before, or
     * refuses; connections to the port are refused. Both are tried again every few seconds. Once of
     * each kind for each set that is published. */
    void (*on_lacking)(void *ctx, const struct ruleset *set, const struct err *why);
    /* Once a second: what happened in it on all lanes, one element per migration that is served or
     * was in this second (borrowed for the call), and the client connections open now. */
    void (*on_stats)(void *ctx, const struct route_stats *stats, size_t count, unsigned clients);
    /* Handshakes of TLS with a system failed: of each kind once a minute at most, with their count
     * since (borrowed for the call). */
    void (*on_fault)(void *ctx, const struct name *migration, enum system system,
                     const struct tls_fault *fault);
    /* proxy_drain() is over: `cut` connections were still busy at its deadline and were closed. */
    void (*on_drained)(void *ctx, unsigned cut);
};

/* Bind the listeners and start the lanes. Who connects waits until proxy_open(). `control` must
 * outlive the proxy. INVALID for a bad `listen`; EXHAUSTED, DENIED or IO from the system. */
int proxy_new(const struct proxy_config *config, struct loop *control,
              const struct proxy_events *events, void *ctx, struct proxy **ret,
              struct err *err) MUST_CHECK;

/* Let clients in: with the first rule set if one was published before, which takes as long as its
 * names (proxy_publish()), so that a node that starts again sends nobody away; else at once, and
 * until a first one serves every request is answered with 503. Once. */
void proxy_open(struct proxy *p);

/* Close everything at once and join the threads; no event comes any more. Tolerates NULL; returns
 * NULL. */
struct proxy *proxy_free(struct proxy *p);
static inline void proxy_freep(struct proxy **p)
{
    *p = proxy_free(*p);
}

/* Where it listens, the real port in place of 0. */
uint16_t proxy_port(const struct proxy *p);
uint16_t proxy_tls_port(const struct proxy *p);  /* 0: nowhere */
uint16_t proxy_edge_port(const struct proxy *p); /* 0: nowhere */

/* Serve with `set` (the reference moves here). IP literals, "localhost" and names that were
 * resolved before are used at once; other names are looked up first, for at most a second: then the
 * set serves with what is known, and again when that changes. A set with an emergency order that is
 * not served yet never waits. */
void proxy_publish(struct proxy *p, struct ruleset *set);

/* Of the migration's new system; BREAKER_DISABLED when its route has none, or there is no route. */
enum breaker_state proxy_breaker(struct proxy *p, const char *migration);

/* Connections to the systems and the pools that keep them, of all lanes, a second ago at most. */
struct proxy_pools {
    unsigned pools, idle, busy;
};
struct proxy_pools proxy_pools(const struct proxy *p);

/* Requests of clients whose head was read, by what they speak, since the start; as of a second ago
 * at most. */
enum client_protocol { CLIENT_HTTP1, CLIENT_HTTP2, CLIENT_PROTOCOLS };
uint64_t proxy_requests(const struct proxy *p, enum client_protocol protocol);

/* How a migration's endpoints are; `fn` is called for each, within the call. */
struct proxy_endpoint {
    enum system system;
    char address[ADDRESS_ENDPOINT_SIZE];
    enum endpoint_state state;
    dur_t since; /* in this state; 0: not known */
};
typedef void (*proxy_endpoint_fn)(void *ctx, const struct proxy_endpoint *e);
void proxy_endpoints(struct proxy *p, const char *migration, proxy_endpoint_fn fn, void *ctx);
/* Of all migrations that are served; `healthy`: those that are not left out. */
void proxy_count_endpoints(const struct proxy *p, unsigned *ret_all, unsigned *ret_healthy);

/* Ask the systems themselves, with what is served now: `fn` is called once, later, at the latest in
 * proxy_free(). Counted nowhere. NOT_FOUND when no route of the migration is served, EXHAUSTED when
 * too many are under way, INVALID as probe_check(). */
int proxy_probe(struct proxy *p, const struct probe *probe, probe_done_fn fn, void *ctx,
                struct err *err) MUST_CHECK;

/* The requests of a migration, or of one key of it, since the last call; see debug_tap_ask().
 * NOT_FOUND when no route of it is served. */
int proxy_debug(struct proxy *p, const struct name *migration, struct str key, struct buf *ret,
                uint64_t *ret_lost, struct err *err) MUST_CHECK;

/* Stop accepting, answer what is in flight with `Connection: close`, close kept-alive connections
 * that stay silent for a second, end what lasts over half of `deadline`, and call on_drained when
 * none is left or `deadline` is over. Once. */
void proxy_drain(struct proxy *p, dur_t deadline);
