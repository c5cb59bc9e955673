/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON text as a flat array of its values in document order, for comparing: strings without
 * their escapes, numbers as digits and exponent, so that equal values have equal bytes. Pure. */
#pragma once

#include "common/base/json.h"

struct tape_value {
    enum json_kind kind;
    uint32_t at, n; /* in `bytes`: a string, a number's digits (first '-' when negative), a word */
    int32_t exponent;       /* of a number */
    uint32_t key_at, key_n; /* in `bytes`; of members */
    uint32_t raw_n;         /* as it stands in the text, from text.p + at on */
    uint32_t end;           /* index behind its last descendant */
    uint32_t count;         /* of children */
    uint64_t hash;          /* whoever compares may keep one here; 0 at first */
};

struct tape {
    struct str text; /* borrowed */
    char *bytes;     /* a copy, changed in place */
    struct tape_value *value;
    uint32_t count;
};

/* False: it is no JSON, or past the limits of compare.h; *ret holds nothing then. */
bool tape_init(struct tape *ret, struct str text, uint32_t values_max) MUST_CHECK;
void tape_deinit(struct tape *t);

static inline struct str tape_bytes(const struct tape *t, const struct tape_value *v)
{
    return (struct str){t->bytes + v->at, v->n};
}
static inline struct str tape_key(const struct tape *t, const struct tape_value *v)
{
    return (struct str){t->bytes + v->key_at, v->key_n};
}
