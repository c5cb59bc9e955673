/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of every connection to a system: requests, copies, probes and health checks differ
 * in what they do with it. Any thread with a loop. */
#pragma once

#include "common/model/ruleset.h"
#include "sidecar/h2/h2_client.h"
#include "sidecar/proxy/address.h"
#include "sidecar/transport/transport.h"

struct tls_client;
struct tls_session;

/* Begin to connect; LOOP_WRITE comes when it stands or failed, which transport_establish() tells.
 * `tls` NULL: without TLS, and `protocol` does not matter here. `session` as tls_connect(). False:
 * it failed at once, with errno. */
bool dial(struct transport *t, struct loop *loop, const struct address *a, struct tls_client *tls,
          enum upstream_protocol protocol, struct tls_session *session, transport_fn fn) MUST_CHECK;

/* The same for one exchange, over a connection of its own, in the protocol that is spoken there:
 * where that is HTTP/2, `t` is a stream of one that *ret_h2 holds (else NULL) and that is to be
 * freed behind it. `to` stays until then. */
struct dial_to {
    struct loop *loop;
    const struct address *address;
    struct tls_client *tls;
    struct tls_session *session;
};
bool dial_once(struct transport *t, const struct dial_to *to, enum upstream_protocol protocol,
               transport_fn fn, struct h2_client **ret_h2) MUST_CHECK;

/* How an endpoint of the system is to be known; NULL: without TLS. One reference, to be given back.
 * Where its files are bad, one of `before` (`count`) that has the same settings goes on instead. */
struct tls_client *dial_tls(const struct route_upstream *u, const struct endpoint *e,
                            struct tls_client *const *before, unsigned count) MUST_CHECK;
