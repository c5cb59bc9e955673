/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tar.h"

#define BLOCK 512u

/* The header's fields, in order; numbers are octal text. */
struct header {
    char path[TAR_PATH_MAX];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char modified[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char device[16];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/* The sum of the header's bytes, its own place counted as spaces. */
static void sign(struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;

    memset(h->checksum, ' ', sizeof h->checksum);
    for (size_t i = 0; i < sizeof *h; i++)
        sum += bytes[i];
    str_fmt(h->checksum, sizeof h->checksum, "%06o", sum);
}

static void fill(struct header *h, const char *path, wall_t modified, size_t size)
{
    int64_t seconds = modified.ns / 1000000000;

    *h = (struct header){.type = '0', .version = {'0', '0'}};
    str_fmt(h->path, sizeof h->path, "%s", path);
    str_fmt(h->mode, sizeof h->mode, "%07o", 0600);
    str_fmt(h->uid, sizeof h->uid, "%07o", 0);
    str_fmt(h->gid, sizeof h->gid, "%07o", 0);
    str_fmt(h->size, sizeof h->size, "%011llo", (unsigned long long)size);
    str_fmt(h->modified, sizeof h->modified, "%011llo",
            (unsigned long long)(seconds > 0 ? seconds : 0));
    memcpy(h->magic, "ustar", sizeof h->magic);
    sign(h);
}

bool tar_add(struct buf *archive, const char *path, wall_t modified, struct str content)
{
    static const char zeros[BLOCK];
    size_t before = archive->len;
    struct header h;

    if (strlen(path) >= TAR_PATH_MAX)
        return false;
    fill(&h, path, modified, content.n);
    if (buf_add(archive, &h, sizeof h) && buf_add_str(archive, content) &&
        buf_add(archive, zeros, (BLOCK - content.n % BLOCK) % BLOCK))
        return true;
    archive->len = before;
    return false;
}

/* Two blocks of zeros. */
bool tar_end(struct buf *archive)
{
    static const char zeros[2 * BLOCK];

    return buf_add(archive, zeros, sizeof zeros);
}
