/* SPDX-License-Identifier: Apache-2.0 */
/* String views, checked parsing and formatting into the caller's memory. Pure; no locale. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/attrs.h"
#include "common/base/err.h"

/* Borrowed bytes, not terminated. */
struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case-insensitive. */
bool str_ieq(struct str a, struct str b);
bool str_istarts(struct str s, struct str prefix);
bool str_icontains(struct str s, struct str word);
bool str_starts(struct str s, struct str prefix);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/* Cut `s` at the first `sep`: *ret_head gets what stands before it, *ret_tail what follows; false
 * (head is all of `s`, tail empty) when there is none. */
bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail);

/* Copy into a terminated array of `size`. False, and an empty string, when it does not fit or holds
 * NUL. */
bool str_copy(struct str s, char *ret_dst, size_t size) MUST_CHECK;

/* snprintf that asserts a sane size and returns whether everything fitted. */
bool str_fmt(char *ret_dst, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* The same behind what the terminated text in `dst` of `size` bytes holds, with `between` before it
 * unless that is nothing: for lists in sentences. */
bool str_join(char *dst, size_t size, const char *between, const char *fmt, ...) PRINTF(4, 5);

/* Whole-string parsers: no sign, space or suffix is tolerated. False leaves *ret alone. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *ret) MUST_CHECK;
bool str_to_hex_u64(struct str s, uint64_t max, uint64_t *ret) MUST_CHECK;
/* Decimal with optional fraction, 0 <= value; at most 15 digits. */
bool str_to_decimal(struct str s, double *ret) MUST_CHECK;

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms); *ret_bad gets the offset of the first
 * bad byte. */
bool str_utf8_valid(struct str s, size_t *ret_bad);
/* The same, and fit to be shown to people as a part of one line: no control characters (terminals
 * obey those from U+0080 on, too), no line or paragraph separators, nothing that turns the
 * direction of writing. *ret_bad gets the offset of the first character that is none of this. */
bool str_is_line(struct str s, size_t *ret_bad);

/* Damerau-Levenshtein distance, capped at `max` + 1; both at most 64 bytes (longer: max + 1). */
unsigned str_distance(struct str a, struct str b, unsigned max);

/* The nearest of `names` (NULL-terminated) to `word`, or NULL when none is near enough to be a
 * typing slip (distance <= 1 + length / 4). */
const char *str_nearest(struct str word, const char *const *names);
