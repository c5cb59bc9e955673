/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/hash.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "common/base/check.h"

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

/* Without OpenSSL's configuration file, error texts and legacy algorithms a process is 0.6 MiB
 * smaller. A later user of more of it in the same process (TLS) initializes the rest itself. */
static void init_openssl(void)
{
    uint64_t without = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                       OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS;

    CHECK(OPENSSL_init_crypto(without, NULL) == 1);
}

/* `struct sha256_ctx` is OpenSSL's context under our name. */
struct sha256_ctx *sha256_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    EVP_MD_CTX *ctx;

    pthread_once(&once, init_openssl);
    ctx = EVP_MD_CTX_new();
    CHECK(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    return (struct sha256_ctx *)ctx;
}

void sha256_add(struct sha256_ctx *c, const void *p, size_t n)
{
    CHECK(EVP_DigestUpdate((EVP_MD_CTX *)c, p, n) == 1);
}

struct sha256 sha256_final(struct sha256_ctx *c)
{
    struct sha256 h;

    CHECK(EVP_DigestFinal_ex((EVP_MD_CTX *)c, h.b, NULL) == 1);
    EVP_MD_CTX_free((EVP_MD_CTX *)c);
    return h;
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
