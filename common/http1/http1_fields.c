/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_fields.h"

#include "common/http1/http1_chars.h"

/* More options than this in Connection fields is no client we know; comparing each with every field
 * must stay cheap. */
enum { CONNECTION_OPTIONS_MAX = 32 };

/* 19 digits: any more do not fit 63 bits, and no body is that long. */
#define LENGTH_MAX ((uint64_t)INT64_MAX)

bool http1_refuse(struct http1_parser *p, unsigned status, const char *why)
{
    p->status = p->kind == HTTP1_RESPONSE ? 502 : status;
    p->why = why;
    return false;
}

static bool was_seen(const struct http1_parser *p, enum http1_id id)
{
    return (p->seen & (1u << id)) != 0;
}

/* ---- values of single fields ---------------------------------------------------------------- */

/* The bytes between brackets of an IP literal: hexadecimal digits, colons and dots (RFC 3986 3.2.2;
 * the version forms that nobody defined are left out). */
static size_t ip_literal_end(struct str host)
{
    size_t at = 1;

    while (at < host.n && (char_is(host.p[at], CHAR_HEX) || host.p[at] == ':' || host.p[at] == '.'))
        at++;
    return at > 1 && at < host.n && host.p[at] == ']' ? at + 1 : 0;
}

/* The length of the registered name at the front of `host`; 0 when one of its % encodes nothing. */
static size_t name_end(struct str host)
{
    size_t end = chars_span(host, 0, CHAR_HOST);

    for (size_t i = 0; i < end; i++) {
        if (host.p[i] != '%')
            continue;
        if (i + 2 >= end || !char_is(host.p[i + 1], CHAR_HEX) || !char_is(host.p[i + 2], CHAR_HEX))
            return 0;
    }
    return end;
}

static bool is_port(struct str port)
{
    uint64_t number;

    return port.n == 0 || (port.n <= 5 && str_to_u64(port, UINT16_MAX, &number));
}

bool http1_host_valid(struct str host)
{
    size_t end;

    if (host.n == 0)
        return false;
    end = host.p[0] == '[' ? ip_literal_end(host) : name_end(host);
    if (end == 0 || end == host.n)
        return end > 0;
    return host.p[end] == ':' && is_port((struct str){host.p + end + 1, host.n - end - 1});
}

/* `host` without ":" and the port that the scheme implies anyway. */
static struct str without_default_port(struct str host, struct str port)
{
    if (host.n > port.n && str_eq((struct str){host.p + host.n - port.n, port.n}, port))
        host.n -= port.n;
    else if (host.n > 0 && host.p[host.n - 1] == ':')
        host.n--;
    return host;
}

static bool agrees_with_target(const struct http1_head *h, struct str host)
{
    bool secure = str_istarts(http1_str(h, h->target), STR("https:"));
    struct str port = secure ? STR(":443") : STR(":80");

    return str_ieq(without_default_port(host, port), without_default_port(http1_host(h), port));
}

static bool on_host(struct http1_parser *p, struct http1_part part)
{
    struct http1_head *h = p->head;

    if (p->kind == HTTP1_RESPONSE)
        return true;
    if (was_seen(p, HTTP1_ID_HOST))
        return http1_refuse(p, 400, "more than one Host field");
    if (!http1_host_valid(http1_str(h, part)))
        return http1_refuse(p, 400, "the Host field is not a host and port");
    if (h->form == HTTP1_FORM_ABSOLUTE && !agrees_with_target(h, http1_str(h, part)))
        return http1_refuse(p, 400, "the Host field differs from the target's authority");
    if (h->form == HTTP1_FORM_ORIGIN || h->form == HTTP1_FORM_ASTERISK)
        h->host = part;
    return true;
}

static bool on_content_length(struct http1_parser *p, struct http1_part part)
{
    struct http1_head *h = p->head;
    uint64_t length;

    if (!str_to_u64(http1_str(h, part), LENGTH_MAX, &length))
        return http1_refuse(p, 400, "Content-Length is not one decimal number");
    /* RFC 9112 6.3 lets equal ones pass; but who says it twice does not know what it says. */
    if (h->has_length)
        return http1_refuse(p, 400, "more than one Content-Length field");
    h->has_length = true;
    h->content_length = length;
    return true;
}

static bool on_transfer_encoding(struct http1_parser *p, struct http1_part part)
{
    struct http1_head *h = p->head;

    if (was_seen(p, HTTP1_ID_TRANSFER_ENCODING))
        return http1_refuse(p, 400, "more than one Transfer-Encoding field");
    if (part.n == 0)
        return http1_refuse(p, 400, "Transfer-Encoding is empty");
    /* RFC 9112 6.1: a coding that is not understood gets a 501. */
    if (!str_ieq(http1_str(h, part), STR("chunked")))
        return http1_refuse(p, 501, "the only Transfer-Encoding understood is \"chunked\"");
    h->chunked = true;
    return true;
}

static bool on_expect(struct http1_parser *p, struct http1_part part)
{
    if (p->kind == HTTP1_RESPONSE)
        return true;
    if (!str_ieq(http1_str(p->head, part), STR("100-continue")))
        return http1_refuse(p, 417, "the only expectation understood is \"100-continue\"");
    p->head->expect_continue = true;
    return true;
}

/* RFC 9110 10.1.4. Codings are of no use to us, nor to the next hop, which does not hear of them.
 */
static bool on_te(struct http1_parser *p, struct http1_part part)
{
    struct str list = http1_str(p->head, part), member;
    bool more = p->kind == HTTP1_REQUEST && p->head->minor > 0;

    while (more) {
        more = str_cut(list, ',', &member, &list);
        p->head->wants_trailers |= str_ieq(str_trim(member), STR("trailers"));
    }
    return true;
}

static bool on_date(struct http1_parser *p, struct http1_part part UNUSED)
{
    p->head->has_date = true;
    return true;
}

static bool on_any(struct http1_parser *p UNUSED, struct http1_part part UNUSED)
{
    return true;
}

/* ---- known fields --------------------------------------------------------------------------- */

typedef bool (*field_fn)(struct http1_parser *p, struct http1_part part);

static const struct known {
    struct str name; /* lower case */
    bool hop;
    field_fn take;
} known[HTTP1_ID_COUNT] = {
    [HTTP1_ID_OTHER] = {{"", 0}, false, on_any},
    [HTTP1_ID_CONNECTION] = {{"connection", 10}, true, on_any},
    [HTTP1_ID_CONTENT_LENGTH] = {{"content-length", 14}, true, on_content_length},
    [HTTP1_ID_DATE] = {{"date", 4}, false, on_date},
    [HTTP1_ID_EXPECT] = {{"expect", 6}, true, on_expect},
    [HTTP1_ID_HOST] = {{"host", 4}, false, on_host},
    [HTTP1_ID_KEEP_ALIVE] = {{"keep-alive", 10}, true, on_any},
    [HTTP1_ID_PROXY_CONNECTION] = {{"proxy-connection", 16}, true, on_any},
    [HTTP1_ID_TE] = {{"te", 2}, true, on_te},
    [HTTP1_ID_TRAILER] = {{"trailer", 7}, false, on_any},
    [HTTP1_ID_TRANSFER_ENCODING] = {{"transfer-encoding", 17}, true, on_transfer_encoding},
    [HTTP1_ID_UPGRADE] = {{"upgrade", 7}, true, on_any},
};

/* The only known names that a name of this length can be. */
static const uint8_t ids_by_length[18][2] = {
    [2] = {HTTP1_ID_TE},
    [4] = {HTTP1_ID_HOST, HTTP1_ID_DATE},
    [6] = {HTTP1_ID_EXPECT},
    [7] = {HTTP1_ID_TRAILER, HTTP1_ID_UPGRADE},
    [10] = {HTTP1_ID_CONNECTION, HTTP1_ID_KEEP_ALIVE},
    [14] = {HTTP1_ID_CONTENT_LENGTH},
    [16] = {HTTP1_ID_PROXY_CONNECTION},
    [17] = {HTTP1_ID_TRANSFER_ENCODING},
};

static enum http1_id id_of(struct str name)
{
    if (name.n >= ARRAY_LEN(ids_by_length))
        return HTTP1_ID_OTHER;
    for (size_t i = 0; i < 2; i++) {
        uint8_t id = ids_by_length[name.n][i];

        if (id && (name.p[0] | 0x20) == known[id].name.p[0] && str_ieq(name, known[id].name))
            return id;
    }
    return HTTP1_ID_OTHER;
}

/* Gateways in the manner of CGI see no difference between - and _ (RFC 3875 4.1.18): behind one of
 * them such a field would be framing. */
static bool is_in_disguise(struct str name)
{
    enum http1_id id = name.n == 14 ? HTTP1_ID_CONTENT_LENGTH : HTTP1_ID_TRANSFER_ENCODING;
    size_t dash = name.n == 14 ? 7 : 8;

    if ((name.n != 14 && name.n != 17) || name.p[dash] != '_')
        return false;
    return str_ieq((struct str){name.p, dash}, (struct str){known[id].name.p, dash}) &&
           str_ieq((struct str){name.p + dash + 1, name.n - dash - 1},
                   (struct str){known[id].name.p + dash + 1, name.n - dash - 1});
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool refuse_name(struct http1_parser *p, struct str line, size_t at)
{
    if (at == line.n)
        return http1_refuse(p, 400, "a header line has no colon");
    if (at == 0 && char_is_blank(line.p[0]))
        return http1_refuse(p, 400, "a header line begins with white space (folded lines)");
    if (char_is_blank(line.p[at]))
        return http1_refuse(p, 400, "white space in or after a header name");
    return http1_refuse(p, 400, "a header name is empty or holds a byte that none may hold");
}

/* Cut "name: value" into `f`; at..at+n of the buffer. */
static bool cut_line(struct http1_parser *p, uint32_t at, uint32_t n, struct http1_header *f)
{
    struct str line = {p->head->base + at, n};
    size_t colon = chars_span(line, 0, CHAR_TOKEN);
    size_t from = colon + 1;
    size_t to = n;

    if (colon == 0 || colon == n || line.p[colon] != ':')
        return refuse_name(p, line, colon);
    while (from < to && char_is_blank(line.p[from]))
        from++;
    while (to > from && char_is_blank(line.p[to - 1]))
        to--;
    f->name = (struct http1_part){at, (uint32_t)colon};
    f->value = (struct http1_part){at + (uint32_t)from, (uint32_t)(to - from)};
    f->odd = from != colon + 2 || line.p[colon + 1] != ' ' || to != n;
    return true;
}

/* Which white space goes around a value is read in many ways, and framing must not depend on it. */
static bool is_plain(struct http1_parser *p, struct str line, enum http1_id id)
{
    if ((id == HTTP1_ID_CONTENT_LENGTH || id == HTTP1_ID_TRANSFER_ENCODING) &&
        memchr(line.p, '\t', line.n))
        return http1_refuse(p, 400, "a tab in a framing field");
    return true;
}

static bool take_known(struct http1_parser *p, struct str line, const struct http1_header *f)
{
    if (f->id != HTTP1_ID_OTHER)
        return is_plain(p, line, f->id) && known[f->id].take(p, f->value);
    if (is_in_disguise(http1_str(p->head, f->name)))
        return http1_refuse(p, 400, "a framing field is spelled with an underscore");
    return true;
}

bool http1_field_add(struct http1_parser *p, uint32_t at, uint32_t n)
{
    struct http1_head *h = p->head;
    struct http1_header *f;
    enum http1_id id;

    if (h->header_count == h->header_max)
        return http1_refuse(p, 431, "too many header fields");
    f = &h->headers[h->header_count];
    if (!cut_line(p, at, n, f))
        return false;
    id = id_of(http1_str(h, f->name));
    f->id = (uint8_t)id;
    f->hop = known[id].hop;
    if (!take_known(p, (struct str){h->base + at, n}, f))
        return false;
    p->seen |= 1u << id;
    h->header_count++;
    return true;
}

/* ---- all fields together -------------------------------------------------------------------- */

struct options {
    bool close;
    bool keep_alive;
    bool upgrade;
    unsigned count;
};

/* RFC 9110 7.6.1: fields for all recipients are never a connection's own affair. Whoever names one
 * wants the next hop not to see it. */
static bool is_for_all(struct str name)
{
    static const struct str names[] = {
        {"host", 4},
        {"authorization", 13},
        {"cookie", 6},
        {"cache-control", 13},
        {"date", 4},
        {"via", 3},
        {"forwarded", 9},
        {"x-forwarded-for", 15},
        {"x-forwarded-host", 16},
        {"x-forwarded-proto", 17},
        {"traceparent", 11},
        {"tracestate", 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_ieq(names[i], name))
            return true;
    }
    return false;
}

static void mark_hop(struct http1_head *h, struct str name)
{
    h->names_fields = true;
    for (uint32_t i = 0; i < h->header_count; i++) {
        if (str_ieq(http1_name(h, i), name))
            h->headers[i].hop = true;
    }
}

static bool take_option(struct http1_parser *p, struct str option, struct options *o)
{
    if (option.n == 0)
        return true; /* RFC 9110 5.6.1.2: empty list members count for nothing */
    if (chars_span(option, 0, CHAR_TOKEN) != option.n)
        return http1_refuse(p, 400, "Connection is not a list of tokens");
    if (++o->count > CONNECTION_OPTIONS_MAX)
        return http1_refuse(p, 400, "Connection names too many options");
    if (str_ieq(option, STR("close")))
        o->close = true;
    else if (str_ieq(option, STR("keep-alive")))
        o->keep_alive = true;
    else if (str_ieq(option, STR("upgrade")))
        o->upgrade = true;
    else if (!str_ieq(option, STR("te")) && !is_for_all(option))
        mark_hop(p->head, option);
    return true;
}

static bool take_options(struct http1_parser *p, struct str list, struct options *o)
{
    struct str option;
    bool more = true;

    while (more) {
        more = str_cut(list, ',', &option, &list);
        if (!take_option(p, str_trim(option), o))
            return false;
    }
    return true;
}

static bool read_connection(struct http1_parser *p)
{
    struct http1_head *h = p->head;
    struct options o = {0};

    if (was_seen(p, HTTP1_ID_CONNECTION)) {
        for (uint32_t i = 0; i < h->header_count; i++) {
            if (h->headers[i].id == HTTP1_ID_CONNECTION && !take_options(p, http1_value(h, i), &o))
                return false;
        }
    }
    h->keep_alive = !o.close && (h->minor > 0 || o.keep_alive);
    h->upgrade = o.upgrade && was_seen(p, HTTP1_ID_UPGRADE);
    return true;
}

/* RFC 9110 8.6, RFC 9112 6.1: neither 1xx nor 204 has a body or says how long it is. Behind one
 * that does, some read a body and some the next answer: not even the connection is good for more.
 */
static bool check_bodiless(struct http1_parser *p)
{
    struct http1_head *h = p->head;

    if (p->kind == HTTP1_REQUEST || (h->status >= 200 && h->status != 204))
        return true;
    if (!h->chunked && (!h->has_length || h->content_length == 0))
        return true;
    if (h->status < 200)
        return http1_refuse(p, 502, "an interim answer that announces a body");
    h->keep_alive = false;
    return true;
}

bool http1_fields_finish(struct http1_parser *p)
{
    struct http1_head *h = p->head;

    if (p->kind == HTTP1_REQUEST && h->minor > 0 && !was_seen(p, HTTP1_ID_HOST))
        return http1_refuse(p, 400, "an HTTP/1.1 request needs a Host field");
    /* RFC 9112 6.1 and 6.3: two framings are an attempt to smuggle until proven otherwise. */
    if (h->chunked && h->has_length)
        return http1_refuse(p, 400, "both Content-Length and Transfer-Encoding");
    if (h->chunked && h->minor == 0)
        return http1_refuse(p, 400, "Transfer-Encoding in an HTTP/1.0 message");
    h->expect_continue = h->expect_continue && h->minor > 0;
    return read_connection(p) && check_bodiless(p);
}
