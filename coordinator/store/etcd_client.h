/* SPDX-License-Identifier: Apache-2.0 */
/* One caller's way to etcd: which endpoint, with which token, and what its refusals mean.
 *
 * A call goes to the endpoint that worked last. When that one fails it goes to the others, each
 * once, unless it may already have taken effect. owner: one thread at a time; what several clients
 * of one store find out about the endpoints they tell each other. */
#pragma once

#include <stdatomic.h>

#include "coordinator/store/etcd_http.h"
#include "coordinator/store/etcd_json.h"
#include "coordinator/store/store_etcd.h"

/* Bit i: the endpoint i failed when it was asked last. Any thread. */
struct etcd_failing {
    atomic_uint endpoints;
};

struct etcd_client {
    struct etcd_http *http; /* owned */
    struct etcd_space space;

    /* private */
    char space_text[ETCD_SPACE_MAX + 1];
    char *endpoint[STORE_ETCD_ENDPOINTS_MAX]; /* owned */
    unsigned count;
    unsigned current;
    unsigned stream_at;           /* the endpoint of the stream */
    struct etcd_failing *failing; /* borrowed */
    char *user, *password;        /* owned; NULL: none */
    char token[ETCD_TOKEN_MAX + 1];
    store_rev newest; /* of all answers: none may go back behind it */
    unsigned page;    /* keys to ask for at once */
};

/* Nothing is asked of etcd yet. INVALID for endpoints, prefix or secrets that cannot be meant; what
 * the configuration points to is copied, `failing` is borrowed. */
int etcd_client_new(const struct store_etcd_config *config, struct etcd_failing *failing,
                    struct etcd_client **ret, struct err *err) MUST_CHECK;
void etcd_client_free(struct etcd_client *c);
DEFINE_CLEANUP(struct etcd_client, etcd_client_free)

struct etcd_call {
    const char *path;
    struct str body;
    bool repeatable; /* arriving twice does no harm: never UNKNOWN_OUTCOME */
    dur_t timeout;   /* at each endpoint; 0: the configuration's */
};

/* Outcome of a read at a revision: it is forgotten, or yet to come. */
enum { ETCD_COMPACTED = 1 };

/* `ret` is initialised here in any case, `err` is not NULL. <0: UNKNOWN_OUTCOME when it may have
 * taken effect; after any other code it has not. */
int etcd_client_call(struct etcd_client *c, const struct etcd_call *call, struct etcd_answer *ret,
                     struct err *err) MUST_CHECK;

/* One key as all members know it now; `timeout` as of a call. */
int etcd_client_get(struct etcd_client *c, struct str key, dur_t timeout, struct etcd_answer *ret,
                    struct err *err) MUST_CHECK;

/* All keys under the prefix as they were at `rev` (0: now), one consistent view however many pages
 * it takes; META_INCARNATION is among them always. */
#define META_INCARNATION STORE_META "incarnation"
struct etcd_view {
    struct str prefix;
    store_rev rev;
    bool keys_only;
};
int etcd_client_list(struct etcd_client *c, const struct etcd_view *v, struct store_list *ret,
                     struct err *err) MUST_CHECK;

/* A watch's stream on etcd_http_stream_open(): with a token, at the endpoint that worked last. */
void etcd_client_stream(struct etcd_client *c, struct str body, etcd_line_fn fn, void *ctx);
/* Is that still the endpoint that calls go to? */
bool etcd_client_stream_is_here(const struct etcd_client *c);
/* What worked last has stopped working. */
void etcd_client_leave_endpoint(struct etcd_client *c);
/* The token is not taken any more: get another one with the next call. */
void etcd_client_drop_token(struct etcd_client *c);
