/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NOT_A_DIGIT = 64 };

/* Up to three bytes become four digits. */
static void encode_group(const unsigned char *p, size_t n, char out[4])
{
    uint32_t bits = (uint32_t)p[0] << 16;

    if (n > 1)
        bits |= (uint32_t)p[1] << 8;
    if (n > 2)
        bits |= p[2];
    out[0] = digits[bits >> 18];
    out[1] = digits[bits >> 12 & 63];
    out[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
    out[3] = n > 2 ? digits[bits & 63] : '=';
}

bool base64_encode(struct str bytes, struct buf *b)
{
    char *out;

    if (bytes.n > SIZE_MAX / 2)
        return false;
    out = buf_reserve(b, (bytes.n + 2) / 3 * 4);
    if (!out)
        return false;
    for (size_t i = 0; i < bytes.n; i += 3, out += 4)
        encode_group((const unsigned char *)bytes.p + i, bytes.n - i, out);
    b->len += (bytes.n + 2) / 3 * 4;
    b->data[b->len] = '\0';
    return true;
}

static unsigned value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : NOT_A_DIGIT;
}

/* Four digits, the last `pad` of them padding, become 3 - pad bytes. False when one is no digit, or
 * when bits that no byte gets are set: two texts must not mean the same. */
static bool decode_group(const char *p, size_t pad, char *out)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned v = i < 4 - pad ? value_of(p[i]) : 0;

        if (v == NOT_A_DIGIT)
            return false;
        bits = bits << 6 | v;
    }
    for (size_t i = 0; i < 3 - pad; i++)
        out[i] = (char)(bits >> (16 - 8 * i) & 0xff);
    return (bits & ((1u << (8 * pad)) - 1)) == 0;
}

static size_t padding_of(struct str text)
{
    if (text.n == 0 || text.p[text.n - 1] != '=')
        return 0;
    return text.p[text.n - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct str text, struct buf *b)
{
    size_t pad = text.n % 4 == 0 ? padding_of(text) : 0;
    size_t n = text.n / 4 * 3 - pad;
    char *out;

    if (text.n % 4 != 0)
        return false;
    out = buf_reserve(b, n);
    if (!out)
        return false;
    for (size_t i = 0; i < text.n; i += 4, out += 3)
        if (!decode_group(text.p + i, i + 4 == text.n ? pad : 0, out)) {
            b->data[b->len] = '\0';
            return false;
        }
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}
