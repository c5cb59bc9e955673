/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out: heads and payload of streams become frames, and the frames of a turn one call. */
#include "sidecar/h2/h2_session_core.h"

/* ---- streams --------------------------------------------------------------------------------- */

static void say_trailers(nghttp2_session *ng, struct h2_stream *stream, uint32_t *flags)
{
    struct h2_fields f;

    if (stream->out.trailers.len == 0)
        return;
    h2_fields_trailers(buf_view(&stream->out.trailers), &f);
    if (nghttp2_submit_trailer(ng, stream->id, f.nv, f.count) == 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

static ssize_t read_payload(nghttp2_session *ng, int32_t id UNUSED, uint8_t *dst, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_session *s = user;
    struct h2_stream *stream = source->ptr;
    struct h2_outbox *out = &stream->out;
    size_t n = h2_queue_take(&out->payload, dst, size);

    if (out->state == H2_OUTBOX_ENDED && h2_queue_size(&out->payload) == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        say_trailers(ng, stream, flags);
    } else if (n == 0 && stream->over) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* its end will not come */
    } else if (n == 0) {
        stream->parked = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    h2_guard_credit(&s->guard, n);
    s->taken += n;
    h2_stream_wake(stream);
    return (ssize_t)n;
}

static bool say_request(struct h2_session *s, struct h2_stream *stream,
                        const struct http1_head *head, const nghttp2_data_provider *body)
{
    struct h2_fields f;

    h2_fields_request(head, s->config.secure, &f);
    stream->id = nghttp2_submit_request(s->ng, NULL, f.nv, f.count, body, stream);
    return stream->id > 0;
}

static bool say_answer(struct h2_session *s, struct h2_stream *stream,
                       const struct http1_head *head, const nghttp2_data_provider *body)
{
    struct h2_fields f;

    h2_fields_answer(head, &f);
    if (head->status < 200)
        return nghttp2_submit_headers(s->ng, NGHTTP2_FLAG_NONE, stream->id, NULL, f.nv, f.count,
                                      NULL) == 0;
    return nghttp2_submit_response(s->ng, stream->id, f.nv, f.count, body) == 0;
}

bool h2_session_send_head(struct h2_session *s, struct h2_stream *stream,
                          const struct http1_head *head, bool last)
{
    const nghttp2_data_provider body = {{.ptr = stream}, read_payload};
    bool ok;

    if (s->config.is_server)
        ok = say_answer(s, stream, head, last ? NULL : &body);
    else
        ok = say_request(s, stream, head, last ? NULL : &body);
    h2_session_schedule(s);
    return ok;
}

void h2_session_resume(struct h2_session *s, struct h2_stream *stream)
{
    if (!stream->parked)
        return;
    stream->parked = false;
    nghttp2_session_resume_data(s->ng, stream->id);
    h2_session_schedule(s);
}

/* A stream past the limit, which nghttp2 has turned away by itself. */
static bool is_refusal(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_RST_STREAM &&
           frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM;
}

/* RFC 9113 8.1: the answer is through, so the rest of the request is not needed. */
static int on_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_session *s = user;
    const struct h2_stream *stream;

    if (s->config.is_server && is_refusal(frame))
        h2_session_charge(s, H2_BURDEN_RESET);
    if (!s->config.is_server || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    stream = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
    if (stream && !stream->in.ended)
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return 0;
}

void h2_send_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
}

/* ---- the link -------------------------------------------------------------------------------- */

/* Behind what is pending. False: the link is gone, or takes no more now. */
static bool send_now(struct h2_session *s, struct str bytes)
{
    const struct iovec piece = {(void *)(uintptr_t)bytes.p, bytes.n};
    ssize_t n = 0;

    if (bytes.n > 0 && h2_queue_size(&s->pending) == 0)
        n = transport_send(&s->link, &piece, 1);
    if (n < 0)
        s->failed = true;
    else if ((size_t)n < bytes.n &&
             !h2_queue_add(&s->pending, (struct str){bytes.p + n, bytes.n - (size_t)n}))
        s->failed = true;
    return !s->failed && h2_queue_size(&s->pending) == 0;
}

static bool send_pending(struct h2_session *s)
{
    const struct str rest = h2_queue_view(&s->pending);
    const struct iovec piece = {(void *)(uintptr_t)rest.p, rest.n};
    ssize_t n = rest.n > 0 ? transport_send(&s->link, &piece, 1) : 0;

    if (n < 0) {
        s->failed = true;
    } else {
        h2_queue_drop(&s->pending, (size_t)n);
        s->taken += (size_t)n;
    }
    return !s->failed && h2_queue_size(&s->pending) == 0;
}

void h2_send_flush(struct h2_session *s)
{
    bool open = s->stands && !s->failed && send_pending(s);
    char batch[H2_SEND_BATCH];
    size_t filled = 0;

    while (open) {
        const uint8_t *made;
        ssize_t n = nghttp2_session_mem_send(s->ng, &made);

        if (n < 0)
            s->failed = true;
        if (n <= 0)
            break;
        if (filled + (size_t)n > sizeof batch) {
            open = send_now(s, (struct str){batch, filled});
            filled = 0;
        }
        if ((size_t)n > sizeof batch) {
            open = send_now(s, (struct str){(const char *)made, (size_t)n});
        } else {
            memcpy(batch + filled, made, (size_t)n);
            filled += (size_t)n;
        }
    }
    if (!s->failed)
        (void)send_now(s, (struct str){batch, filled});
}
