/* SPDX-License-Identifier: Apache-2.0 */
/* What a node serves with: an immutable set of routes, one per migration, and the emergency orders
 * that dominate them. Built, published, never changed; shared between threads by counted
 * reference. */
#pragma once

#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/model/flags.h"
#include "common/model/selector.h"

#define ROUTE_HOSTS_MAX     8
#define ROUTE_METHODS_MAX   8
#define ROUTE_ENDPOINTS_MAX 8
#define RULESET_ROUTES_MAX  256
#define PATH_SIZE           256

#define HEALTH_INTERVAL_MIN_MS 100u
#define WEIGHT_BP_MAX          10000u
#define ROUTE_SELECTORS_MAX    16

enum key_source {
    KEY_NONE,
    KEY_RANDOM,
    KEY_HEADER,
    KEY_COOKIE,
    KEY_PATH_SEGMENT,
    KEY_CLIENT_ADDRESS,
    KEY_SOURCE_COUNT
};

/* Where a request's key comes from; "header:X-User-Id", "cookie:sid", "path:2", "client-ip",
 * "random". */
struct route_key {
    enum key_source source;
    char name[NAME_SIZE]; /* of the header or cookie */
    unsigned segment;     /* of the path, from 1 */
};

int route_key_parse(struct str s, struct route_key *ret, struct err *err) MUST_CHECK;
/* The same form ("none" for KEY_NONE), into dst of ROUTE_KEY_TEXT_SIZE bytes; returns dst. */
#define ROUTE_KEY_TEXT_SIZE (NAME_SIZE + 16)
const char *route_key_text(const struct route_key *k, char *dst);

enum { FALLBACK_CONNECT_ERROR = 1u << 0, FALLBACK_TIMEOUT = 1u << 1, FALLBACK_5XX = 1u << 2 };

struct route_fallback {
    unsigned on; /* bits above; 0: never */
    char method[ROUTE_METHODS_MAX][16];
    unsigned method_count;
    uint32_t max_body;  /* a request body of up to this many bytes is kept for the second try */
    uint32_t budget_bp; /* second tries per request to new, over ten seconds, at most; 0: any
                           number */
};

enum endpoint_scheme { ENDPOINT_HTTP, ENDPOINT_HTTPS, ENDPOINT_TCP };

struct endpoint {
    char host[ENDPOINT_SIZE]; /* name or address; brackets removed from IPv6 */
    uint16_t port;
    enum endpoint_scheme scheme;
};

/* "http://host[:port]", "https://host[:port]" or "tcp://host:port", nothing after it but one '/'.
 * The host becomes lower case, the port defaults to 80 or 443. */
int endpoint_parse(struct str url, struct endpoint *ret, struct err *err) MUST_CHECK;
/* The same form, always with the port, into dst of ENDPOINT_URL_SIZE bytes; returns dst. */
#define ENDPOINT_URL_SIZE (ENDPOINT_SIZE + 20)
const char *endpoint_url(const struct endpoint *e, char *dst);
/* "http://", "https://", "tcp://" */
const char *endpoint_scheme_text(enum endpoint_scheme s);
/* The same server, whatever is spoken to it. */
bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);

/* Starts with '/' and goes into a request line as it is: visible ASCII but '#'. */
bool route_is_request_path(struct str s);

enum upstream_protocol { UPSTREAM_HTTP1, UPSTREAM_H2, UPSTREAM_PROTOCOL_COUNT };

/* How a system is known, and how a node makes itself known to it. The files are PEM, on the nodes;
 * paths are absolute. */
struct route_tls {
    bool on;                   /* all endpoints of the system are https://, else none is */
    bool verify;               /* its certificate must be good; default true */
    char name[ENDPOINT_SIZE];  /* that it must be for, and that is asked for; "": the endpoint's
                                  host */
    char ca_file[PATH_SIZE];   /* who may have signed it; "": whom the node's system trusts */
    char cert_file[PATH_SIZE]; /* that the node shows; "": none */
    char key_file[PATH_SIZE];  /* of that; both or none */
};

struct route_upstream {
    struct endpoint endpoint[ROUTE_ENDPOINTS_MAX];
    unsigned endpoint_count;
    enum upstream_protocol protocol; /* with TLS by ALPN, without it from the first byte */
    struct route_tls tls;
    uint32_t connect_timeout_ms;  /* default 1000 */
    uint32_t response_timeout_ms; /* until the head of the answer, then between its bytes; default
                                     15000 */
    char health_path[PATH_SIZE];  /* GET this of each endpoint, to know how it is; of tcp://
                                     ROUTE_HEALTH_CONNECT; "": not asked */
    uint32_t health_interval_ms;  /* with a path: from HEALTH_INTERVAL_MIN_MS; default 5000 */
    uint32_t max_connections;     /* of one node to one endpoint; 0: no limit */
};

#define ROUTE_HEALTH_CONNECT "connect"

/* What a breaker does with what it finds out. */
enum breaker_mode {
    BREAKER_MODE_ENFORCE,
    BREAKER_MODE_WATCH, /* counts, changes its state and tells, but diverts no request */
    BREAKER_MODE_OFF,
    BREAKER_MODE_COUNT
};

/* An operator's or the fleet's word to every node's breaker. Each has a number; a node obeys one
 * with a higher number than the last it obeyed. */
enum breaker_order {
    BREAKER_ORDER_NONE,
    BREAKER_ORDER_OPEN,  /* open until another order */
    BREAKER_ORDER_CLOSE, /* closed until another order, whatever happens */
    BREAKER_ORDER_PROBE, /* half-open now; from there on by itself */
    BREAKER_ORDER_RESET, /* closed now with nothing counted; from there on by itself */
    BREAKER_ORDER_COUNT
};

/* Any of the conditions opens it. */
struct route_breaker {
    uint32_t errors; /* so many in the window; 0: not by their number */
    uint32_t window_ms;
    uint32_t open_for_ms;
    uint32_t half_open_requests;
    uint32_t error_rate_bp; /* errors per request in the window; 0: not by their rate */
    uint32_t slow_ms;       /* an answer that takes longer is slow; 0: none is */
    uint32_t slow_rate_bp;  /* slow answers per answer in the window; 0: not by them */
    uint32_t min_requests;  /* in the window before a rate counts */
    uint32_t re_ramp_ms;    /* once closed, new's share rises to its whole over so long; 0: at
                               once */
    enum breaker_mode mode;
    enum breaker_order order; /* the latest */
    uint64_t order_number;    /* of it; 0: none ever */
};

/* Does the route have one at all? */
bool route_breaker_is_on(const struct route_breaker *b);
/* Does one of its conditions need `min_requests`? */
bool route_breaker_has_rate(const struct route_breaker *b);

/* Copies of requests to the system that does not answer the client. Its answers are thrown away. */
struct route_mirror {
    uint32_t share_bp;        /* of the requests that may be copied; 0: none */
    uint32_t off_above_bp;    /* none while new's weight is above this */
    uint32_t timeout_ms;      /* from the beginning to the end of a copy's exchange */
    uint32_t max_body;        /* bytes; requests with a longer body are not copied */
    uint32_t max_pending;     /* copies on a node at a time; more are dropped and counted */
    uint64_t max_bytes_per_s; /* of requests and answers together on a node; 0: any number */
    char method[ROUTE_METHODS_MAX][16];
    unsigned method_count;
    bool by_hand; /* `share_bp` is an operator's, not the stage's */
};

/* What the comparison of two answers heeds. Paths are of JSON: "$.a.b", "$.items[*].price",
 * "$..id". */
#define COMPARE_RULES_MAX 32
#define COMPARE_PATH_SIZE 128

enum compare_rule_kind {
    COMPARE_HEADER,    /* `path` is a field's name: its value counts too */
    COMPARE_IGNORE,    /* differences at and below the path do not count */
    COMPARE_CRITICAL,  /* are critical */
    COMPARE_COSMETIC,  /* are cosmetic */
    COMPARE_UNORDERED, /* an array whose order does not count */
    COMPARE_TOLERANCE, /* numbers may differ by `tolerance` */
    COMPARE_RULE_COUNT
};

struct compare_rule {
    enum compare_rule_kind kind;
    char path[COMPARE_PATH_SIZE];
    double tolerance; /* absolute */
};

/* A sample of requests is answered by both systems, and the answers compared. */
struct route_compare {
    uint32_t sample_bp;    /* of the requests that may be copied; 0: none */
    uint32_t noise_bp;     /* of those, compared legacy against legacy as well */
    uint32_t off_above_bp; /* none while new's weight is above this */
    uint32_t max_body;     /* bytes of an answer; longer ones are compared by their hash */
    struct compare_rule rule[COMPARE_RULES_MAX];
    unsigned rule_count;
};

/* A route of connections: nothing of what passes is looked at, and each connection is on one side
 * for as long as it lasts. */
struct route_tcp {
    uint32_t port;           /* 0: a route of requests, with `host` and `path_prefix` */
    char address[NAME_SIZE]; /* a literal; "": where the node listens for requests */
    uint32_t idle_timeout_ms;
};

/* What the nodes of the waves that have begun serve with, ahead of the others. One set goes to all
 * nodes; each finds out what it is by its own labels (route_for_node()), so that one that joins
 * late needs no decision of its own. */
struct route_ahead {
    struct selector selector[ROUTE_SELECTORS_MAX]; /* any of them */
    unsigned selector_count;                       /* 0: nobody is ahead */
    uint32_t weight_bp;
    uint32_t mirror_bp; /* mirror.share_bp */
    char stage[NAME_SIZE];
    struct flags flags;
};

struct route {
    struct name migration;
    char host[ROUTE_HOSTS_MAX][NAME_SIZE * 4]; /* lower case; "*.x" matches below x */
    unsigned host_count;                       /* 0: every host */
    char path_prefix[PATH_SIZE];               /* "": every path; matches whole segments */
    struct route_tcp tcp;
    struct route_key key;
    struct route_key fallback_key; /* KEY_NONE: random */
    char salt[NAME_SIZE];
    uint32_t weight_bp; /* 0..10000 */
    enum system override;
    bool forbid_legacy; /* no request goes to legacy, except by an emergency order */
    struct route_fallback fallback;
    struct route_upstream upstream[SYSTEM_COUNT]; /* [SYSTEM_LEGACY], [SYSTEM_NEW] */
    struct route_breaker breaker;
    struct route_mirror mirror;
    struct route_compare compare;
    bool expose_system;
    char stage[NAME_SIZE];
    struct flags flags;
    struct route_ahead ahead;
    struct selector drill; /* these nodes rehearse a rollback: weight 0. "": none */
};

/* What one node serves: weight, stage and flags are its own, and nothing is left in `ahead` and
 * `drill`. `ret` may be `r`. Pure. */
void route_for_node(const struct route *r, const struct name *node, const struct labels *l,
                    struct route *ret);
/* The weight of new alone, with the override, and *ret_stage, borrowed from `r`; for those who ask
 * for many nodes. Without an emergency order. */
uint32_t route_weight_at(const struct route *r, const struct name *node, const struct labels *l,
                         const char **ret_stage);

/* The selector by which the node is among those ahead; NULL: it is not. Borrowed. */
const struct selector *route_ahead_by(const struct route *r, const struct name *node,
                                      const struct labels *l);

/* What a caller names a command by, so that one that comes twice is known again. */
#define REQUEST_ID_SIZE 65

/* "Legacy, now" for one migration, or the lifting of it. Higher epochs replace lower ones, nothing
 * else. */
struct emergency {
    struct name migration;
    uint64_t epoch; /* from 1 */
    bool active;
    char reason[TEXT_SIZE];
    char operator_name[NAME_SIZE * 2];
    wall_t ordered_at;
    char request[REQUEST_ID_SIZE]; /* of the command, until coordinators store it; "": not known */
};

/* One route with its bytes as received or encoded, which the checksum is over. */
struct ruleset_entry {
    struct route route;
    struct emergency emergency; /* newest order for it; epoch 0: none ever */
    struct str rule;            /* owned by the set */
};

struct ruleset {
    char incarnation[40]; /* of the store; an id of hex digits */
    uint64_t term;
    uint64_t revision;
    struct sha256 checksum; /* over the routes; see fleet.proto, RouteUpdate */
    unsigned count;
    struct ruleset_entry *entry; /* sorted by migration's name */
    /* private */
    unsigned capacity;
    atomic_int refs;
};

/* Emergency orders outlive routes: those of migrations that are not in the set are kept beside it
 * by the agent, not here. */

struct ruleset *ruleset_ref(const struct ruleset *r);
void ruleset_unref(const struct ruleset *r); /* tolerates NULL; any thread */
static inline void ruleset_unrefp(struct ruleset **r)
{
    ruleset_unref(*r);
}

/* Build a set: add entries in any order, give the orders that stand over them, then finish, which
 * sorts, refuses two routes of one migration (INVALID) and computes the checksum. `rule` is copied.
 * The new set has one reference, the caller's. */
struct ruleset *ruleset_new(const char *incarnation, uint64_t term, uint64_t revision) MUST_CHECK;
int ruleset_add(struct ruleset *r, const struct route *route, struct str rule,
                struct err *err) MUST_CHECK;
/* The order becomes its migration's when that is in the set and has none of the same or a higher
 * epoch. */
void ruleset_order(struct ruleset *r, const struct emergency *order);
int ruleset_finish(struct ruleset *r, struct err *err) MUST_CHECK;

/* NULL when the set has no route of this migration. */
const struct ruleset_entry *ruleset_find(const struct ruleset *r, const char *migration);

/* The entry for a request, of routes of requests: the longest matching path prefix among those with
 * the most specific matching host (exact, then the longest wildcard, then any); the first by name
 * among equals. `host` without port, any case; `path` may go on with the query. NULL when none
 * matches. Hot path: no allocation. */
const struct ruleset_entry *ruleset_match(const struct ruleset *r, struct str host,
                                          struct str path);

/* Everything in a route that matters is inside its limits (counts, weight, names, timeouts > 0).
 * For what comes from outside. */
int route_check(const struct route *r, struct err *err) MUST_CHECK;
