/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in: nghttp2 takes frames apart and holds them against RFC 9113; here their content
 * becomes HTTP/1.1 text. */
#include "sidecar/h2/h2_session_core.h"

#include <utlist.h>

static struct h2_stream *find(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* ---- every frame ----------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *ng UNUSED, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_session *s = user;
    const bool is_message =
        hd->type == NGHTTP2_HEADERS ||
        (hd->type == NGHTTP2_DATA && (hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM));

    if (is_message)
        s->pings = 0;
    else
        h2_session_charge(s, H2_BURDEN_NOISE);
    return s->flooded ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- header sections ------------------------------------------------------------------------- */

static int reset(nghttp2_session *ng, int32_t id, uint32_t code)
{
    nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, code);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void begin_stream(struct h2_session *s, int32_t id)
{
    struct h2_stream *stream = h2_stream_new(s, s->loop, id, true, s->config.head_max);

    DL_APPEND(s->streams, stream);
    s->stream_count++;
    nghttp2_session_set_stream_user_data(s->ng, id, stream);
}

static int on_begin_headers(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, void *user)
{
    struct h2_session *s = user;

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        begin_stream(s, frame->hd.stream_id);
        h2_text_begin(&s->text, H2_TEXT_REQUEST);
    } else {
        h2_text_begin(&s->text, s->config.is_server ? H2_TEXT_TRAILERS : H2_TEXT_ANSWER);
    }
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags UNUSED,
                     void *user)
{
    struct h2_session *s = user;

    if (h2_text_add(&s->text, (struct str){(const char *)name, name_n},
                    (struct str){(const char *)value, value_n}))
        return 0;
    return reset(ng, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

/* nghttp2 would leave the field out: RFC 9113 8.1.1 has the stream reset. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame,
                             const uint8_t *name UNUSED, size_t name_n UNUSED,
                             const uint8_t *value UNUSED, size_t value_n UNUSED,
                             uint8_t flags UNUSED, void *user UNUSED)
{
    return reset(ng, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
}

/* Whether a body goes with what was just received. */
static enum h2_text_body body_of(const struct h2_session *s, const struct h2_stream *stream,
                                 bool ended)
{
    const uint16_t status = s->text.status;

    if (s->config.is_server)
        return ended ? H2_TEXT_BODILESS : H2_TEXT_BODY;
    if (status < 200 || status == 204 || status == 304 || stream->is_head_request)
        return H2_TEXT_BODILESS;
    return ended ? H2_TEXT_EMPTY : H2_TEXT_BODY;
}

/* The text of the section goes to its stream. False: it is malformed, or does not fit. */
static bool deliver(struct h2_session *s, struct h2_stream *stream, bool ended)
{
    const enum h2_text_body body = body_of(s, stream, ended);
    struct h2_text *text = &s->text;

    buf_clear(&s->head);
    if (!h2_text_finish(text, body, &s->head))
        return false;
    if (text->kind == H2_TEXT_TRAILERS)
        return h2_inbox_add_trailers(&stream->in, buf_view(&s->head));
    return h2_inbox_add_head(&stream->in, buf_view(&s->head),
                             body == H2_TEXT_BODY && !text->has_length);
}

static int take_section(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(s->ng, frame->hd.stream_id);
    const bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (!stream)
        return 0;
    if (!deliver(s, stream, ended)) {
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    if (ended)
        h2_inbox_end(&stream->in);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream->is_head_request = h2_text_is_head_request(&s->text);
        s->hooks.on_stream(s->ctx, s, stream);
    }
    h2_stream_wake(stream);
    return 0;
}

/* ---- the other frames ------------------------------------------------------------------------ */

static void take_end_of_data(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(s->ng, frame->hd.stream_id);

    if (!stream || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return;
    h2_inbox_end(&stream->in);
    h2_stream_wake(stream);
}

static int on_frame(nghttp2_session *ng UNUSED, const nghttp2_frame *frame, void *user)
{
    struct h2_session *s = user;

    if (frame->hd.type == NGHTTP2_HEADERS)
        return take_section(s, frame);
    if (frame->hd.type == NGHTTP2_DATA)
        take_end_of_data(s, frame);
    else if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
        h2_session_take_pulse(s);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        s->leaving = true;
    else if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        h2_session_take_greeting(s);
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags UNUSED, int32_t id, const uint8_t *data,
                   size_t n, void *user UNUSED)
{
    struct h2_stream *stream = find(ng, id);
    const struct str payload = {(const char *)data, n};

    if (!stream || !stream->t)
        nghttp2_session_consume(ng, id, n);
    else if (h2_inbox_add_payload(&stream->in, payload))
        h2_stream_wake(stream);
    else
        (void)reset(ng, id, NGHTTP2_FLOW_CONTROL_ERROR); /* past its window */
    return 0;
}

/* ---- the end of a stream --------------------------------------------------------------------- */

/* Streams of ours past the last that a GOAWAY names are refused ones here, too (RFC 9113 6.8).
 *
 * A stream that the peer opened and that came to nothing, not by our will, is a burden: whether the
 * peer has reset it or made us do so. */
static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
    struct h2_session *s = user;
    struct h2_stream *stream = find(ng, id);

    if (!stream)
        return 0;
    if (s->config.is_server && code != NGHTTP2_NO_ERROR && !stream->left)
        h2_session_charge(s, H2_BURDEN_RESET);
    stream->refused = !s->config.is_server && code == NGHTTP2_REFUSED_STREAM;
    h2_session_drop_stream(s, stream, code == NGHTTP2_NO_ERROR);
    return 0;
}

void h2_receive_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
}

void h2_receive(struct h2_session *s, struct str bytes)
{
    ssize_t n = nghttp2_session_mem_recv(s->ng, (const uint8_t *)bytes.p, bytes.n);

    if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        s->flooded = true;
    else if (n < 0 && !s->flooded)
        s->failed = true;
    h2_session_schedule(s);
}
