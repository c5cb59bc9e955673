/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of bytes to a peer: a plain socket, TLS over one (tls.h), or a stream of an HTTP/2
 * connection, which speaks HTTP/1.1 on our side (h2_session.h). Who reads and writes it does not
 * know which: a plain socket costs one predictable branch.
 *
 * Events are those of the loop (loop.h) and level-triggered whatever is behind: LOOP_READ comes
 * again in every turn as long as it is wanted and something can be read, LOOP_WRITE as long as it
 * is wanted and something would be taken. They never come from inside a function of this header.
 * owner: the loop's thread. */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "common/loop/loop.h"

struct transport;
typedef void (*transport_fn)(struct transport *t, unsigned events);

enum transport_state { TRANSPORT_FAILED = -1, TRANSPORT_BEGINS, TRANSPORT_STANDS };

/* What is not a plain socket. Each function does what the one of its name below says. */
struct transport_ops {
    enum transport_state (*establish)(struct transport *t);
    ssize_t (*recv)(struct transport *t, void *dst, size_t size);
    ssize_t (*send)(struct transport *t, const struct iovec *piece, int count);
    bool (*is_quiet)(struct transport *t);
    void (*want)(struct transport *t, unsigned events);
    void (*silence)(struct transport *t);
    void (*end)(struct transport *t);
    void (*close)(struct transport *t);
    /* It is in new memory now; NULL: cannot be moved. */
    void (*moved)(struct transport *t);
    const char *(*why)(const struct transport *t);
    bool (*was_refused)(const struct transport *t); /* NULL: its peers cannot say so */
};

/* Embedded in its user, who reads no field but `silent`. Zeroed memory is closed. */
struct transport {
    struct loop_watch watch; /* of the socket, which is owned; fd -1: there is none */
    transport_fn fn;
    const struct transport_ops *ops; /* NULL: a plain socket */
    void *behind;                    /* theirs */
    bool silent;
    bool is_open;
};

/* Take over a connected or connecting socket. False: it was closed, `t` is. */
bool transport_open(struct transport *t, struct loop *loop, int fd, unsigned events,
                    transport_fn fn) MUST_CHECK;
/* The same for somebody who has something of his own behind it: `behind` and the socket are closed
 * by ops->close() from here on, also when this fails. The watch is his. */
void transport_open_with(struct transport *t, const struct transport_ops *ops, void *behind,
                         transport_fn fn);

/* Whether the way to the peer stands, after an event: BEGINS means wait for another one. */
enum transport_state transport_establish(struct transport *t);
/* Why it failed, if more is known than that: "the certificate has expired". Borrowed; "" else. */
const char *transport_why(const struct transport *t);

/* As recv(2) on a non-blocking socket: 0 is the end, -1 comes with errno (EAGAIN). */
ssize_t transport_recv(struct transport *t, void *dst, size_t size);
/* Bytes taken, which may be fewer than all, 0 when none can be now; -1: it is broken. What was
 * taken is on its way without another call. */
ssize_t transport_send(struct transport *t, const struct iovec *piece, int count);
/* Of a broken one: the peer has said that it did not and will not process the request on it (RFC
 * 9113 8.7), so that may be sent again whatever it asks for. */
bool transport_was_refused(const struct transport *t);
/* Whether it stands and nothing is there to be read, as far as is known here. */
bool transport_is_quiet(struct transport *t);

void transport_want(struct transport *t, unsigned events);
/* No event comes any more; what is there may still be read. */
void transport_silence(struct transport *t);
/* Nothing more from us: the peer reads an end. */
void transport_end(struct transport *t);
/* An end that was not sent before is an abort, where there is a difference. Tolerates a closed one.
 */
void transport_close(struct transport *t);

/* `to` (closed) is `from` from here on, with `fn`; `from` is closed. False: it failed, both are. */
bool transport_move(struct transport *from, struct transport *to, transport_fn fn) MUST_CHECK;

/* Of a plain socket, to splice(2) to or from it; -1: of others. */
int transport_plain_fd(const struct transport *t);
