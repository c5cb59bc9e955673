/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gzip.h"

#define ZLIB_CONST /* it does not write into what it is given */
#include <zlib.h>

#include "common/base/check.h"

#define WINDOW_GZIP (15 + 16) /* zlib's way to ask for the format of gzip */
#define MEMORY      8         /* its default */
#define CHUNK       (64u << 10)

/* zlib counts in unsigned int, so the content is given to it by the piece. */
static uInt next_piece(struct str *rest, z_stream *z)
{
    size_t n = rest->n < CHUNK ? rest->n : CHUNK;

    z->next_in = (const Bytef *)rest->p;
    z->avail_in = (uInt)n;
    *rest = (struct str){rest->p + n, rest->n - n};
    return z->avail_in;
}

static bool pack(z_stream *z, struct str rest, struct buf *ret)
{
    int r = Z_OK;

    while (r != Z_STREAM_END) {
        char *room = buf_reserve(ret, CHUNK);

        if (!room)
            return false;
        if (z->avail_in == 0)
            next_piece(&rest, z);
        z->next_out = (Bytef *)room;
        z->avail_out = CHUNK;
        r = deflate(z, rest.n == 0 ? Z_FINISH : Z_NO_FLUSH);
        CHECK(r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR);
        ret->len += CHUNK - z->avail_out;
    }
    return true;
}

bool gzip_pack(struct str content, struct buf *ret)
{
    z_stream z = {.zalloc = Z_NULL};
    bool packed;

    CHECK(deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY,
                       Z_DEFAULT_STRATEGY) == Z_OK);
    packed = pack(&z, content, ret);
    deflateEnd(&z);
    return packed;
}
