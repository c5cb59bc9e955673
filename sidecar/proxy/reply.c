/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/reply.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/base/check.h"
#include "common/http1/http1_trailers.h"

static void expect_head(struct reply *r)
{
    http1_parser_init(&r->parser, HTTP1_RESPONSE, r->limits, &r->head, r->headers,
                      HTTP1_HEADERS_MAX);
}

void reply_init(struct reply *r, enum http1_method asked, struct http1_limits limits, char *in,
                size_t size)
{
    CHECK(size > limits.head_max);
    memset(r, 0, offsetof(struct reply, headers));
    r->asked = asked;
    r->limits = limits;
    r->in = in;
    r->size = size;
    expect_head(r);
}

void reply_watch_call(struct reply *r, struct buf *into)
{
    buf_init(into, HTTP1_TRAILERS_KEPT_MAX);
    r->trailers = into;
}

static enum reply_result broken(struct reply *r, const char *why)
{
    r->why = why;
    return REPLY_BROKEN;
}

static enum reply_result finish(struct reply *r, bool reusable)
{
    r->may_reuse = reusable && r->head.keep_alive;
    if (r->grpc.is_call)
        http1_grpc_end(&r->grpc, buf_view(r->trailers));
    return REPLY_DONE;
}

/* The head stays where it is, and each piece of the body comes behind it. */
static enum reply_result read_body(struct reply *r, bool eof, reply_body_fn fn, void *ctx)
{
    char *data = r->in + r->head.size;
    size_t len = r->received - r->head.size, used, payload;
    enum http1_body_result result = http1_body_squeeze(&r->body, data, len, &used, &payload);

    r->received = r->head.size;
    r->body_size += payload;
    if (payload > 0)
        fn(ctx, (struct str){data, payload});
    switch (result) {
    case HTTP1_BODY_DONE:
        return finish(r, used == len && !eof);
    case HTTP1_BODY_BAD:
        return broken(r, r->body.why);
    case HTTP1_BODY_MORE:
        break;
    }
    if (!eof)
        return REPLY_MORE;
    return http1_body_may_end(&r->body) ? finish(r, false) : broken(r, "it broke off its answer");
}

static void pass_interim(struct reply *r)
{
    size_t size = r->head.size;

    memmove(r->in, r->in + size, r->received - size);
    r->received -= size;
    expect_head(r);
}

static void begin_body(struct reply *r)
{
    r->has_head = true;
    http1_body_init(&r->body, http1_response_framing(&r->head, r->asked));
    if (!r->trailers)
        return;
    http1_grpc_begin(&r->grpc, &r->head);
    if (r->body.kind == HTTP1_BODY_CHUNKED)
        http1_body_keep_trailers(&r->body, r->trailers);
}

static enum reply_result read_head(struct reply *r, bool eof, reply_body_fn fn, void *ctx)
{
    for (;;) {
        switch (http1_parse(&r->parser, r->in, r->received)) {
        case HTTP1_REFUSED:
            return broken(r, r->parser.why);
        case HTTP1_MORE:
            return eof ? broken(r, "it closed the connection without an answer") : REPLY_MORE;
        case HTTP1_DONE:
            break;
        }
        r->head.base = r->in;
        if (r->head.status == 101)
            return broken(r, "it switches protocols, which nobody asked for");
        if (r->head.status >= 200)
            break;
        pass_interim(r);
    }
    begin_body(r);
    return read_body(r, eof, fn, ctx);
}

enum reply_result reply_read(struct reply *r, struct transport *from, reply_body_fn fn, void *ctx)
{
    ssize_t n = transport_recv(from, r->in + r->received, r->size - r->received);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return REPLY_MORE;
    if (n < 0)
        return broken(r, "it broke off the connection");
    r->heard |= n > 0;
    r->bytes += (uint64_t)n;
    r->received += (size_t)n;
    return r->has_head ? read_body(r, n == 0, fn, ctx) : read_head(r, n == 0, fn, ctx);
}
