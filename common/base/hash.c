/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/hash.h"

#include <sha2.h>

#include "common/base/mem.h"

/* MurmurHash3_x86_32 takes four bytes at a time. Bytes of both pieces go through `word`, so that a
 * block may begin in the salt and end in the key. Little endian by construction. */
struct murmur {
    uint32_t hash;
    uint32_t word;
    unsigned filled; /* bytes in word */
};

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static uint32_t scramble(uint32_t word)
{
    return rotate(word * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static void murmur_add(struct murmur *m, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        m->word |= (uint32_t)(unsigned char)s.p[i] << (8 * m->filled);
        if (++m->filled < 4)
            continue;
        m->hash = rotate(m->hash ^ scramble(m->word), 13) * 5 + 0xe6546b64u;
        m->word = 0;
        m->filled = 0;
    }
}

uint32_t hash_murmur3_32(struct str salt, struct str key)
{
    struct murmur m = {0};

    murmur_add(&m, salt);
    murmur_add(&m, key);
    uint32_t h = m.hash ^ scramble(m.word); /* an empty rest is 0, and scrambles to 0 */
    h ^= (uint32_t)(salt.n + key.n);
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

struct sha256 sha256_of(const void *p, size_t n)
{
    struct sha256_ctx *c = sha256_new();

    sha256_add(c, p, n);
    return sha256_final(c);
}

struct sha256_ctx {
    SHA2_CTX sha;
};

struct sha256_ctx *sha256_new(void)
{
    struct sha256_ctx *c = xnew(struct sha256_ctx);

    SHA256Init(&c->sha);
    return c;
}

void sha256_add(struct sha256_ctx *c, const void *p, size_t n)
{
    SHA256Update(&c->sha, p, n);
}

struct sha256 sha256_final(struct sha256_ctx *c)
{
    struct sha256 h;

    SHA256Final(h.b, &c->sha);
    xfreep(&c);
    return h;
}

/* RFC 2104: a key longer than a block is hashed first, a shorter one padded with zeroes. */
#define HMAC_BLOCK 64

static struct sha256 hmac_half(const uint8_t key[HMAC_BLOCK], uint8_t pad, const void *p, size_t n)
{
    struct sha256_ctx *c = sha256_new();
    uint8_t block[HMAC_BLOCK];

    for (size_t i = 0; i < HMAC_BLOCK; i++)
        block[i] = key[i] ^ pad;
    sha256_add(c, block, sizeof(block));
    explicit_bzero(block, sizeof(block));
    sha256_add(c, p, n);
    return sha256_final(c);
}

struct sha256 hash_hmac_sha256(struct str key, struct str text)
{
    uint8_t padded[HMAC_BLOCK] = {0};
    struct sha256 inner;

    if (key.n > HMAC_BLOCK) {
        inner = sha256_of(key.p, key.n);
        memcpy(padded, inner.b, SHA256_SIZE);
    } else if (key.n > 0) {
        memcpy(padded, key.p, key.n);
    }
    inner = hmac_half(padded, 0x36, text.p, text.n);
    inner = hmac_half(padded, 0x5c, inner.b, SHA256_SIZE);
    explicit_bzero(padded, sizeof(padded));
    return inner;
}

const char *sha256_hex(const struct sha256 *h, char dst[SHA256_HEX])
{
    for (size_t i = 0; i < SHA256_SIZE; i++)
        str_fmt(dst + 2 * i, 3, "%02x", h->b[i]);
    return dst;
}

bool sha256_parse(struct str hex, struct sha256 *ret)
{
    struct sha256 h;

    if (hex.n != SHA256_HEX - 1)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        uint64_t byte;
        if (!str_to_hex_u64((struct str){hex.p + 2 * i, 2}, 0xff, &byte))
            return false;
        h.b[i] = (uint8_t)byte;
    }
    *ret = h;
    return true;
}

bool sha256_eq(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->b, b->b, SHA256_SIZE) == 0;
}
