/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_outbox.h"

#include "common/http1/http1_trailers.h"

void h2_outbox_init(struct h2_outbox *out, enum http1_kind kind, uint32_t head_max)
{
    *out = (struct h2_outbox){.kind = kind, .head_max = head_max};
    buf_init(&out->head, head_max);
    h2_queue_init(&out->payload, H2_OUTBOX_MAX);
    buf_init(&out->trailers, HTTP1_TRAILERS_KEPT_MAX);
}

void h2_outbox_deinit(struct h2_outbox *out)
{
    buf_deinit(&out->head);
    h2_queue_deinit(&out->payload);
    buf_deinit(&out->trailers);
}

/* ---- heads ----------------------------------------------------------------------------------- */

static enum http1_result parse(const struct h2_outbox *out, struct str text,
                               struct http1_header *headers, struct http1_head *ret)
{
    const struct http1_limits limits = {.line_max = out->head_max, .head_max = out->head_max};
    struct http1_parser p;

    http1_parser_init(&p, out->kind, limits, ret, headers, HTTP1_HEADERS_WRITTEN_MAX);
    return http1_parse(&p, text.p, text.n);
}

static enum http1_result refuse(struct h2_outbox *out)
{
    out->state = H2_OUTBOX_BAD;
    return HTTP1_REFUSED;
}

/* Our own writers send a head whole, so this is rare: what is here of it waits for the rest. */
static enum http1_result take_with_rest(struct h2_outbox *out, struct str in, size_t *ret_used,
                                        struct http1_header *headers, struct http1_head *ret)
{
    size_t before = out->head.len;
    size_t room = out->head.max - before;
    enum http1_result r;

    if (room == 0 || !buf_add(&out->head, in.p, in.n < room ? in.n : room))
        return refuse(out);
    r = parse(out, buf_view(&out->head), headers, ret);
    *ret_used = r == HTTP1_DONE ? ret->size - before : out->head.len - before;
    if (r == HTTP1_DONE)
        out->head.len = 0;
    return r == HTTP1_REFUSED ? refuse(out) : r;
}

enum http1_result h2_outbox_take_head(struct h2_outbox *out, struct str in, size_t *ret_used,
                                      struct http1_header *headers, struct http1_head *ret)
{
    enum http1_result r;

    *ret_used = 0;
    if (in.n == 0)
        return HTTP1_MORE;
    if (out->head.len > 0)
        return take_with_rest(out, in, ret_used, headers, ret);
    r = parse(out, in, headers, ret);
    if (r == HTTP1_MORE)
        return take_with_rest(out, in, ret_used, headers, ret);
    if (r == HTTP1_REFUSED)
        return refuse(out);
    *ret_used = ret->size;
    return r;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

void h2_outbox_begin_body(struct h2_outbox *out, struct http1_framing framing)
{
    const bool empty = framing.kind == HTTP1_BODY_NONE ||
                       (framing.kind == HTTP1_BODY_LENGTH && framing.length == 0);

    out->state = empty ? H2_OUTBOX_ENDED : H2_OUTBOX_BODY;
    http1_body_init(&out->body, framing);
    if (framing.kind == HTTP1_BODY_CHUNKED)
        http1_body_keep_trailers(&out->body, &out->trailers);
}

size_t h2_outbox_take_body(struct h2_outbox *out, struct str in)
{
    size_t at = 0;

    while (at < in.n && out->state == H2_OUTBOX_BODY) {
        size_t room = h2_queue_room(&out->payload);
        size_t left = in.n - at;
        struct str payload;
        size_t used;
        enum http1_body_result r;

        if (room == 0)
            break;
        r = http1_body_next(&out->body, (struct str){in.p + at, left < room ? left : room}, &used,
                            &payload);
        at += used;
        if (r == HTTP1_BODY_BAD || !h2_queue_add(&out->payload, payload))
            out->state = H2_OUTBOX_BAD;
        else if (r == HTTP1_BODY_DONE)
            out->state = H2_OUTBOX_ENDED;
    }
    return at;
}

void h2_outbox_close(struct h2_outbox *out)
{
    if (out->state == H2_OUTBOX_BODY && http1_body_may_end(&out->body))
        out->state = H2_OUTBOX_ENDED;
}

bool h2_outbox_has_room(const struct h2_outbox *out)
{
    return h2_queue_room(&out->payload) > 0;
}
