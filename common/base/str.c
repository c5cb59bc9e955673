/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include <stdio.h>

#include "common/base/check.h"

#define DISTANCE_MAX_LEN 64
#define DECIMAL_DIGITS   15 /* every such number and its power of ten are exact in a double */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_istarts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_ieq((struct str){s.p, prefix.n}, prefix);
}

bool str_icontains(struct str s, struct str word)
{
    if (word.n == 0)
        return true;
    for (size_t i = 0; i + word.n <= s.n; i++) {
        /* A look at the first letter saves nearly all of the calls. */
        if (lower(s.p[i]) == lower(word.p[0]) && str_ieq((struct str){s.p + i, word.n}, word))
            return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail)
{
    const char *at = s.n > 0 ? memchr(s.p, sep, s.n) : NULL;

    if (!at) {
        *ret_head = s;
        *ret_tail = (struct str){s.p ? s.p + s.n : NULL, 0};
        return false;
    }
    size_t head = (size_t)(at - s.p);
    *ret_head = (struct str){s.p, head};
    *ret_tail = (struct str){at + 1, s.n - head - 1};
    return true;
}

bool str_copy(struct str s, char *ret_dst, size_t size)
{
    CHECK(size > 0);
    ret_dst[0] = '\0';
    if (s.n == 0)
        return true;
    if (s.n >= size || memchr(s.p, '\0', s.n))
        return false;
    memcpy(ret_dst, s.p, s.n);
    ret_dst[s.n] = '\0';
    return true;
}

bool str_fmt(char *ret_dst, size_t size, const char *fmt, ...)
{
    va_list ap;

    CHECK(size > 0 && size < INT32_MAX);
    va_start(ap, fmt);
    int n = vsnprintf(ret_dst, size, fmt, ap);
    va_end(ap);
    return n >= 0 && (size_t)n < size;
}

bool str_join(char *dst, size_t size, const char *between, const char *fmt, ...)
{
    size_t at = strlen(dst);
    va_list ap;
    int n;

    CHECK(at < size && size < INT32_MAX);
    if (at > 0 && !str_fmt(dst + at, size - at, "%s", between))
        return false;
    at = strlen(dst);
    va_start(ap, fmt);
    n = vsnprintf(dst + at, size - at, fmt, ap);
    va_end(ap);
    return n >= 0 && (size_t)n < size - at;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool to_u64(struct str s, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)digit_of(s.p[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > max)
            return false;
    }
    *ret = value;
    return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
    return to_u64(s, 10, max, ret);
}

bool str_to_hex_u64(struct str s, uint64_t max, uint64_t *ret)
{
    return to_u64(s, 16, max, ret);
}

bool str_to_decimal(struct str s, double *ret)
{
    struct str whole, fraction;
    bool dotted = str_cut(s, '.', &whole, &fraction);
    uint64_t digits = 0;
    uint64_t scale = 1;

    if (whole.n == 0 || (dotted && fraction.n == 0) || whole.n + fraction.n > DECIMAL_DIGITS)
        return false;
    if (!str_to_u64(whole, UINT64_MAX, &digits))
        return false;
    for (size_t i = 0; i < fraction.n; i++) {
        unsigned digit = (unsigned)digit_of(fraction.p[i]);
        if (digit > 9)
            return false;
        digits = digits * 10 + digit;
        scale *= 10;
    }
    *ret = (double)digits / (double)scale;
    return true;
}

/* Length of the character that starts with `lead` and the range of its second byte (RFC 3629
 * section 4); 0 for a byte that starts none. */
static size_t utf8_shape(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = 0x80;
    *ret_high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0) {
        if (lead == 0xe0)
            *ret_low = 0xa0;
        if (lead == 0xed)
            *ret_high = 0x9f;
        return 3;
    }
    if (lead > 0xf4)
        return 0;
    if (lead == 0xf0)
        *ret_low = 0x90;
    if (lead == 0xf4)
        *ret_high = 0x8f;
    return 4;
}

bool str_utf8_valid(struct str s, size_t *ret_bad)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;

    while (i < s.n) {
        unsigned char low, high;
        size_t len = utf8_shape(p[i], &low, &high);
        bool good =
            len > 0 && len <= s.n - i && (len == 1 || (p[i + 1] >= low && p[i + 1] <= high));
        for (size_t k = 2; good && k < len; k++)
            good = (p[i + k] & 0xc0) == 0x80;
        if (!good) {
            if (ret_bad)
                *ret_bad = i;
            return false;
        }
        i += len;
    }
    return true;
}

/* Ranges that must not be shown, rising. */
static const uint32_t not_in_lines[][2] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x061c, 0x061c}, {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff},
};

/* Of valid UTF-8. */
static uint32_t utf8_decode(const unsigned char *p, size_t len)
{
    uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

static bool is_in_lines(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(not_in_lines); i++)
        if (c >= not_in_lines[i][0] && c <= not_in_lines[i][1])
            return false;
    return true;
}

bool str_is_line(struct str s, size_t *ret_bad)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t bad = s.n;
    bool valid = str_utf8_valid(s, &bad);
    unsigned char low, high;

    for (size_t i = 0, len; i < bad; i += len) {
        len = utf8_shape(p[i], &low, &high);
        if (is_in_lines(utf8_decode(p + i, len)))
            continue;
        valid = false;
        bad = i;
    }
    if (!valid && ret_bad)
        *ret_bad = bad;
    return valid;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Optimal string alignment: the rows i-2, i-1 and i of the usual matrix are enough. */
unsigned str_distance(struct str a, struct str b, unsigned max)
{
    unsigned table[3][DISTANCE_MAX_LEN + 1];

    if (a.n > DISTANCE_MAX_LEN || b.n > DISTANCE_MAX_LEN)
        return max + 1;
    for (unsigned k = 0; k <= b.n; k++)
        table[0][k] = k;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *row = table[i % 3];
        const unsigned *above = table[(i + 2) % 3];
        const unsigned *above2 = table[(i + 1) % 3];
        row[0] = i;
        for (unsigned k = 1; k <= b.n; k++) {
            unsigned swap = a.p[i - 1] != b.p[k - 1];
            row[k] = min3(above[k] + 1, row[k - 1] + 1, above[k - 1] + swap);
            if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1] &&
                above2[k - 2] + 1 < row[k])
                row[k] = above2[k - 2] + 1;
        }
    }
    unsigned distance = table[a.n % 3][b.n];
    return distance > max ? max + 1 : distance;
}

const char *str_nearest(struct str word, const char *const *names)
{
    unsigned best = 1 + (unsigned)(word.n < DISTANCE_MAX_LEN ? word.n : DISTANCE_MAX_LEN) / 4;
    const char *found = NULL;

    for (; *names; names++) {
        unsigned distance = str_distance(word, str_of(*names), best);
        if (distance < best || (distance == best && !found)) {
            best = distance;
            found = *names;
        }
    }
    return found;
}
