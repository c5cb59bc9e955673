/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1_chars.h"

#include <endian.h>

#define ALPHA_SETS (CHAR_TOKEN | CHAR_TARGET | CHAR_HOST)
#define MARK_SETS  (CHAR_TOKEN | CHAR_TARGET | CHAR_HOST)

const uint8_t http1_chars[256] = {
    ['0' ... '9'] = ALPHA_SETS | CHAR_DIGIT | CHAR_HEX,
    ['A' ... 'F'] = ALPHA_SETS | CHAR_HEX,
    ['G' ... 'Z'] = ALPHA_SETS,
    ['a' ... 'f'] = ALPHA_SETS | CHAR_HEX,
    ['g' ... 'z'] = ALPHA_SETS,
    ['!'] = MARK_SETS,
    ['$'] = MARK_SETS,
    ['%'] = MARK_SETS,
    ['&'] = MARK_SETS,
    ['\''] = MARK_SETS,
    ['*'] = MARK_SETS,
    ['+'] = MARK_SETS,
    ['-'] = MARK_SETS,
    ['.'] = MARK_SETS,
    ['_'] = MARK_SETS,
    ['~'] = MARK_SETS,
    ['#'] = CHAR_TOKEN,
    ['^'] = CHAR_TOKEN | CHAR_TARGET,
    ['`'] = CHAR_TOKEN | CHAR_TARGET,
    ['|'] = CHAR_TOKEN | CHAR_TARGET,
    ['('] = CHAR_TARGET | CHAR_HOST,
    [')'] = CHAR_TARGET | CHAR_HOST,
    [';'] = CHAR_TARGET | CHAR_HOST,
    ['='] = CHAR_TARGET | CHAR_HOST,
    [','] = CHAR_TARGET,
    ['/'] = CHAR_TARGET,
    [':'] = CHAR_TARGET,
    ['?'] = CHAR_TARGET,
    ['@'] = CHAR_TARGET,
    ['['] = CHAR_TARGET,
    ['\\'] = CHAR_TARGET,
    [']'] = CHAR_TARGET,
    ['{'] = CHAR_TARGET,
    ['}'] = CHAR_TARGET,
};

static bool is_control(char c)
{
    return ((uint8_t)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes at a time: the high bit of each byte of the result is set where a byte is below 0x20
 * or is 0x7f. Borrows run upwards only, so the lowest set bit is always true. */
static uint64_t control_mask(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t high = 0x8080808080808080u;
    const uint64_t del = w ^ (ones * 0x7f);

    return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & high;
}

size_t chars_find_control(const char *p, size_t at, size_t end)
{
    while (end - at >= sizeof(uint64_t)) {
        uint64_t w, mask;

        memcpy(&w, p + at, sizeof(w));
        mask = control_mask(le64toh(w));
        if (!mask) {
            at += sizeof(w);
            continue;
        }
        at += (size_t)__builtin_ctzll(mask) / 8;
        if (p[at] != '\t')
            return at;
        at++;
    }
    while (at < end && !is_control(p[at]))
        at++;
    return at;
}
