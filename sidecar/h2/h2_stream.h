/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of a session, as a transport. Private to this folder. A stream is there as long as its
 * session or its user knows it. */
#pragma once

#include "sidecar/h2/h2_fields.h"
#include "sidecar/h2/h2_inbox.h"
#include "sidecar/h2/h2_outbox.h"
#include "sidecar/h2/h2_session.h"

struct h2_stream {
    struct h2_session *session;    /* NULL: over there it is gone */
    struct h2_stream *prev, *next; /* of the session */
    struct transport *t;           /* NULL: its user is gone, or not here yet */
    struct loop *loop;
    struct loop_deferred wake;
    char *why;      /* owned; what is known of the connection's failure; NULL: nothing */
    int32_t id;     /* -1: not known to the peer yet */
    unsigned wants; /* LOOP_ bits */
    bool waking;    /* its user is being called */
    bool silent;
    bool broken;  /* reset, or the connection with it */
    bool refused; /* by the peer, which has not processed it */
    bool left;    /* its user was here and is gone */
    bool over;    /* its user says no more and waits for the end */
    bool parked;  /* nghttp2 waits for more payload of ours */
    bool is_head_request;
    struct h2_inbox in;
    struct h2_outbox out;
};

struct h2_stream *h2_stream_new(struct h2_session *s, struct loop *loop, int32_t id, bool is_server,
                                uint32_t head_max) MUST_CHECK;
/* From now on it is `t`. */
void h2_stream_attach(struct h2_stream *s, struct transport *t, unsigned events, transport_fn fn);
/* Something is there for its user, or will be. */
void h2_stream_wake(struct h2_stream *s);
/* Why its connection failed, for its user; copied. "" tells nothing. */
void h2_stream_blame(struct h2_stream *s, const char *why);
/* The session knows it no more. It may be freed. */
void h2_stream_forget(struct h2_stream *s, bool broken);

/* ---- of the session, for the stream ---------------------------------------------------------- */

/* Send a head; `last`: nothing follows it. An interim one when `interim`. False: it cannot be. */
bool h2_session_send_head(struct h2_session *s, struct h2_stream *stream,
                          const struct http1_head *head, bool last) MUST_CHECK;
/* There is more payload, or the end of it. */
void h2_session_resume(struct h2_session *s, struct h2_stream *stream);
/* So much payload was read. */
void h2_session_consume(struct h2_session *s, struct h2_stream *stream, size_t n);
/* Its user is gone: what is not through yet is cut off. */
void h2_session_leave(struct h2_session *s, struct h2_stream *stream);
/* Whether streams may begin to speak. */
bool h2_session_stands(const struct h2_session *s);
/* It does from now on. */
void h2_session_take_greeting(struct h2_session *s);
