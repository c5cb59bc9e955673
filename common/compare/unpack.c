/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/unpack.h"

#define ZLIB_CONST /* it does not write into what it is given */
#include <zlib.h>

#include "common/base/check.h"
#include "common/compare/compare.h"

/* zlib's ways to ask for a format, with the largest window. */
#define WINDOW_GZIP (MAX_WBITS + 16)
#define WINDOW_ZLIB MAX_WBITS
#define WINDOW_BARE (-MAX_WBITS)

#define CHUNK 8192

/* RFC 1950 2.2: the method, and a check over the first two bytes. */
static bool has_zlib_header(struct str packed)
{
    unsigned first, second;

    if (packed.n < 2)
        return false;
    first = (unsigned char)packed.p[0];
    second = (unsigned char)packed.p[1];
    return (first & 0x0f) == Z_DEFLATED && (first << 8 | second) % 31 == 0;
}

static int window_of(enum unpack_format format, struct str packed)
{
    if (format == UNPACK_GZIP)
        return WINDOW_GZIP;
    return has_zlib_header(packed) ? WINDOW_ZLIB : WINDOW_BARE;
}

/* Hashed only once it is too long to be kept. */
static void take(struct unpacked *u, struct str piece)
{
    size_t room = u->head.max - u->head.len;

    if (u->size <= u->head.max && u->size + piece.n > u->head.max)
        u->hash = compare_hash(COMPARE_HASH_START, buf_view(&u->head));
    u->size += piece.n;
    if (u->size > u->head.max)
        u->hash = compare_hash(u->hash, piece);
    (void)!buf_add(&u->head, piece.p, piece.n < room ? piece.n : room);
}

static bool is_too_large(uint64_t size, size_t packed)
{
    return size > UNPACK_MAX || (size > UNPACK_FREE && size / UNPACK_RATIO_MAX > packed);
}

static int pour(z_stream *z, enum unpack_format format, size_t packed, struct unpacked *ret)
{
    char chunk[CHUNK];

    for (;;) {
        int r;

        z->next_out = (Bytef *)chunk;
        z->avail_out = sizeof chunk;
        r = inflate(z, Z_NO_FLUSH);
        take(ret, (struct str){chunk, sizeof chunk - z->avail_out});
        if (is_too_large(ret->size, packed))
            return UNPACK_TOO_LARGE;
        if (r == Z_OK)
            continue;
        if (r != Z_STREAM_END)
            return UNPACK_BROKEN;
        if (z->avail_in == 0)
            return 0;
        /* RFC 1952 2.2: several members make one file. */
        if (format != UNPACK_GZIP || inflateReset(z) != Z_OK)
            return UNPACK_BROKEN;
    }
}

int unpack(enum unpack_format format, struct str packed, struct unpacked *ret)
{
    z_stream z = {.zalloc = Z_NULL};
    int r;

    CHECK(packed.n <= UINT32_MAX);
    CHECK(inflateInit2(&z, window_of(format, packed)) == Z_OK);
    z.next_in = (const Bytef *)packed.p;
    z.avail_in = (uInt)packed.n;
    r = pour(&z, format, packed.n, ret);
    inflateEnd(&z);
    return r;
}
