/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/relay.h"

#include "common/http1/http1_trailers.h"
#include "sidecar/proxy/tap.h"

/* ---- framing --------------------------------------------------------------------------------- */

static void add_payload(struct gather *g, struct http1_framing framing, struct str payload)
{
    if (payload.n == 0)
        return;
    if (framing.kind != HTTP1_BODY_CHUNKED) {
        gather_add(g, payload);
        return;
    }
    gather_wrote(g, http1_chunk_head(gather_at(g), payload.n));
    gather_add(g, payload);
    gather_add(g, HTTP1_CHUNK_TAIL);
}

static void add_end(struct gather *g, struct http1_framing framing, struct str trailers)
{
    if (framing.kind != HTTP1_BODY_CHUNKED)
        return;
    if (trailers.n == 0) {
        gather_add(g, HTTP1_CHUNK_LAST);
        return;
    }
    gather_add(g, HTTP1_CHUNK_ZERO);
    gather_add(g, trailers);
    gather_add(g, HTTP1_CHUNK_TAIL);
}

/* How much may be taken in: our spelling of a trailer has a space that the received one may lack.
 */
static size_t room_for_received(const struct gather *g)
{
    size_t room = gather_room(g);

    return room > HTTP1_TRAILERS_COUNT_MAX ? room - HTTP1_TRAILERS_COUNT_MAX : 0;
}

/* Also where they cannot go on: how a gRPC call went is in them. */
static void keep_trailers(struct http1_body *b, struct buf *into)
{
    buf_init(into, HTTP1_TRAILERS_KEPT_MAX);
    if (b->kind == HTTP1_BODY_CHUNKED)
        http1_body_keep_trailers(b, into);
}

/* Take what fits out of `in`: its payload, which stays in the buffer's memory until that is read
 * into again. */
static enum http1_body_result take_payload(struct http1_body *b, struct iobuf *in, size_t room,
                                           struct str *ret_payload)
{
    size_t n = in ? in->end - in->start : 0;
    char *data = in ? in->data + in->start : NULL;
    enum http1_body_result r;
    size_t used, payload;

    r = http1_body_squeeze(b, data, n < room ? n : room, &used, &payload);
    if (r == HTTP1_BODY_BAD)
        return r;
    if (in)
        in->start += (uint32_t)used;
    *ret_payload = (struct str){data, payload};
    return r;
}

static bool is_nothing(struct http1_framing f)
{
    return f.kind == HTTP1_BODY_NONE || (f.kind == HTTP1_BODY_LENGTH && f.length == 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

void upload_init(struct upload *u, struct http1_framing received, size_t keep_max)
{
    http1_body_init(&u->body, received);
    u->framing = http1_framing_for(received, 1);
    u->received = u->sent = is_nothing(received);
    u->keeping = keep_max > 0 && !u->received;
    buf_init(&u->keep, keep_max);
    buf_init(&u->trailers, 0);
    u->resent = 0;
    u->fault = 0;
}

void upload_pass_trailers(struct upload *u)
{
    keep_trailers(&u->body, &u->trailers);
}

void upload_keep(struct upload *u, size_t keep_max)
{
    if (keep_max <= u->keep.max || u->received || u->body.payload > 0)
        return;
    u->keeping = true;
    buf_init(&u->keep, keep_max);
}

void upload_keep_no_more(struct upload *u)
{
    if (u->resent < u->keep.len)
        return;
    u->keeping = false;
    buf_deinit(&u->keep);
    u->resent = 0;
}

void upload_deinit(struct upload *u)
{
    buf_deinit(&u->keep);
    buf_deinit(&u->trailers);
}

bool upload_can_restart(const struct upload *u)
{
    return u->keeping || u->body.payload == 0;
}

void upload_restart(struct upload *u)
{
    u->resent = 0;
    u->sent = is_nothing(u->framing);
}

static void keep_payload(struct upload *u, struct str payload)
{
    if (!u->keeping)
        return;
    u->keeping = buf_add_str(&u->keep, payload);
    if (!u->keeping)
        buf_deinit(&u->keep);
    u->resent = u->keep.len;
}

static bool set_fault(struct upload *u, unsigned status, const char *why)
{
    u->fault = status;
    u->why = why;
    return false;
}

/* False when it is not to be sent on. */
static bool receive_piece(struct upload *u, struct iobuf *in, uint64_t max_body, struct gather *g)
{
    struct str payload;
    enum http1_body_result r = take_payload(&u->body, in, room_for_received(g), &payload);

    if (r == HTTP1_BODY_BAD)
        return set_fault(u, 400, u->body.why);
    if (max_body > 0 && u->body.payload > max_body)
        return set_fault(u, 413, "the body is larger than this proxy allows");
    u->received = r == HTTP1_BODY_DONE;
    keep_payload(u, payload);
    add_payload(g, u->framing, payload);
    return true;
}

static void resend_piece(struct upload *u, struct gather *g)
{
    struct str rest = {u->keep.data + u->resent, u->keep.len - u->resent};
    size_t room = gather_room(g);

    if (rest.n > room)
        rest.n = room;
    add_payload(g, u->framing, rest);
    u->resent += rest.n;
}

bool upload_piece(struct upload *u, struct iobuf *in, uint64_t max_body, struct gather *g)
{
    size_t before = g->total;

    if (u->sent)
        return false;
    if (u->resent < u->keep.len)
        resend_piece(u, g);
    else if (!u->received && !iobuf_is_empty(in) && !receive_piece(u, in, max_body, g))
        return false;
    if (u->received && u->resent == u->keep.len && gather_room(g) >= u->trailers.len) {
        add_end(g, u->framing, buf_view(&u->trailers));
        u->sent = true;
    }
    return u->sent || g->total > before;
}

/* ---- answers --------------------------------------------------------------------------------- */

void download_init(struct download *d, struct http1_framing received, unsigned minor)
{
    *d = (struct download){
        .framing = http1_framing_for(received, minor),
        .done = is_nothing(received),
    };
    http1_body_init(&d->body, received);
}

void download_pass_trailers(struct download *d)
{
    keep_trailers(&d->body, &d->trailers);
}

void download_deinit(struct download *d)
{
    buf_deinit(&d->trailers);
}

bool download_piece(struct download *d, struct iobuf *in, struct gather *g)
{
    struct str payload;
    enum http1_body_result r;

    if (d->done)
        return true;
    r = take_payload(&d->body, in, room_for_received(g), &payload);
    if (r == HTTP1_BODY_BAD)
        return false;
    if (d->messages && r != HTTP1_BODY_DONE)
        payload.n = messages_pass(d->messages, payload);
    if (d->tap)
        tap_body(d->tap, payload);
    add_payload(g, d->framing, payload);
    if (r == HTTP1_BODY_DONE)
        download_finish(d, buf_view(&d->trailers), g);
    return true;
}

bool download_end(struct download *d, struct gather *g)
{
    if (!http1_body_may_end(&d->body))
        return false;
    download_finish(d, buf_view(&d->trailers), g);
    return true;
}

void download_finish(struct download *d, struct str trailers, struct gather *g)
{
    add_end(g, d->framing, trailers);
    d->done = true;
}
