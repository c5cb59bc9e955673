/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_stream.h"

#include <errno.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/h2/h2_text.h"

/* Our writers add fields of their own to a head that is as large as it may be. */
#define HEAD_SLACK 16384

/* ---- life ------------------------------------------------------------------------------------ */

struct h2_stream *h2_stream_new(struct h2_session *s, struct loop *loop, int32_t id, bool is_server,
                                uint32_t head_max)
{
    struct h2_stream *stream = xnew(struct h2_stream);

    stream->session = s;
    stream->loop = loop;
    stream->id = id;
    h2_inbox_init(&stream->in, head_max + H2_TEXT_SLACK, H2_STREAM_WINDOW);
    h2_outbox_init(&stream->out, is_server ? HTTP1_RESPONSE : HTTP1_REQUEST, head_max + HEAD_SLACK);
    return stream;
}

static void free_if_forgotten(struct h2_stream *s)
{
    if (s->t || s->session || s->waking)
        return;
    loop_undefer(&s->wake);
    h2_inbox_deinit(&s->in);
    h2_outbox_deinit(&s->out);
    xfreep(&s->why);
    xfreep(&s);
}

void h2_stream_blame(struct h2_stream *s, const char *why)
{
    xfreep(&s->why);
    s->why = why[0] ? xstrdup(why) : NULL;
}

void h2_stream_forget(struct h2_stream *s, bool broken)
{
    s->session = NULL;
    s->broken |= broken;
    h2_stream_wake(s);
    free_if_forgotten(s);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool takes_more(const struct h2_stream *s)
{
    return s->session && h2_session_stands(s->session) && h2_outbox_has_room(&s->out);
}

/* A client's stream has an end behind the answer; a server's is like a client that waits for the
 * answer, until nothing more is said. */
static bool is_at_end(const struct h2_stream *s)
{
    return s->over || (s->in.ended && s->out.kind == HTTP1_REQUEST);
}

static unsigned events_of(const struct h2_stream *s)
{
    unsigned events = s->broken ? LOOP_HANGUP : 0u;

    if (s->wants & LOOP_READ && (h2_inbox_has(&s->in) || s->broken || is_at_end(s)))
        events |= LOOP_READ;
    if (s->wants & LOOP_WRITE && (takes_more(s) || s->broken))
        events |= LOOP_WRITE;
    return events;
}

static void on_wake(struct loop_deferred *d)
{
    struct h2_stream *s = container_of(d, struct h2_stream, wake);
    unsigned events = events_of(s);

    if (!s->t || s->silent || events == 0)
        return;
    s->waking = true;
    s->t->fn(s->t, events);
    s->waking = false;
    h2_stream_wake(s);
    free_if_forgotten(s);
}

void h2_stream_wake(struct h2_stream *s)
{
    if (s->t && !s->silent && events_of(s) != 0)
        loop_defer(s->loop, &s->wake, on_wake);
}

/* ---- as a transport -------------------------------------------------------------------------- */

static enum transport_state stream_establish(struct transport *t)
{
    const struct h2_stream *s = t->behind;

    if (s->broken || !s->session)
        return TRANSPORT_FAILED;
    return h2_session_stands(s->session) ? TRANSPORT_STANDS : TRANSPORT_BEGINS;
}

static ssize_t stream_recv(struct transport *t, void *dst, size_t size)
{
    struct h2_stream *s = t->behind;
    size_t payload;
    size_t n = h2_inbox_read(&s->in, dst, size, &payload);

    if (payload > 0 && s->session)
        h2_session_consume(s->session, s, payload);
    if (n > 0)
        return (ssize_t)n;
    if (is_at_end(s) && !s->broken)
        return 0;
    errno = s->broken ? ECONNRESET : EAGAIN;
    return -1;
}

static enum http1_method method_of(const struct h2_stream *s)
{
    return s->is_head_request ? HTTP1_HEAD : HTTP1_GET;
}

static bool is_interim(const struct h2_stream *s, const struct http1_head *h)
{
    return s->out.kind == HTTP1_RESPONSE && h->status < 200;
}

static bool say_head(struct h2_stream *s, const struct http1_head *h)
{
    if (is_interim(s, h))
        return h2_session_send_head(s->session, s, h, false);
    if (s->out.kind == HTTP1_REQUEST) {
        s->is_head_request = h->method == HTTP1_HEAD;
        h2_outbox_begin_body(&s->out, http1_request_framing(h));
    } else {
        h2_outbox_begin_body(&s->out, http1_response_framing(h, method_of(s)));
    }
    return h2_session_send_head(s->session, s, h, s->out.state == H2_OUTBOX_ENDED);
}

/* Returns how much of `in` was taken. */
static size_t take_head(struct h2_stream *s, struct str in)
{
    struct http1_header headers[HTTP1_HEADERS_WRITTEN_MAX];
    struct http1_head head;
    size_t used;

    if (h2_outbox_take_head(&s->out, in, &used, headers, &head) == HTTP1_DONE &&
        !say_head(s, &head))
        s->out.state = H2_OUTBOX_BAD;
    return used;
}

static size_t take_body(struct h2_stream *s, struct str in)
{
    size_t used = h2_outbox_take_body(&s->out, in);

    if (used > 0)
        h2_session_resume(s->session, s);
    return used;
}

static size_t take(struct h2_stream *s, struct str in)
{
    size_t at = 0, used = 1;

    while (at < in.n && used > 0) {
        const struct str rest = {in.p + at, in.n - at};

        used = 0;
        if (s->out.state == H2_OUTBOX_HEAD)
            used = take_head(s, rest);
        else if (s->out.state == H2_OUTBOX_BODY)
            used = take_body(s, rest);
        else
            s->out.state = H2_OUTBOX_BAD; /* bytes behind the end of it */
        at += used;
    }
    return at;
}

/* Nothing comes back for a message that cannot be sent: nobody is to wait for it. */
static ssize_t fail_to_send(struct h2_stream *s)
{
    if (s->out.state == H2_OUTBOX_BAD) {
        s->broken = true;
        h2_stream_wake(s);
    }
    errno = EPIPE;
    return -1;
}

static ssize_t stream_send(struct transport *t, const struct iovec *piece, int count)
{
    struct h2_stream *s = t->behind;
    size_t total = 0;

    for (int i = 0; i < count && !s->broken && s->session; i++) {
        const struct str in = {piece[i].iov_base, piece[i].iov_len};
        size_t used = take(s, in);

        total += used;
        if (s->out.state == H2_OUTBOX_BAD)
            break;
        if (used < in.n)
            return (ssize_t)total;
    }
    if (!s->broken && s->session && s->out.state != H2_OUTBOX_BAD)
        return (ssize_t)total;
    return fail_to_send(s);
}

static bool stream_is_quiet(struct transport *t)
{
    const struct h2_stream *s = t->behind;

    return !s->broken && s->session && !h2_inbox_has(&s->in);
}

static void stream_want(struct transport *t, unsigned events)
{
    struct h2_stream *s = t->behind;

    s->wants = events;
    h2_stream_wake(s);
}

static void stream_silence(struct transport *t)
{
    struct h2_stream *s = t->behind;

    s->silent = true;
}

static void stream_end(struct transport *t)
{
    struct h2_stream *s = t->behind;

    h2_outbox_close(&s->out);
    s->over = true;
    if (s->session)
        h2_session_resume(s->session, s);
    h2_stream_wake(s);
}

static void stream_close(struct transport *t)
{
    struct h2_stream *s = t->behind;

    s->t = NULL;
    loop_undefer(&s->wake);
    if (s->session)
        h2_session_leave(s->session, s); /* may forget it */
    else
        free_if_forgotten(s);
}

static void stream_moved(struct transport *t)
{
    struct h2_stream *s = t->behind;

    s->t = t;
}

static const char *stream_why(const struct transport *t)
{
    const struct h2_stream *s = t->behind;

    return s->why ? s->why : "";
}

static bool stream_was_refused(const struct transport *t)
{
    const struct h2_stream *s = t->behind;

    return s->broken && s->refused;
}

static const struct transport_ops stream_ops = {
    .establish = stream_establish,
    .recv = stream_recv,
    .send = stream_send,
    .is_quiet = stream_is_quiet,
    .want = stream_want,
    .silence = stream_silence,
    .end = stream_end,
    .close = stream_close,
    .moved = stream_moved,
    .why = stream_why,
    .was_refused = stream_was_refused,
};

void h2_stream_attach(struct h2_stream *s, struct transport *t, unsigned events, transport_fn fn)
{
    CHECK(!s->t);
    transport_open_with(t, &stream_ops, s, fn);
    s->t = t;
    s->wants = events;
    h2_stream_wake(s);
}
