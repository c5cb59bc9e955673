/* SPDX-License-Identifier: Apache-2.0 */
/* What the body of an answer holds, without its Content-Encoding (RFC 9110 8.4). Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/compare/compare.h"

enum content_state {
    CONTENT_HERE,
    CONTENT_PACKED,    /* not opened; or in a coding that is not known here, or in several */
    CONTENT_BROKEN,    /* not what its coding says */
    CONTENT_CUT,       /* encoded, and only its beginning was kept */
    CONTENT_TOO_LARGE, /* past the limits of unpack.h */
    CONTENT_STATE_COUNT
};

#define CONTENT_CODING_SIZE 16

struct content {
    enum content_state state;
    char coding[CONTENT_CODING_SIZE]; /* for people and for comparing; "": none */
    /* Of what it holds; as received unless CONTENT_HERE. As in struct compare_answer. */
    struct str bytes;
    bool cut;
    uint64_t size;
    uint64_t hash; /* when cut */
    struct buf room;
};

/* As received: CONTENT_HERE without a coding, else CONTENT_PACKED. *ret borrows from `a`. */
void content_init(struct content *ret, const struct compare_answer *a);
void content_deinit(struct content *c);
/* Unpack what is packed, as far as that goes; at most `keep` bytes are kept. */
void content_open(struct content *c, size_t keep);

bool content_is_coded_alike(const struct content *a, const struct content *b);
/* Whether their bytes are the same; both are CONTENT_HERE, or coded alike and not opened. */
bool content_eq(const struct content *a, const struct content *b);
/* "10240 bytes of br, 0011223344556677, not unpacked", cut to `size`. */
void content_describe(const struct content *c, char *dst, size_t size);
