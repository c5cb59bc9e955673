/* SPDX-License-Identifier: Apache-2.0 */
/* What each byte may be in a head: one table for all of this folder, and private to it. */
#pragma once

#include "common/base/str.h"

enum {
    CHAR_TOKEN = 1u << 0,  /* RFC 9110 5.6.2: methods, field names, list members */
    CHAR_TARGET = 1u << 1, /* visible ASCII but " < > and #, which no URI holds (RFC 3986) */
    CHAR_HOST = 1u << 2,   /* RFC 3986 3.2.2 reg-name, without the comma that would make a list */
    CHAR_DIGIT = 1u << 3,
    CHAR_HEX = 1u << 4
};

extern const uint8_t http1_chars[256];

static inline bool char_is(char c, unsigned set)
{
    return (http1_chars[(uint8_t)c] & set) != 0;
}

static inline bool char_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The index of the first byte of s[at..] that is not in `set`, or s.n. */
static inline size_t chars_span(struct str s, size_t at, unsigned set)
{
    while (at < s.n && char_is(s.p[at], set))
        at++;
    return at;
}

/* Of an ASCII hexadecimal digit. */
static inline unsigned char_hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* The index of the first control byte but tab in p[at..end), or `end`. */
size_t chars_find_control(const char *p, size_t at, size_t end);
