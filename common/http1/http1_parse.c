/* SPDX-License-Identifier: Apache-2.0 */
/* The head is read line by line. A line is first scanned, once and as its bytes arrive, for control
 * bytes: the first one must be the CR of its line end. Only complete lines are taken apart, so no
 * result depends on how the bytes were cut into reads. */
#include "common/http1/http1_parse.h"

#include "common/base/check.h"
#include "common/http1/http1_chars.h"
#include "common/http1/http1_fields.h"

enum state {
    STATE_START, /* before the first line; one empty line is skipped in a request */
    STATE_LINE,  /* the request or status line */
    STATE_FIELD, /* a field line, or the empty line that ends the head */
    STATE_DONE,
    STATE_REFUSED,
    STATE_COUNT
};

void http1_parser_init(struct http1_parser *p, enum http1_kind kind, struct http1_limits limits,
                       struct http1_head *head, struct http1_header *headers, unsigned max)
{
    CHECK(limits.head_max >= 2 && limits.head_max <= INT32_MAX && limits.line_max <= INT32_MAX);
    *head = (struct http1_head){
        .headers = headers,
        .header_max = max < HTTP1_HEADERS_WRITTEN_MAX ? max : HTTP1_HEADERS_WRITTEN_MAX,
    };
    *p = (struct http1_parser){
        .kind = kind,
        .state = STATE_START,
        .limits = limits,
        .head = head,
    };
}

/* ---- the request line, RFC 9112 3 ----------------------------------------------------------- */

static enum http1_method method_of(struct str name)
{
    static const struct str names[HTTP1_METHOD_COUNT] = {
#define X(method) [HTTP1_##method] = {#method, sizeof(#method) - 1},
        HTTP1_METHODS(X)
#undef X
    };

    for (unsigned m = HTTP1_METHOD_OTHER + 1; m < HTTP1_METHOD_COUNT; m++) {
        if (str_ieq(name, names[m]))
            return m;
    }
    return HTTP1_METHOD_OTHER;
}

/* RFC 9110 9.1: methods have case. Who takes "head" for HEAD and who does not disagree about where
 * the answer ends. */
static bool take_method(struct http1_parser *p, struct str name)
{
    p->head->method = method_of(name);
    for (size_t i = 0; p->head->method != HTTP1_METHOD_OTHER && i < name.n; i++) {
        if (name.p[i] & 0x20)
            return http1_refuse(p, 400, "a well-known method is not in capital letters");
    }
    return true;
}

static bool take_version(struct http1_parser *p, struct str version)
{
    if (version.n != 8 || !str_starts(version, STR("HTTP/")) || version.p[6] != '.' ||
        !char_is(version.p[5], CHAR_DIGIT) || !char_is(version.p[7], CHAR_DIGIT))
        return http1_refuse(p, 400, "the first line has no HTTP version where one belongs");
    if (version.p[5] != '1' || version.p[7] > '1')
        return http1_refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->head->minor = (uint8_t)(version.p[7] - '0');
    return true;
}

/* The length of "http://" or "https://" at the front of `target`, or 0. */
static size_t scheme_length(struct str target)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (target.n > schemes[i].n && str_istarts(target, schemes[i]))
            return schemes[i].n;
    }
    return 0;
}

/* Cut "http://authority/path". */
static bool take_absolute(struct http1_parser *p, struct str target)
{
    struct http1_head *h = p->head;
    size_t from = scheme_length(target);
    size_t end = from;

    if (from == 0)
        return http1_refuse(p, 400, "the target is neither a path nor an http URL");
    while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
        end++;
    if (end < target.n && target.p[end] == '?')
        return http1_refuse(p, 400, "the target has a query but no path");
    h->form = HTTP1_FORM_ABSOLUTE;
    h->host = (struct http1_part){h->target.at + (uint32_t)from, (uint32_t)(end - from)};
    h->path = (struct http1_part){h->target.at + (uint32_t)end, (uint32_t)(target.n - end)};
    if (!http1_host_valid(http1_host(h)))
        return http1_refuse(p, 400, "the target's authority is not a host and port");
    return true;
}

static bool take_authority(struct http1_parser *p, struct str target)
{
    struct http1_head *h = p->head;

    h->form = HTTP1_FORM_AUTHORITY;
    h->host = h->target;
    if (!http1_host_valid(target) || !memchr(target.p, ':', target.n))
        return http1_refuse(p, 400, "the target of CONNECT is not host:port");
    return true;
}

static bool take_target(struct http1_parser *p, struct str target)
{
    struct http1_head *h = p->head;

    if (h->method == HTTP1_CONNECT)
        return take_authority(p, target);
    if (target.p[0] == '/') {
        h->form = HTTP1_FORM_ORIGIN;
        h->path = h->target;
        return true;
    }
    if (str_eq(target, STR("*"))) {
        h->form = HTTP1_FORM_ASTERISK;
        h->path = h->target;
        return h->method == HTTP1_OPTIONS ||
               http1_refuse(p, 400, "the target * belongs to OPTIONS only");
    }
    return take_absolute(p, target);
}

static bool take_request_line(struct http1_parser *p, struct str line)
{
    struct http1_head *h = p->head;
    size_t method_end = chars_span(line, 0, CHAR_TOKEN);
    size_t target_end;

    if (method_end == 0 || method_end == line.n || line.p[method_end] != ' ')
        return http1_refuse(p, 400, "the request line does not begin with a method");
    target_end = chars_span(line, method_end + 1, CHAR_TARGET);
    if (target_end == method_end + 1 || target_end == line.n || line.p[target_end] != ' ')
        return http1_refuse(p, 400, "the target is missing or holds a byte that no URL may hold");
    h->method_name = (struct http1_part){p->line, (uint32_t)method_end};
    h->target = (struct http1_part){p->line + (uint32_t)method_end + 1,
                                    (uint32_t)(target_end - method_end - 1)};
    return take_method(p, http1_str(h, h->method_name)) &&
           take_version(p, (struct str){line.p + target_end + 1, line.n - target_end - 1}) &&
           take_target(p, http1_str(h, h->target));
}

/* ---- the status line, RFC 9112 4 ------------------------------------------------------------ */

/* "HTTP/1.1 200 OK". Servers in the field leave out the space before an empty reason. */
static bool take_status_line(struct http1_parser *p, struct str line)
{
    struct http1_head *h = p->head;
    uint64_t status;

    if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
        return http1_refuse(p, 502, "the status line is not HTTP/1.x, status, reason");
    if (!take_version(p, (struct str){line.p, 8}))
        return false;
    if (!str_to_u64((struct str){line.p + 9, 3}, 999, &status) || status < 100)
        return http1_refuse(p, 502, "the status is not a number from 100 to 999");
    h->status = (uint16_t)status;
    if (line.n > 13)
        h->reason = (struct http1_part){p->line + 13, (uint32_t)line.n - 13};
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static enum http1_result too_long(struct http1_parser *p)
{
    if (p->state == STATE_FIELD)
        http1_refuse(p, 431, "the head is too large");
    else
        http1_refuse(p, 414, "the first line is too long");
    return HTTP1_REFUSED;
}

/* The CR of this line comes before this place, or the line or the head is too long. */
static size_t line_end_max(const struct http1_parser *p)
{
    size_t by_head = p->limits.head_max - 1;
    size_t by_line = (size_t)p->line + p->limits.line_max + 1;

    return p->state == STATE_FIELD || by_head < by_line ? by_head : by_line;
}

/* Find the end of the line that starts at p->line: *ret_n bytes before its CR LF. */
static enum http1_result find_line(struct http1_parser *p, const char *data, size_t len,
                                   uint32_t *ret_n)
{
    size_t max = line_end_max(p);
    size_t end = len < max ? len : max;
    size_t at = p->scanned < end ? chars_find_control(data, p->scanned, end) : end;

    p->scanned = (uint32_t)at;
    if (at == max)
        return too_long(p);
    if (at == len)
        return HTTP1_MORE;
    if (data[at] != '\r') {
        http1_refuse(p, 400, data[at] == '\n' ? "a line ends without CR" : "a control byte");
        return HTTP1_REFUSED;
    }
    if (at + 1 == len)
        return HTTP1_MORE;
    if (data[at + 1] != '\n') {
        http1_refuse(p, 400, "a CR without LF");
        return HTTP1_REFUSED;
    }
    *ret_n = (uint32_t)at - p->line;
    return HTTP1_DONE;
}

static bool take_line(struct http1_parser *p, uint32_t n)
{
    struct str line = {p->head->base + p->line, n};

    if (p->state == STATE_FIELD) {
        if (n > 0)
            return http1_field_add(p, p->line, n);
        p->head->size = p->line + 2;
        p->state = STATE_DONE;
        return http1_fields_finish(p);
    }
    /* RFC 9112 2.2: some clients send an empty line after a body. */
    if (n == 0 && p->state == STATE_START && p->kind == HTTP1_REQUEST) {
        p->state = STATE_LINE;
        return true;
    }
    p->state = STATE_FIELD;
    return p->kind == HTTP1_REQUEST ? take_request_line(p, line) : take_status_line(p, line);
}

enum http1_result http1_parse(struct http1_parser *p, const char *data, size_t len)
{
    p->head->base = data;
    while (p->state < STATE_DONE) {
        uint32_t n;
        enum http1_result r = find_line(p, data, len, &n);

        if (r == HTTP1_MORE)
            return HTTP1_MORE;
        if (r == HTTP1_REFUSED || !take_line(p, n)) {
            p->state = STATE_REFUSED;
            break;
        }
        p->line += n + 2;
        p->scanned = p->line;
    }
    return p->state == STATE_DONE ? HTTP1_DONE : HTTP1_REFUSED;
}
