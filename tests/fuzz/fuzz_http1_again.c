/* SPDX-License-Identifier: Apache-2.0 */
/* A head that was understood, written for the next hop and read there, means the same: method,
 * path, host, framing, and every field that goes on, in order and byte by byte. Written a second
 * time it does not change any more. The first byte of the input chooses the kind. */
#include "common/base/check.h"
#include "common/http1/http1_parse.h"
#include "common/http1/http1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = HTTP1_HEADERS_MAX - 8, HEAD_MAX = 65536 };

struct parsed {
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header headers[HTTP1_HEADERS_MAX];
};

static bool parse(struct parsed *p, enum http1_kind kind, unsigned fields, struct str in)
{
    http1_parser_init(&p->parser, kind,
                      (struct http1_limits){.line_max = HEAD_MAX / 2, .head_max = HEAD_MAX},
                      &p->head, p->headers, fields);
    return http1_parse(&p->parser, in.p, in.n) == HTTP1_DONE;
}

static struct http1_framing framing_of(const struct parsed *p)
{
    return p->parser.kind == HTTP1_REQUEST ? http1_request_framing(&p->head)
                                           : http1_response_framing(&p->head, HTTP1_GET);
}

static struct str write_on(const struct parsed *p, char *dst)
{
    const bool is_request = p->parser.kind == HTTP1_REQUEST;
    struct http1_out out = {.body = framing_of(p)};
    size_t n;

    /* HTTP/1.0 may come without: the caller names the system then. */
    if (is_request && http1_host(&p->head).n == 0)
        out.host = STR("system:80");
    n = is_request ? http1_write_request(&p->head, &out, dst, 2 * HEAD_MAX)
                   : http1_write_response(&p->head, &out, dst, 2 * HEAD_MAX);
    CHECK(n > 0);
    return (struct str){dst, n};
}

/* The next field from *at on that is neither framing nor for one hop, nor the Host, nor Trailer,
 * which depends on the framing. */
static bool next_field(const struct http1_head *h, uint32_t *at, struct str *ret_name,
                       struct str *ret_value)
{
    for (; *at < h->header_count; (*at)++) {
        if (h->headers[*at].hop || h->headers[*at].id == HTTP1_ID_HOST ||
            h->headers[*at].id == HTTP1_ID_TRAILER)
            continue;
        *ret_name = http1_name(h, *at);
        *ret_value = http1_value(h, *at);
        (*at)++;
        return true;
    }
    return false;
}

static void check_fields(const struct http1_head *a, const struct http1_head *b)
{
    struct str name[2], value[2];
    uint32_t i = 0, k = 0;

    while (next_field(a, &i, &name[0], &value[0])) {
        CHECK(next_field(b, &k, &name[1], &value[1]));
        CHECK(!b->headers[k - 1].odd || value[1].n == 0);
        CHECK(str_eq(name[0], name[1]) && str_eq(value[0], value[1]));
    }
    CHECK(!next_field(b, &k, &name[1], &value[1]));
}

static void check_request(const struct http1_head *a, const struct http1_head *b)
{
    CHECK(a->method == b->method);
    CHECK(str_eq(http1_str(a, a->method_name), http1_str(b, b->method_name)));
    CHECK(str_eq(http1_path(a), http1_path(b)));
    CHECK(b->form != HTTP1_FORM_ABSOLUTE);
    CHECK(http1_host(a).n == 0 || str_ieq(http1_host(a), http1_host(b)) ||
          a->form ==
              HTTP1_FORM_ABSOLUTE); /* then Host may lack the port that goes without saying */
}

static void check_meaning(const struct parsed *first, const struct parsed *second)
{
    const struct http1_head *a = &first->head, *b = &second->head;
    struct http1_framing f = framing_of(first), g = framing_of(second);

    CHECK(b->minor == 1 && !b->upgrade && !b->expect_continue && !b->names_fields);
    CHECK(a->wants_trailers == b->wants_trailers);
    CHECK(a->status == b->status && str_eq(http1_str(a, a->reason), http1_str(b, b->reason)));
    CHECK(f.kind == g.kind && f.length == g.length);
    if (first->parser.kind == HTTP1_REQUEST)
        check_request(a, b);
    check_fields(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsed first, second;
    static char dst[2][2 * HEAD_MAX];
    struct str in = {(const char *)data + 1, size - 1};
    enum http1_kind kind;
    struct str sent, again;

    if (size == 0)
        return 0;
    kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
    if (!parse(&first, kind, FIELDS, in))
        return 0;
    sent = write_on(&first, dst[0]);
    CHECK(parse(&second, kind, HTTP1_HEADERS_MAX, sent) || sent.n > HEAD_MAX / 2);
    if (sent.n > HEAD_MAX / 2)
        return 0;
    CHECK(second.head.size == sent.n);
    check_meaning(&first, &second);
    again = write_on(&second, dst[1]);
    CHECK(str_eq(sent, again));
    return 0;
}
