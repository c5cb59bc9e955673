/* SPDX-License-Identifier: Apache-2.0 */
/* murmur3_32 for bucketing (the value is a promise: it decides which users are on new) and SHA-256
 * for checksums of rule sets and files. hash.c is the only file that includes libmd. */
#pragma once

#include "common/base/str.h"

/* MurmurHash3_x86_32 of salt followed by key, as if concatenated, seed 0. No allocation. */
uint32_t hash_murmur3_32(struct str salt, struct str key);

#define SHA256_SIZE 32
#define SHA256_HEX  65

struct sha256 {
    uint8_t b[SHA256_SIZE];
};

/* Of `n` bytes at once. */
struct sha256 sha256_of(const void *p, size_t n);

/* Incremental. Call final exactly once. */
struct sha256_ctx;
struct sha256_ctx *sha256_new(void);
void sha256_add(struct sha256_ctx *c, const void *p, size_t n);
struct sha256 sha256_final(struct sha256_ctx *c); /* frees `c` */

/* HMAC-SHA256 of `text` (RFC 2104). Keys may have any length. */
struct sha256 hash_hmac_sha256(struct str key, struct str text);

/* Lower case hexadecimal; returns dst. Parsing takes either case, and exactly 64 digits. */
const char *sha256_hex(const struct sha256 *h, char dst[SHA256_HEX]);
bool sha256_parse(struct str hex, struct sha256 *ret) MUST_CHECK;
bool sha256_eq(const struct sha256 *a, const struct sha256 *b);
