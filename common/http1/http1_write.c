/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_write.h"

/* Of the sentence in an answer of ours. */
enum { WHY_MAX = 200 };

/* Where the output goes. Once something does not fit, nothing more is written. */
struct span {
    char *dst;
    size_t size;
    size_t at;
    bool full;
};

static void put(struct span *o, struct str s)
{
    if (o->full || s.n > o->size - o->at) {
        o->full = true;
        return;
    }
    if (s.n > 0)
        memcpy(o->dst + o->at, s.p, s.n);
    o->at += s.n;
}

static void put_number(struct span *o, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    put(o, (struct str){digits + at, sizeof(digits) - at});
}

static void put_field(struct span *o, struct str name, struct str value)
{
    put(o, name);
    put(o, STR(": "));
    put(o, value);
    put(o, STR("\r\n"));
}

static void put_length(struct span *o, uint64_t length)
{
    put(o, STR("Content-Length: "));
    put_number(o, length);
    put(o, STR("\r\n"));
}

static size_t finish(const struct span *o)
{
    return o->full ? 0 : o->at;
}

/* ---- fields that are received --------------------------------------------------------------- */

static bool is_replaced(const struct http1_out *out, struct str name)
{
    for (unsigned i = 0; i < out->extra_count; i++) {
        if (out->extra[i].replace && str_ieq(out->extra[i].name, name))
            return true;
    }
    return false;
}

/* Copy the lines that stay: runs of them as they are, odd ones in the usual spelling. `drop` has a
 * bit for each enum http1_id to leave out besides those of `out`. */
static void put_received(struct span *o, const struct http1_head *h, const struct http1_out *out,
                         unsigned drop)
{
    uint32_t end = h->size - 2; /* of the last line */
    uint32_t from = end;        /* where the run that is not yet copied starts; `end`: no run */

    if (out->body.kind != HTTP1_BODY_CHUNKED)
        drop |= 1u << HTTP1_ID_TRAILER; /* there will be none */
    for (uint32_t i = 0; i < h->header_count; i++) {
        const struct http1_header *f = &h->headers[i];
        bool stays = !f->hop && !(drop >> f->id & 1) && !is_replaced(out, http1_name(h, i));

        if (stays && !f->odd) {
            from = from == end ? f->name.at : from;
            continue;
        }
        if (from != end)
            put(o, (struct str){h->base + from, f->name.at - from});
        from = end;
        if (stays)
            put_field(o, http1_name(h, i), http1_value(h, i));
    }
    put(o, (struct str){h->base + from, end - from});
}

/* ---- fields of ours ------------------------------------------------------------------------- */

static void put_extra(struct span *o, const struct http1_extra *extra, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (extra[i].value.p)
            put_field(o, extra[i].name, extra[i].value);
    }
}

static void put_framing(struct span *o, struct http1_framing body)
{
    if (body.kind == HTTP1_BODY_LENGTH)
        put_length(o, body.length);
    else if (body.kind == HTTP1_BODY_CHUNKED)
        put(o, STR("Transfer-Encoding: chunked\r\n"));
}

static void put_connection(struct span *o, enum http1_connection c)
{
    if (c == HTTP1_CONNECTION_CLOSE)
        put(o, STR("Connection: close\r\n"));
    else if (c == HTTP1_CONNECTION_KEEP_ALIVE)
        put(o, STR("Connection: keep-alive\r\n"));
}

/* RFC 9110 7.8: whoever sends Upgrade names it in Connection. */
static void put_upgrade(struct span *o, const struct http1_head *h)
{
    put(o, STR("Connection: upgrade\r\n"));
    for (uint32_t i = 0; i < h->header_count; i++) {
        if (h->headers[i].id == HTTP1_ID_UPGRADE)
            put_field(o, STR("Upgrade"), http1_value(h, i));
    }
}

static void put_ours(struct span *o, const struct http1_head *h, const struct http1_out *out)
{
    put_extra(o, out->extra, out->extra_count);
    if (out->upgrade)
        put_upgrade(o, h);
    put_connection(o, out->connection);
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool has_host(const struct http1_head *h)
{
    for (uint32_t i = 0; i < h->header_count; i++) {
        if (h->headers[i].id == HTTP1_ID_HOST)
            return true;
    }
    return false;
}

size_t http1_write_request(const struct http1_head *h, const struct http1_out *out, char *dst,
                           size_t size)
{
    struct span o = {.dst = dst, .size = size};
    bool keeps_host = out->host.n == 0 && has_host(h);

    put(&o, http1_str(h, h->method_name));
    put(&o, STR(" "));
    put(&o, h->form == HTTP1_FORM_AUTHORITY ? http1_str(h, h->target) : http1_path(h));
    put(&o, STR(" HTTP/1.1\r\n"));
    if (!keeps_host)
        put_field(&o, STR("Host"), out->host.n > 0 ? out->host : http1_host(h));
    put_received(&o, h, out, keeps_host ? 0 : 1u << HTTP1_ID_HOST);
    put_framing(&o, out->body);
    if (h->wants_trailers && !out->upgrade)
        put(&o, STR("Connection: TE\r\nTE: trailers\r\n"));
    put_ours(&o, h, out);
    put(&o, STR("\r\n"));
    return finish(&o);
}

/* ---- responses ------------------------------------------------------------------------------ */

size_t http1_write_response(const struct http1_head *h, const struct http1_out *out, char *dst,
                            size_t size)
{
    struct span o = {.dst = dst, .size = size};
    bool has_no_framing = h->status < 200 || h->status == 204;

    put(&o, STR("HTTP/1.1 "));
    put_number(&o, h->status);
    put(&o, STR(" "));
    put(&o, http1_str(h, h->reason));
    put(&o, STR("\r\n"));
    put_received(&o, h, out, 0);
    if (out->date.n > 0 && !h->has_date)
        put_field(&o, STR("Date"), out->date);
    if (!has_no_framing && out->body.kind == HTTP1_BODY_NONE && h->has_length)
        put_length(&o, h->content_length);
    else if (!has_no_framing)
        put_framing(&o, out->body);
    put_ours(&o, h, out);
    put(&o, STR("\r\n"));
    return finish(&o);
}

static void put_sentence(struct span *o, const struct http1_answer *a)
{
    struct str why = str_of(a->why);

    put_number(o, a->status);
    put(o, STR(" "));
    put(o, str_of(http1_reason(a->status)));
    if (why.n > 0) {
        why.n = why.n < WHY_MAX ? why.n : WHY_MAX;
        put(o, STR(": "));
        put(o, why);
    }
    put(o, STR("\n"));
}

size_t http1_write_answer(const struct http1_answer *a, char *dst, size_t size)
{
    struct span o = {.dst = dst, .size = size};
    char text[WHY_MAX + 64];
    struct span body = {.dst = text, .size = sizeof(text)};

    put_sentence(&body, a);
    put(&o, STR("HTTP/1.1 "));
    put_number(&o, a->status);
    put(&o, STR(" "));
    put(&o, str_of(http1_reason(a->status)));
    put(&o, STR("\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"));
    put_length(&o, body.at);
    if (a->date.n > 0)
        put_field(&o, STR("Date"), a->date);
    put_extra(&o, a->extra, a->extra_count);
    put_connection(&o, a->connection);
    put(&o, STR("\r\n"));
    if (!a->head_only)
        put(&o, (struct str){text, body.at});
    return finish(&o);
}
