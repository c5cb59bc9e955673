/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/h2_door.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"

/* Streams that a client may have open at once. */
#define STREAMS_MAX 100

/* The rest of it, "SM" and two line ends, is held against it by nghttp2. */
#define PREFACE STR("PRI * HTTP/2.0\r\n\r\n")

enum h2_preface h2_door_recognise(struct str first)
{
    const struct str preface = PREFACE;

    if (first.n >= preface.n)
        return str_starts(first, preface) ? H2_PREFACE : H2_PREFACE_NONE;
    return str_starts(preface, first) ? H2_PREFACE_PART : H2_PREFACE_NONE;
}

static void close_door(struct h2_door *d)
{
    struct lane *lane = d->lane;

    h2_session_free(d->session);
    DL_DELETE(lane->h2_doors, d);
    xfreep(&d);
    lane_count_client(lane, -1);
    lane_note_closed(lane);
}

static void on_stream(void *ctx, struct h2_session *s UNUSED, struct h2_stream *stream)
{
    conn_accept_stream(ctx, stream);
}

static void on_over(void *ctx, struct h2_session *s UNUSED)
{
    close_door(ctx);
}

static struct h2_session *new_session(struct h2_door *d)
{
    const struct proxy_config *config = d->lane->config;
    const struct h2_config h2 = {
        .is_server = true,
        .head_max = (uint32_t)config->max_head_bytes,
        .streams_max = STREAMS_MAX,
        .idle = config->idle_timeout,
        .min_rate = config->min_rate,
    };
    const struct h2_hooks hooks = {.on_stream = on_stream, .on_over = on_over};

    return h2_session_new(d->lane->loop, &h2, &hooks, d);
}

void h2_door_open(struct conn *c)
{
    struct lane *lane = c->lane;
    struct h2_door *d = xnew(struct h2_door);
    bool moved;

    d->lane = lane;
    d->secure = c->secure;
    d->peer_len = c->peer_len;
    memcpy(d->peer, c->peer, sizeof d->peer);
    d->session = new_session(d);
    DL_APPEND(lane->h2_doors, d);
    /* Streams may begin in here, and `c` still counts as the client that this one will be. */
    moved = transport_move(&c->transport, h2_session_link(d->session), h2_session_on_event);
    if (moved)
        h2_session_start(d->session, iobuf_view(c->in));
    lane_count_client(lane, +1);
    if (!moved) {
        close_door(d);
        return;
    }
    if (lane->draining)
        h2_session_drain(d->session);
}

void h2_door_hurry_all(struct lane *lane)
{
    struct h2_door *d;

    DL_FOREACH (lane->h2_doors, d)
        h2_session_drain(d->session);
}

void h2_door_close_all(struct lane *lane)
{
    while (lane->h2_doors)
        close_door(lane->h2_doors);
}
