/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_text.h"

#include "common/base/check.h"
#include "common/http1/http1.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_grpc.h"

static const struct str pseudo_names[H2_PSEUDO_COUNT] = {
    [H2_PSEUDO_METHOD] = {":method", 7},        [H2_PSEUDO_SCHEME] = {":scheme", 7},
    [H2_PSEUDO_AUTHORITY] = {":authority", 10}, [H2_PSEUDO_PATH] = {":path", 5},
    [H2_PSEUDO_STATUS] = {":status", 7},
};

#define BIT(pseudo) (1u << (pseudo))
static const uint32_t allowed[] = {
    [H2_TEXT_REQUEST] = BIT(H2_PSEUDO_METHOD) | BIT(H2_PSEUDO_SCHEME) | BIT(H2_PSEUDO_AUTHORITY) |
                        BIT(H2_PSEUDO_PATH),
    [H2_TEXT_ANSWER] = BIT(H2_PSEUDO_STATUS),
    [H2_TEXT_TRAILERS] = 0,
};

void h2_text_init(struct h2_text *t, size_t head_max)
{
    *t = (struct h2_text){.kind = H2_TEXT_TRAILERS};
    t->head_max = head_max;
    buf_init(&t->pseudo, head_max);
    buf_init(&t->host, head_max);
    buf_init(&t->cookie, head_max);
    buf_init(&t->length, head_max);
    buf_init(&t->lines, head_max);
}

void h2_text_deinit(struct h2_text *t)
{
    buf_deinit(&t->pseudo);
    buf_deinit(&t->host);
    buf_deinit(&t->cookie);
    buf_deinit(&t->length);
    buf_deinit(&t->lines);
}

void h2_text_begin(struct h2_text *t, enum h2_text_kind kind)
{
    t->kind = kind;
    t->has_length = t->in_fields = t->clipped = t->te = t->has_host = t->has_cookie = false;
    t->promises_trailers = false;
    t->status = 0;
    t->seen = 0;
    t->line_count = 0;
    t->room = t->head_max;
    memset(t->part, 0, sizeof t->part);
    buf_clear(&t->pseudo);
    buf_clear(&t->host);
    buf_clear(&t->cookie);
    buf_clear(&t->length);
    buf_clear(&t->lines);
}

/* ---- what a field may look like -------------------------------------------------------------- */

static bool is_name_char(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i]))
            return false;
    }
    return name.n > 0;
}

/* RFC 9113 8.2.1, and no other control byte either but tab. */
static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (((uint8_t)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return false;
    }
    return str_trim(value).n == value.n;
}

/* Becomes a part of the first line, which spaces take apart. */
static bool is_word(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if ((uint8_t)value.p[i] <= ' ' || value.p[i] == 0x7f)
            return false;
    }
    return value.n > 0;
}

/* RFC 9113 8.2.2. */
static bool is_of_connection(struct str name)
{
    static const struct str names[] = {
        {"connection", 10},        {"keep-alive", 10}, {"proxy-connection", 16},
        {"transfer-encoding", 17}, {"upgrade", 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, names[i]))
            return true;
    }
    return false;
}

/* ---- taking fields --------------------------------------------------------------------------- */

/* What no longer fits is left out whole, and the text will be too large without it. */
static bool has_room(struct h2_text *t, size_t n)
{
    if (n > t->room)
        t->clipped = true;
    else
        t->room -= n;
    return !t->clipped;
}

/* The bytes were counted before. */
static void put(struct buf *ret, struct str s)
{
    CHECK(s.n == 0 || buf_add_str(ret, s));
}

static bool take_status(struct h2_text *t, struct str value)
{
    uint64_t status;

    /* RFC 9113 8.6: there is no 101 here. */
    if (value.n != 3 || !str_to_u64(value, 999, &status) || status < 100 || status == 101)
        return false;
    t->status = (uint16_t)status;
    return true;
}

static bool take_pseudo(struct h2_text *t, struct str name, struct str value)
{
    unsigned i = 0;

    while (i < H2_PSEUDO_COUNT && !str_eq(name, pseudo_names[i]))
        i++;
    if (i == H2_PSEUDO_COUNT || !(allowed[t->kind] & BIT(i)) || t->seen & BIT(i) || t->in_fields ||
        !is_word(value))
        return false;
    t->seen |= BIT(i);
    if (i == H2_PSEUDO_STATUS)
        return take_status(t, value);
    if (!has_room(t, value.n))
        return true;
    t->part[i].at = (uint32_t)t->pseudo.len;
    t->part[i].n = (uint32_t)value.n;
    put(&t->pseudo, value);
    return true;
}

/* RFC 9113 8.2.3: cookies come in crumbs. */
static void take_cookie(struct h2_text *t, struct str value)
{
    if (!has_room(t, value.n + 2))
        return;
    if (t->has_cookie)
        put(&t->cookie, STR("; "));
    t->has_cookie = true;
    put(&t->cookie, value);
}

static bool take_host(struct h2_text *t, struct str value)
{
    if (t->has_host)
        return false;
    t->has_host = true;
    if (has_room(t, value.n))
        put(&t->host, value);
    return true;
}

static void take_line(struct h2_text *t, struct buf *lines, struct str name, struct str value)
{
    t->line_count++;
    if (!has_room(t, name.n + value.n + 4))
        return;
    put(lines, name);
    put(lines, STR(": "));
    put(lines, value);
    put(lines, STR("\r\n"));
}

static bool promises_trailers(const struct h2_text *t, struct str name, struct str value)
{
    if (str_eq(name, STR("trailer")))
        return true;
    return t->kind == H2_TEXT_ANSWER && str_eq(name, STR("content-type")) &&
           http1_grpc_is_type(value);
}

bool h2_text_add(struct h2_text *t, struct str name, struct str value)
{
    if (name.n > 0 && name.p[0] == ':')
        return take_pseudo(t, name, value);
    t->in_fields = true;
    if (!is_name(name) || !is_value(value) || is_of_connection(name))
        return false;
    if (str_eq(name, STR("te"))) {
        t->te = true;
        return str_ieq(value, STR("trailers"));
    }
    if (t->kind == H2_TEXT_REQUEST && str_eq(name, STR("host")))
        return take_host(t, value);
    if (t->kind == H2_TEXT_REQUEST && str_eq(name, STR("cookie"))) {
        take_cookie(t, value);
        return true;
    }
    if (t->kind != H2_TEXT_TRAILERS && str_eq(name, STR("content-length"))) {
        t->has_length = true;
        take_line(t, &t->length, name, value);
        return true;
    }
    t->promises_trailers |= promises_trailers(t, name, value);
    take_line(t, &t->lines, name, value);
    return true;
}

/* ---- the text -------------------------------------------------------------------------------- */

static struct str part(const struct h2_text *t, enum h2_pseudo i)
{
    if (t->part[i].n == 0)
        return (struct str){NULL, 0};
    return (struct str){t->pseudo.data + t->part[i].at, t->part[i].n};
}

static bool is_complete_request(const struct h2_text *t)
{
    const uint32_t plain = BIT(H2_PSEUDO_METHOD) | BIT(H2_PSEUDO_SCHEME) | BIT(H2_PSEUDO_PATH);
    bool is_connect = str_eq(part(t, H2_PSEUDO_METHOD), STR("CONNECT"));

    /* RFC 9113 8.5: it has neither scheme nor path. */
    if (is_connect)
        return t->seen == (BIT(H2_PSEUDO_METHOD) | BIT(H2_PSEUDO_AUTHORITY));
    return (t->seen & plain) == plain;
}

/* RFC 9113 8.3.1: they may both be there, but may not differ. */
static bool hosts_agree(const struct h2_text *t)
{
    return !(t->seen & BIT(H2_PSEUDO_AUTHORITY)) || !t->has_host ||
           str_ieq(part(t, H2_PSEUDO_AUTHORITY), buf_view(&t->host));
}

static void put_request_line(const struct h2_text *t, struct buf *ret)
{
    bool is_connect = !(t->seen & BIT(H2_PSEUDO_PATH));

    put(ret, part(t, H2_PSEUDO_METHOD));
    put(ret, STR(" "));
    put(ret, part(t, is_connect ? H2_PSEUDO_AUTHORITY : H2_PSEUDO_PATH));
    put(ret, STR(" HTTP/1.1\r\n"));
}

static void put_host(const struct h2_text *t, struct buf *ret)
{
    bool has_authority = t->seen & BIT(H2_PSEUDO_AUTHORITY);

    if (!has_authority && !t->has_host)
        return;
    put(ret, STR("Host: "));
    put(ret, has_authority ? part(t, H2_PSEUDO_AUTHORITY) : buf_view(&t->host));
    put(ret, STR("\r\n"));
}

static void put_cookie(const struct h2_text *t, struct buf *ret)
{
    if (!t->has_cookie)
        return;
    put(ret, STR("Cookie: "));
    put(ret, buf_view(&t->cookie));
    put(ret, STR("\r\n"));
}

static void put_framing(const struct h2_text *t, enum h2_text_body body, struct buf *ret)
{
    if (t->has_length)
        put(ret, buf_view(&t->length));
    else if (body == H2_TEXT_BODY)
        put(ret, STR("Transfer-Encoding: chunked\r\n"));
    else if (body == H2_TEXT_EMPTY)
        put(ret, STR("Content-Length: 0\r\n"));
}

/* A stream carries one exchange: whoever is behind the text need not wait for another. */
static void put_connection(const struct h2_text *t, struct buf *ret)
{
    put(ret,
        t->te ? STR("Connection: close, TE\r\nTE: trailers\r\n") : STR("Connection: close\r\n"));
}

/* A line that never ends. */
static void put_too_much(const struct h2_text *t, size_t from, struct buf *ret)
{
    put(ret, STR("Cut: "));
    while (ret->len - from <= t->head_max)
        put(ret, STR("x"));
}

static void put_head(const struct h2_text *t, enum h2_text_body body, struct buf *ret)
{
    const size_t from = ret->len;
    const bool is_interim = t->kind == H2_TEXT_ANSWER && t->status < 200;

    if (t->kind == H2_TEXT_REQUEST)
        put_request_line(t, ret);
    else
        CHECK(buf_addf(ret, "HTTP/1.1 %03u %s\r\n", t->status, http1_reason(t->status)));
    put_host(t, ret);
    put_cookie(t, ret);
    put(ret, buf_view(&t->lines));
    if (t->clipped) {
        put_too_much(t, from, ret);
        return;
    }
    if (!is_interim) {
        put_connection(t, ret);
        put_framing(t, body, ret);
    }
    put(ret, STR("\r\n"));
}

/* The reader of the text would break off the message, behind which they stand. */
static bool put_trailers(const struct h2_text *t, struct buf *ret)
{
    if (t->clipped || t->lines.len > HTTP1_TRAILERS_MAX || t->line_count > HTTP1_TRAILERS_COUNT_MAX)
        return false;
    put(ret, buf_view(&t->lines));
    return true;
}

bool h2_text_finish(struct h2_text *t, enum h2_text_body body, struct buf *ret)
{
    if (t->kind == H2_TEXT_ANSWER && t->status == 0)
        t->kind = H2_TEXT_TRAILERS;
    if (t->kind == H2_TEXT_TRAILERS)
        return put_trailers(t, ret);
    if (t->kind == H2_TEXT_REQUEST && (!is_complete_request(t) || !hosts_agree(t)))
        return false;
    if (body == H2_TEXT_BODY && t->promises_trailers)
        t->has_length = false;
    put_head(t, body, ret);
    return true;
}

bool h2_text_is_head_request(const struct h2_text *t)
{
    return t->seen & BIT(H2_PSEUDO_METHOD) && str_eq(part(t, H2_PSEUDO_METHOD), STR("HEAD"));
}
