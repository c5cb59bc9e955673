/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds any bytes to parser and body and checks what must hold of every result: it does not depend
 * on how the bytes are cut; views lie inside the head; payload is never more than what arrived. The
 * first byte of the input chooses the kind and where to cut. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 32 };

struct parsed {
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header headers[FIELDS];
    enum http1_result result;
};

static void parse_start(struct parsed *p, enum http1_kind kind)
{
    http1_parser_init(&p->parser, kind, (struct http1_limits){.line_max = 512, .head_max = 1024},
                      &p->head, p->headers, FIELDS);
}

static void parse_cut(struct parsed *p, enum http1_kind kind, struct str in, size_t cut)
{
    /* Memory of the exact size, so that reading past the cut is seen. */
    CLEANUP(xfreep) char *front = xmemdup(cut ? in.p : "", cut ? cut : 1);

    parse_start(p, kind);
    p->result = http1_parse(&p->parser, front, cut);
    p->result = http1_parse(&p->parser, in.p, in.n);
}

static void check_same(const struct parsed *a, const struct parsed *b)
{
    CHECK(a->result == b->result);
    CHECK(a->parser.status == b->parser.status);
    if (a->result == HTTP1_REFUSED)
        CHECK(strcmp(a->parser.why, b->parser.why) == 0);
    if (a->result != HTTP1_DONE)
        return;
    CHECK(a->head.size == b->head.size);
    CHECK(a->head.header_count == b->head.header_count);
    CHECK(a->head.has_length == b->head.has_length && a->head.chunked == b->head.chunked);
    CHECK(a->head.keep_alive == b->head.keep_alive && a->head.status == b->head.status);
}

static void check_part(const struct http1_head *h, struct http1_part part)
{
    CHECK(part.at <= h->size && part.n <= h->size - part.at);
    CHECK(!memchr(h->base + part.at, '\n', part.n) && !memchr(h->base + part.at, '\0', part.n));
}

static void check_head(const struct http1_head *h, size_t size)
{
    CHECK(h->size <= size);
    CHECK(!(h->chunked && h->has_length));
    check_part(h, h->method_name);
    check_part(h, h->path);
    check_part(h, h->host);
    check_part(h, h->reason);
    for (uint32_t i = 0; i < h->header_count; i++) {
        check_part(h, h->headers[i].name);
        check_part(h, h->headers[i].value);
    }
}

static size_t take_body(struct http1_framing f, struct str in, size_t step, struct http1_body *b)
{
    enum http1_body_result r = HTTP1_BODY_MORE;
    size_t at = 0;

    http1_body_init(b, f);
    while (r == HTTP1_BODY_MORE && at < in.n) {
        size_t n = in.n - at < step ? in.n - at : step;
        struct str payload;
        size_t used;

        r = http1_body_next(b, (struct str){in.p + at, n}, &used, &payload);
        CHECK(used <= n && payload.n <= used);
        CHECK(used > 0 || r != HTTP1_BODY_MORE);
        at += used;
    }
    return at;
}

static void check_body(struct http1_framing f, struct str in, size_t step)
{
    struct http1_body whole, cut;
    size_t a = take_body(f, in, SIZE_MAX, &whole);
    size_t b = take_body(f, in, step, &cut);

    CHECK(a == b && whole.payload == cut.payload && whole.why == cut.why);
    CHECK(whole.payload <= a && a <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsed whole, cut;
    struct str in = {(const char *)data + 1, size - 1};
    struct http1_framing f;
    enum http1_kind kind;

    if (size == 0)
        return 0;
    kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
    parse_cut(&whole, kind, in, 0);
    parse_cut(&cut, kind, in, in.n ? (data[0] >> 1) * 8u % in.n : 0);
    check_same(&whole, &cut);
    check_body((struct http1_framing){.kind = HTTP1_BODY_CHUNKED}, in, 1u + (data[0] >> 1));
    if (whole.result != HTTP1_DONE)
        return 0;
    check_head(&whole.head, in.n);
    f = kind == HTTP1_REQUEST ? http1_request_framing(&whole.head)
                              : http1_response_framing(&whole.head, HTTP1_GET);
    check_body(f, (struct str){in.p + whole.head.size, in.n - whole.head.size},
               1u + (data[0] >> 1));
    return 0;
}
