/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a session: what its life (h2_session.c), what it receives (h2_receive.c) and what
 * it sends (h2_send.c) have in common. Private to this folder. */
#pragma once

#include "common/loop/timer.h"
#include "sidecar/h2/h2_guard.h"
#include "sidecar/h2/h2_stream.h"
#include "sidecar/h2/h2_text.h"

struct h2_session {
    nghttp2_session *ng;
    struct loop *loop;
    struct h2_config config;
    struct h2_hooks hooks;
    void *ctx;
    struct transport link;
    struct h2_queue pending;   /* made, and not yet taken by the link */
    struct loop_deferred work; /* sends, and sees whether it is over */
    struct timer idle;
    struct timer pulse; /* an answer to a PING is awaited, or that it comes to stand */
    struct h2_stream *streams;
    unsigned stream_count;
    unsigned used;  /* streams that have a user */
    unsigned pings; /* that felt its pulse, and one that could not, since it said something */
    size_t taken;   /* of ours, by the peer, since none has one */
    struct h2_guard guard;
    struct h2_text text; /* the section that is being received */
    struct buf head;     /* its text */
    bool stands;         /* the link does */
    bool greeted;        /* the peer's SETTINGS are here */
    bool leaving;        /* no new streams */
    bool failed;         /* nothing more can be said or heard */
    bool flooded;
};

/* Something is to be sent, or to be looked at. */
void h2_session_schedule(struct h2_session *s);
/* The peer has answered a PING. */
void h2_session_take_pulse(struct h2_session *s);
/* The peer asks for work; past its budget, `flooded`. */
void h2_session_charge(struct h2_session *s, enum h2_burden burden);
/* The stream is over for nghttp2; `clean`: not reset. */
void h2_session_drop_stream(struct h2_session *s, struct h2_stream *stream, bool clean);

/* ---- h2_receive.c ---------------------------------------------------------------------------- */

void h2_receive_callbacks(nghttp2_session_callbacks *cb);
/* Bytes of the peer. */
void h2_receive(struct h2_session *s, struct str bytes);

/* ---- h2_send.c ------------------------------------------------------------------------------- */

/* Of frames, before they go together. */
enum { H2_SEND_BATCH = 32768 };

void h2_send_callbacks(nghttp2_session_callbacks *cb);
/* All that can be said now. */
void h2_send_flush(struct h2_session *s);
