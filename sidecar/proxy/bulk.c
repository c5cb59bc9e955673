/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/bulk.h"

#include "sidecar/proxy/lane.h"

/* Below, the two more system calls for a piece cost more than copying it. */
#define BULK_MIN ((uint64_t)256 * 1024)
/* Of one piece. A pipe has 16 places, and what arrived together takes one. */
#define PIECE_MAX ((uint64_t)256 * 1024)
/* In one turn: others want theirs. */
#define PIECES_MAX 4

/* The kernel can move bytes between its own sockets only. */
static bool is_plain(const struct conn *c)
{
    return transport_plain_fd(&c->transport) >= 0 &&
           transport_plain_fd(&c->req->up->transport) >= 0;
}

bool bulk_applies(struct conn *c)
{
    struct download *d = &c->req->download;

    if (d->pipe)
        return true;
    if (d->tap || http1_body_rest(&d->body) < BULK_MIN || d->framing.kind != HTTP1_BODY_LENGTH ||
        c->out || !iobuf_is_empty(c->req->up->in) || !is_plain(c))
        return false;
    d->pipe = pipe_take(&c->lane->pipes);
    return d->pipe != NULL;
}

static enum verdict finish(struct conn *c)
{
    struct download *d = &c->req->download;

    pipe_give(&c->lane->pipes, &d->pipe);
    d->done = true;
    c->req->up->full = true; /* what came behind the answer is still in the socket */
    return conn_go(c, STEP_FINISH);
}

static enum pipe_result take_piece(struct conn *c)
{
    struct download *d = &c->req->download;
    struct upstream *u = c->req->up;
    uint64_t rest = http1_body_rest(&d->body);
    enum pipe_result r;

    if (!(u->ready & (LOOP_READ | LOOP_HANGUP)))
        return PIPE_BLOCKED;
    r = pipe_fill(d->pipe, transport_plain_fd(&u->transport), rest < PIECE_MAX ? rest : PIECE_MAX);
    if (r == PIPE_MOVED) {
        http1_body_passed(&d->body, d->pipe->held);
        c->moved |= MOVED_UPSTREAM;
    }
    if (r == PIPE_BLOCKED)
        u->ready &= ~LOOP_READ;
    /* Nothing more comes from a socket that has hung up and is empty. */
    return r == PIPE_BLOCKED && u->ready & LOOP_HANGUP ? PIPE_END : r;
}

static enum pipe_result pass_piece(struct conn *c)
{
    struct pipe *p = c->req->download.pipe;
    size_t held = p->held;
    enum pipe_result r = pipe_drain(p, transport_plain_fd(&c->transport));

    c->ready &= ~LOOP_WRITE;
    c->req->to_client += held - p->held;
    if (r == PIPE_MOVED)
        c->moved |= MOVED_CLIENT;
    return r == PIPE_MOVED && p->held > 0 ? PIPE_BLOCKED : r;
}

enum verdict bulk_relay(struct conn *c)
{
    const struct download *d = &c->req->download;
    enum pipe_result r;

    if (d->pipe->held > 0 && !(c->ready & LOOP_WRITE))
        return WAIT;
    for (unsigned i = 0; i < PIECES_MAX; i++) {
        if (d->pipe->held > 0) {
            r = pass_piece(c);
            if (r != PIPE_MOVED)
                return r == PIPE_BLOCKED ? WAIT : conn_fail(c, FAILURE_NONE);
        }
        if (http1_body_rest(&d->body) == 0)
            return finish(c);
        r = take_piece(c);
        if (r != PIPE_MOVED)
            return r == PIPE_BLOCKED ? WAIT : conn_fail(c, FAILURE_BROKEN);
    }
    return WAIT;
}
