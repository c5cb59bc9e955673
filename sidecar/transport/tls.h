/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a socket, as a transport (transport.h): 1.2 and 1.3, without renegotiation and early
 * data.
 *
 * The handshake runs by itself, in the socket's events; a door hears of a client when it has sent
 * something, or of LOOP_HANGUP when the handshake failed. What the socket does not take at once is
 * kept here, a record at most, so bytes that transport_send() took need no second call. An end
 * without the peer's close_notify is an error and no end (RFC 8446 6.1): somebody may have cut off
 * what was to follow. owner: the loop's thread. */
#pragma once

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sidecar/transport/transport.h"

struct tls_server;
struct tls_client;

/* The latest session that the other side offered to resume; zeroed memory has none. owner: the
 * thread of the transports that use it, which it outlives. */
struct tls_session {
    void *ssl_session; /* private */
};
void tls_session_forget(struct tls_session *s);

/* Takes over an accepted socket. False: it was closed. */
struct tls_accept_how {
    struct tls_server *server;
    const struct sockaddr *peer; /* copied, for the words of a failure; NULL: not known */
    dur_t patience;              /* of the handshake */
};
bool tls_accept(struct transport *t, struct loop *loop, int fd, const struct tls_accept_how *how,
                unsigned events, transport_fn fn) MUST_CHECK;

/* Takes over a connecting socket. False: it was closed. */
struct tls_connect_how {
    struct tls_client *client;
    const struct sockaddr *peer; /* as above */
    const char *alpn;            /* a literal: what the peer must agree to speak, "h2"; NULL:
                                  * "http/1.1" is offered, and it may say nothing to that */
    struct tls_session *session; /* NULL: nothing is resumed */
};
bool tls_connect(struct transport *t, struct loop *loop, int fd, const struct tls_connect_how *how,
                 unsigned events, transport_fn fn) MUST_CHECK;

/* What both sides agreed to speak (ALPN, RFC 7301): "h2"; nothing when they did not, or `t` is not
 * one of these. Borrowed. */
struct str tls_protocol(const struct transport *t);
