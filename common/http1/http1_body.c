/* SPDX-License-Identifier: Apache-2.0 */
/* Payload is taken in runs; every other byte of a chunked body is one step of the table below. */
#include "common/http1/http1_body.h"

#include "common/base/check.h"
#include "common/http1/http1_chars.h"
#include "common/http1/http1_trailers.h"

/* Chunks of up to 2^60 - 1 bytes; leading zeros count, so a size line has an end. */
enum { CHUNK_DIGITS_MAX = 15 };

enum state {
    STATE_SIZE,
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER_LINE, /* at its first byte */
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_LAST_LF,
    STATE_FRAMING_COUNT,
    STATE_DATA = STATE_FRAMING_COUNT,
    STATE_DONE,
    STATE_BAD
};

/* ---- which framing -------------------------------------------------------------------------- */

static struct http1_framing framing_of(const struct http1_head *h, enum http1_body_kind otherwise)
{
    if (h->chunked)
        return (struct http1_framing){.kind = HTTP1_BODY_CHUNKED};
    if (h->has_length)
        return (struct http1_framing){.kind = HTTP1_BODY_LENGTH, .length = h->content_length};
    return (struct http1_framing){.kind = otherwise};
}

struct http1_framing http1_request_framing(const struct http1_head *h)
{
    return framing_of(h, HTTP1_BODY_NONE);
}

struct http1_framing http1_response_framing(const struct http1_head *h, enum http1_method asked)
{
    bool tunnel = asked == HTTP1_CONNECT && h->status / 100 == 2;

    if (asked == HTTP1_HEAD || tunnel || h->status < 200 || h->status == 204 || h->status == 304)
        return (struct http1_framing){.kind = HTTP1_BODY_NONE};
    return framing_of(h, HTTP1_BODY_UNTIL_CLOSE);
}

struct http1_framing http1_framing_for(struct http1_framing received, unsigned minor)
{
    bool unknown_length =
        received.kind == HTTP1_BODY_CHUNKED || received.kind == HTTP1_BODY_UNTIL_CLOSE;

    if (unknown_length)
        received.kind = minor > 0 ? HTTP1_BODY_CHUNKED : HTTP1_BODY_UNTIL_CLOSE;
    return received;
}

/* ---- chunked framing, RFC 9112 7.1 ---------------------------------------------------------- */

static enum state bad(struct http1_body *b, const char *why)
{
    b->why = why;
    return STATE_BAD;
}

static bool is_text(char c)
{
    return (uint8_t)c >= ' ' ? c != 0x7f : c == '\t';
}

static enum state step_size(struct http1_body *b, char c)
{
    if (char_is(c, CHAR_HEX)) {
        if (++b->digits > CHUNK_DIGITS_MAX)
            return bad(b, "a chunk size has too many digits");
        b->left = b->left << 4 | char_hex_value(c);
        return STATE_SIZE;
    }
    if (b->digits > 0 && c == ';')
        return STATE_EXTENSION;
    if (b->digits > 0 && c == '\r')
        return STATE_SIZE_LF;
    return bad(b, "a chunk size is not a hexadecimal number");
}

static enum state step_extension(struct http1_body *b, char c)
{
    if (c == '\r')
        return STATE_SIZE_LF;
    if (!is_text(c))
        return bad(b, "a control byte in a chunk extension");
    if (++b->extra > HTTP1_CHUNK_EXT_MAX)
        return bad(b, "the chunk extensions are too long");
    return STATE_EXTENSION;
}

static enum state step_size_lf(struct http1_body *b, char c)
{
    if (c != '\n')
        return bad(b, "a chunk size line does not end with CR LF");
    if (b->left > 0) {
        b->extra -= b->extra < b->left ? b->extra : (uint32_t)b->left;
        return STATE_DATA;
    }
    b->extra = 0;
    return STATE_TRAILER_LINE;
}

static enum state step_data_cr(struct http1_body *b, char c)
{
    return c == '\r' ? STATE_DATA_LF : bad(b, "a chunk is longer than its size");
}

static enum state step_data_lf(struct http1_body *b, char c)
{
    b->digits = 0;
    return c == '\n' ? STATE_SIZE : bad(b, "a chunk does not end with CR LF");
}

/* False: there are too many bytes of them. */
static bool take_trailer_byte(struct http1_body *b, char c)
{
    return ++b->extra <= HTTP1_TRAILERS_MAX && (!b->kept || buf_add(b->kept, &c, 1));
}

static enum state step_trailer_name(struct http1_body *b, char c)
{
    if (!take_trailer_byte(b, c))
        return bad(b, "the trailers are too long");
    if (c == ':')
        return STATE_TRAILER_VALUE;
    return char_is(c, CHAR_TOKEN) ? STATE_TRAILER_NAME : bad(b, "a trailer is not a field line");
}

static enum state step_trailer_line(struct http1_body *b, char c)
{
    if (c == '\r')
        return STATE_LAST_LF;
    if (++b->trailers > HTTP1_TRAILERS_COUNT_MAX)
        return bad(b, "too many trailers");
    b->line = b->kept ? b->kept->len : 0;
    return c == ':' ? bad(b, "a trailer has no name") : step_trailer_name(b, c);
}

static enum state step_trailer_value(struct http1_body *b, char c)
{
    if (c == '\r')
        return STATE_TRAILER_LF;
    if (!is_text(c))
        return bad(b, "a control byte in a trailer");
    if (!take_trailer_byte(b, c))
        return bad(b, "the trailers are too long");
    return STATE_TRAILER_VALUE;
}

static enum state step_trailer_lf(struct http1_body *b, char c)
{
    if (c != '\n')
        return bad(b, "a trailer does not end with CR LF");
    if (b->kept && !http1_trailers_end_line(b->kept, b->line))
        return bad(b, "the trailers are too long");
    return STATE_TRAILER_LINE;
}

static enum state step_last_lf(struct http1_body *b, char c)
{
    return c == '\n' ? STATE_DONE : bad(b, "the body does not end with CR LF");
}

static enum state (*const steps[STATE_FRAMING_COUNT])(struct http1_body *b, char c) = {
    [STATE_SIZE] = step_size,
    [STATE_EXTENSION] = step_extension,
    [STATE_SIZE_LF] = step_size_lf,
    [STATE_DATA_CR] = step_data_cr,
    [STATE_DATA_LF] = step_data_lf,
    [STATE_TRAILER_LINE] = step_trailer_line,
    [STATE_TRAILER_NAME] = step_trailer_name,
    [STATE_TRAILER_VALUE] = step_trailer_value,
    [STATE_TRAILER_LF] = step_trailer_lf,
    [STATE_LAST_LF] = step_last_lf,
};

/* ---- taking bytes --------------------------------------------------------------------------- */

void http1_body_init(struct http1_body *b, struct http1_framing framing)
{
    static const enum state first[] = {
        [HTTP1_BODY_NONE] = STATE_DONE,
        [HTTP1_BODY_LENGTH] = STATE_DATA,
        [HTTP1_BODY_CHUNKED] = STATE_SIZE,
        [HTTP1_BODY_UNTIL_CLOSE] = STATE_DATA,
    };

    *b = (struct http1_body){.kind = framing.kind, .state = (int)first[framing.kind]};
    if (framing.kind == HTTP1_BODY_UNTIL_CLOSE)
        b->left = UINT64_MAX;
    if (framing.kind == HTTP1_BODY_LENGTH) {
        b->left = framing.length;
        if (b->left == 0)
            b->state = STATE_DONE;
    }
}

void http1_body_keep_trailers(struct http1_body *b, struct buf *into)
{
    CHECK(b->kind == HTTP1_BODY_CHUNKED && b->payload == 0);
    b->kept = into;
}

static struct str take_payload(struct http1_body *b, struct str in)
{
    if (in.n > b->left)
        in.n = b->left;
    b->left -= in.n;
    b->payload += in.n;
    if (b->left == 0)
        b->state = b->kind == HTTP1_BODY_CHUNKED ? STATE_DATA_CR : STATE_DONE;
    return in;
}

enum http1_body_result http1_body_next(struct http1_body *b, struct str in, size_t *ret_used,
                                       struct str *ret_payload)
{
    size_t at = 0;

    while (at < in.n && b->state < STATE_FRAMING_COUNT)
        b->state = (int)steps[b->state](b, in.p[at++]);
    *ret_payload = (struct str){in.p + at, 0};
    if (at < in.n && b->state == STATE_DATA) {
        *ret_payload = take_payload(b, (struct str){in.p + at, in.n - at});
        at += ret_payload->n;
    }
    *ret_used = at;
    if (b->state == STATE_BAD)
        return HTTP1_BODY_BAD;
    return b->state == STATE_DONE ? HTTP1_BODY_DONE : HTTP1_BODY_MORE;
}

enum http1_body_result http1_body_squeeze(struct http1_body *b, char *data, size_t len,
                                          size_t *ret_used, size_t *ret_payload)
{
    enum http1_body_result r;
    size_t used = 0, kept = 0;

    do {
        size_t n;
        struct str payload;

        r = http1_body_next(b, (struct str){data + used, len - used}, &n, &payload);
        if (payload.n > 0 && data + kept != payload.p)
            memmove(data + kept, payload.p, payload.n);
        kept += payload.n;
        used += n;
    } while (r == HTTP1_BODY_MORE && used < len);
    *ret_used = used;
    *ret_payload = kept;
    return r;
}

uint64_t http1_body_rest(const struct http1_body *b)
{
    return b->kind == HTTP1_BODY_LENGTH ? b->left : 0;
}

void http1_body_passed(struct http1_body *b, uint64_t payload)
{
    CHECK(payload <= http1_body_rest(b));
    (void)take_payload(b, (struct str){NULL, payload});
}

bool http1_body_may_end(const struct http1_body *b)
{
    return b->state == STATE_DONE || b->kind == HTTP1_BODY_UNTIL_CLOSE;
}

/* ---- sending chunks ------------------------------------------------------------------------- */

size_t http1_chunk_head(char dst[HTTP1_CHUNK_HEAD_MAX], uint64_t size)
{
    unsigned digits = size ? (63u - (unsigned)__builtin_clzll(size)) / 4 + 1 : 1;

    for (unsigned i = digits; i-- > 0; size >>= 4)
        dst[i] = "0123456789abcdef"[size & 15];
    dst[digits] = '\r';
    dst[digits + 1] = '\n';
    return digits + 2;
}
