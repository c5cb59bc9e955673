/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of TLS over a socket share: tls.c has its events and its life, tls_handshake.c how
 * it begins, tls_records.c what goes through it. Private to these. owner: the loop's thread. */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "common/loop/timer.h"
#include "sidecar/transport/tls.h"
#include "sidecar/transport/tls_faults.h"
#include "sidecar/transport/tls_wire.h"

/* What OpenSSL has for the reader. */
enum held {
    HELD_NOTHING, /* the socket will say when there is more */
    HELD_MAYBE,   /* bytes of the peer, maybe a piece of a record */
    HELD_END,
    HELD_LOST /* an error, or an end that the peer did not announce */
};

enum tls_goodbye { GOODBYE_NOT, GOODBYE_SOON, GOODBYE_DONE };

struct tls {
    struct transport *t; /* borrowed: our user's */
    struct tls_wire wire;
    struct loop_watch watch; /* fd owned */
    struct loop_deferred again;
    struct timer patience; /* of a server, with the handshake */
    SSL *ssl;
    struct sockaddr_in6 peer;  /* or IPv4; zeroed: not known */
    struct tls_server *server; /* borrowed; NULL: the client's side */
    struct tls_certs *certs;   /* one reference, for the handshake */
    struct tls_client *client; /* one reference */
    const char *alpn;          /* borrowed, of a client: what it insists on; NULL: nothing */
    char *why;                 /* owned; NULL: no failure */
    unsigned wanted;
    size_t owed; /* bytes of the user in a record that the socket took a part of */
    enum transport_state state;
    enum held held;
    enum tls_goodbye goodbye;
    mono_t begun; /* the handshake */
    bool reached; /* the socket is connected */
    bool heard;   /* the peer has said something to the user */
    bool stuck;   /* OpenSSL has to send before it goes on to read */
    bool broken;  /* nothing can be sent any more */
};

/* ---- tls.c ----------------------------------------------------------------------------------- */

/* What the socket and the loop have to do for what is wanted. */
void tls_arm(struct tls *x);
/* Tell the user what is there for him, besides `events`. `x` may be gone afterwards. */
void tls_deliver(struct tls *x, unsigned events);

/* ---- tls_handshake.c ------------------------------------------------------------------------- */

/* The socket has something for it: as far as it goes now. */
void tls_shake(struct tls *x);
/* A client has so long for all of it. */
void tls_limit_handshake(struct tls *x, struct loop *loop, dur_t patience);
/* It has failed, before or in it; `words` are for the operator and for the user. */
void tls_fail(struct tls *x, enum tls_failure failure, const char *words);
/* OpenSSL has failed behind it, and its error is in the queue: was it a refusal of ours? */
void tls_note_refusal(struct tls *x);
/* The user closes in the middle of it. */
void tls_note_giving_up(struct tls *x);

/* ---- tls_records.c --------------------------------------------------------------------------- */

/* Before a call whose outcome SSL_get_error() is asked about: older errors are none of its. */
void tls_forget_errors(void);
/* After a call that did not do what it was asked. True: it will, later. */
bool tls_is_waiting(struct tls *x);
/* Whether there is something for the reader. What is OpenSSL's own, such as tickets, is dealt with
 * here, so that nobody takes it for a peer that talks out of turn. */
bool tls_has_news(struct tls *x);
/* As transport_recv() and transport_send(). */
ssize_t tls_recv(struct transport *t, void *dst, size_t size);
ssize_t tls_send(struct transport *t, const struct iovec *piece, int count);
