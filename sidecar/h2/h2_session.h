/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/2 connection (RFC 9113), of a client to us or of us to a system. Each of its streams is
 * a struct transport that speaks HTTP/1.1 on our side: a server's stream is a client with one
 * request, a client's is an upstream for one.
 *
 * What a peer can make us hold is bounded: a stream by its window and one buffer, a connection by
 * its own window, heads by `head_max`, streams by `streams_max`, work without a result by a guard
 * (h2_guard.h). Windows open only as what was received is read. Bytes of all streams go out
 * together, once a turn. owner: the loop's thread. */
#pragma once

#include "sidecar/transport/transport.h"

/* What a peer may send on one stream, and on all of them, before it is read. */
enum { H2_STREAM_WINDOW = 65535, H2_CONNECTION_WINDOW = 1u << 20 };

struct h2_session;
struct h2_stream;

struct h2_config {
    bool is_server;
    bool secure;          /* what :scheme says */
    uint32_t head_max;    /* of a head's text */
    unsigned streams_max; /* that a client may have open at once */
    dur_t idle;           /* without a stream, until we say goodbye */
    uint32_t min_rate;    /* bytes a second: who takes the rest of answers slower is idle, too */
};

/* Never called from inside a function of this header but h2_session_start(). */
struct h2_hooks {
    /* A request is coming on a stream: take it, with h2_stream_take(), within the call. */
    void (*on_stream)(void *ctx, struct h2_session *s, struct h2_stream *stream);
    /* The peer has said how many streams it takes. May be NULL. */
    void (*on_limit)(void *ctx, struct h2_session *s);
    /* It is over, its streams have heard. Call h2_session_free() within the call. */
    void (*on_over)(void *ctx, struct h2_session *s);
};

struct h2_session *h2_session_new(struct loop *loop, const struct h2_config *config,
                                  const struct h2_hooks *hooks, void *ctx) MUST_CHECK;
/* At once; its streams hear of a broken connection. Tolerates NULL. */
void h2_session_free(struct h2_session *s);

/* The connection below, closed until the owner opens it with h2_session_on_event or moves one
 * here; then h2_session_start(). A client's may still be connecting, a server's stands. */
struct transport *h2_session_link(struct h2_session *s);
void h2_session_on_event(struct transport *t, unsigned events);
/* `first`: bytes that were read from the link before. */
void h2_session_start(struct h2_session *s, struct str first);

/* A new stream of ours, to `t`; TRANSPORT_BEGINS until the connection stands and the peer has said
 * that it speaks HTTP/2, by its SETTINGS. LOOP_WRITE comes then. */
void h2_session_open(struct h2_session *s, struct transport *t, unsigned events, transport_fn fn);
/* Give a peer's stream to `t`. */
void h2_stream_take(struct h2_stream *stream, struct transport *t, unsigned events,
                    transport_fn fn);

/* Whether it would take another stream of ours at once, as far as is known. */
bool h2_session_has_room(const struct h2_session *s);
/* More streams than the peer takes are waiting here. */
bool h2_session_is_overfull(const struct h2_session *s);
/* Move one that waits. False: none does. */
bool h2_session_pass_on(struct h2_session *from, struct h2_session *to) MUST_CHECK;
/* Whether it stands, says goodbye or waits to be freed: no new stream of ours goes there. */
bool h2_session_is_leaving(const struct h2_session *s);
unsigned h2_session_streams(const struct h2_session *s);

/* Ask the peer for no more streams, and end when those that are open are done. */
void h2_session_drain(struct h2_session *s);
