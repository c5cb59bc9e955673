/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/frames.h"

#define MASKED     0x80u
#define LENGTH     0x7fu
#define LENGTH_U16 126
#define LENGTH_U64 127

/* Of the head that `f->head` begins, as far as two bytes tell. */
static size_t head_size(const struct frames *f)
{
    unsigned length = f->head[1] & LENGTH;
    size_t extended = length == LENGTH_U16 ? 2 : length == LENGTH_U64 ? 8 : 0;

    return 2 + extended + (f->head[1] & MASKED ? 4 : 0);
}

static uint64_t payload_size(const struct frames *f)
{
    unsigned length = f->head[1] & LENGTH;
    size_t extended = length == LENGTH_U16 ? 2 : length == LENGTH_U64 ? 8 : 0;
    uint64_t size = 0;

    if (extended == 0)
        return length;
    for (size_t i = 0; i < extended; i++)
        size = size << 8 | f->head[2 + i];
    return size;
}

static void pass_head_byte(struct frames *f, char byte)
{
    f->head[f->have++] = (uint8_t)byte;
    if (f->have < 2 || f->have < head_size(f))
        return;
    f->left = payload_size(f);
    f->have = 0;
}

void frames_pass(struct frames *f, struct str bytes)
{
    size_t at = 0;

    while (at < bytes.n) {
        if (f->left == 0) {
            pass_head_byte(f, bytes.p[at++]);
        } else {
            size_t n = bytes.n - at < f->left ? bytes.n - at : (size_t)f->left;

            f->left -= n;
            at += n;
        }
    }
}
