/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/http1/heads.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

struct run {
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header headers[HEADS_FIELDS_MAX];
    char *memory; /* the last buffer given, of exactly the size given */
};

static void run_start(struct run *r, enum http1_kind kind)
{
    *r = (struct run){.memory = NULL};
    http1_parser_init(&r->parser, kind, HEADS_LIMITS, &r->head, r->headers, HEADS_FIELDS_MAX);
}

/* As after a read: more bytes, at another address. Reading past them is an error that ASan sees. */
static enum http1_result run_feed(struct run *r, struct str wire, size_t len)
{
    char *moved = xmemdup(wire.p, len ? len : 1);

    free(r->memory);
    r->memory = moved;
    return http1_parse(&r->parser, moved, len);
}

static void tell_first_line(struct buf *b, const struct run *r)
{
    const struct http1_head *h = &r->head;
    struct str method = http1_str(h, h->method_name), path = http1_path(h), host = http1_host(h);
    struct str reason = http1_str(h, h->reason);

    if (r->parser.kind == HTTP1_RESPONSE) {
        buf_addf(b, "%u [%.*s]", h->status, (int)reason.n, reason.p);
        return;
    }
    buf_addf(b, "%.*s %.*s host=%.*s", (int)method.n, method.p, (int)path.n, path.p, (int)host.n,
             host.p);
}

static void tell_hops(struct buf *b, const struct http1_head *h)
{
    const char *before = " hop=";

    for (uint32_t i = 0; i < h->header_count; i++) {
        struct str name = http1_name(h, i);

        if (!h->headers[i].hop)
            continue;
        buf_addf(b, "%s%.*s", before, (int)name.n, name.p);
        before = ",";
    }
}

/* "METHOD path host=HOST 1.x fields=N ..." or "STATUS [reason] 1.x fields=N ...", then what stands
 * out; "STATUS why" for a refusal; "more". */
static void tell(struct buf *b, enum http1_result result, const struct run *r)
{
    const struct http1_head *h = &r->head;

    buf_clear(b);
    if (result == HTTP1_MORE) {
        buf_addf(b, "more");
        return;
    }
    if (result == HTTP1_REFUSED) {
        buf_addf(b, "%u %s", r->parser.status, r->parser.why);
        return;
    }
    tell_first_line(b, r);
    buf_addf(b, " 1.%u fields=%u", h->minor, h->header_count);
    if (h->has_length)
        buf_addf(b, " length=%llu", (unsigned long long)h->content_length);
    buf_addf(b, "%s%s%s%s", h->chunked ? " chunked" : "", h->keep_alive ? "" : " close",
             h->expect_continue ? " expect" : "", h->upgrade ? " upgrade" : "");
    buf_addf(b, "%s", h->wants_trailers ? " trailers" : "");
    tell_hops(b, h);
}

static void check_told(const struct head_case *c, const char *how, size_t at, struct buf *told)
{
    if (strcmp(buf_text(told), c->told) == 0)
        return;
    fail_msg("%.*s\n  %s %zu\n  told:   %s\n  wanted: %s", (int)c->wire.n, c->wire.p, how, at,
             buf_text(told), c->told);
}

static void check_at_once(enum http1_kind kind, const struct head_case *c, struct buf *told)
{
    struct run r;

    run_start(&r, kind);
    tell(told, run_feed(&r, c->wire, c->wire.n), &r);
    check_told(c, "at once", 0, told);
    free(r.memory);
}

static void check_byte_by_byte(enum http1_kind kind, const struct head_case *c, struct buf *told)
{
    enum http1_result result = HTTP1_MORE;
    struct run r;

    run_start(&r, kind);
    for (size_t n = 0; n <= c->wire.n && result == HTTP1_MORE; n++)
        result = run_feed(&r, c->wire, n);
    tell(told, result, &r);
    check_told(c, "byte by byte", 0, told);
    free(r.memory);
}

static void check_cut(enum http1_kind kind, const struct head_case *c, size_t at, struct buf *told)
{
    struct run r;

    run_start(&r, kind);
    if (run_feed(&r, c->wire, at) == HTTP1_DONE)
        assert_true(r.head.size <= at);
    tell(told, run_feed(&r, c->wire, c->wire.n), &r);
    check_told(c, "cut at", at, told);
    free(r.memory);
}

void heads_check(enum http1_kind kind, const struct head_case *c)
{
    struct buf told = BUF_INIT(4096);

    check_at_once(kind, c, &told);
    check_byte_by_byte(kind, c, &told);
    for (size_t at = 0; at < c->wire.n; at++)
        check_cut(kind, c, at, &told);
    buf_deinit(&told);
}

void heads_parse(enum http1_kind kind, struct str wire, struct http1_head *ret_head)
{
    static struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_parser p;

    http1_parser_init(&p, kind, HTTP1_LIMITS_DEFAULT, ret_head, headers, HTTP1_HEADERS_MAX);
    if (http1_parse(&p, wire.p, wire.n) != HTTP1_DONE)
        fail_msg("%s: %.*s", p.why ? p.why : "incomplete", (int)wire.n, wire.p);
}
