/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for the addresses of a host name: /etc/hosts first, then DNS. Nothing blocks but reading
 * that file; the sockets and deadlines of c-ares live on the loop. resolver.c is the only file that
 * includes its header. owner: the loop's thread. */
#pragma once

#include "common/loop/loop.h"
#include "sidecar/proxy/address.h"

/* Of one family of one name. Of more, each process keeps the same ones whatever their order, and
 * other processes others. */
#define RESOLVER_ADDRESSES_MAX 16

enum resolver_family { RESOLVER_V4, RESOLVER_V6, RESOLVER_FAMILY_COUNT };

enum resolver_outcome {
    RESOLVER_FOUND,
    RESOLVER_NONE,  /* the name has no address of this family */
    RESOLVER_FAILED /* nobody knows: no such name, or no answer that tells */
};

struct resolver_answer {
    enum resolver_outcome outcome;
    struct address address[RESOLVER_ADDRESSES_MAX]; /* without port */
    unsigned count;                                 /* FOUND: at least 1 */
    dur_t ttl;                                      /* FOUND: as the server says, may be 0 */
    const char *why;                                /* FAILED: the resolver's word; static */
};

struct resolver;
typedef void (*resolver_fn)(void *ctx, const struct resolver_answer *answer);

#define RESOLVER_CONF "/etc/resolv.conf"

/* `conf` has the form of RESOLVER_CONF, and is read again when it changes: a node may start before
 * its network does. `server` is "ADDRESS:PORT" of the one to ask; NULL: those of `conf`. INVALID,
 * or EXHAUSTED when c-ares cannot begin. */
int resolver_new(struct loop *l, const char *conf, const char *server, struct resolver **ret,
                 struct err *err) MUST_CHECK;
/* Questions that are open end without a call. Tolerates NULL. */
void resolver_free(struct resolver *r);

/* `fn` is called once, maybe before the return; not to be called from inside one. A server is asked
 * three times, with 1, 2 and 4 s of patience. */
void resolver_ask(struct resolver *r, const char *host, enum resolver_family family, resolver_fn fn,
                  void *ctx);
