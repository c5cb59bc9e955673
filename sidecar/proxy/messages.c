/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/messages.h"

/* A byte that says how it is compressed, then its length. */
static void pass_head_byte(struct messages *m, char byte)
{
    m->head[m->have++] = (uint8_t)byte;
    if (m->have < sizeof m->head)
        return;
    for (size_t i = 1; i < sizeof m->head; i++)
        m->left = m->left << 8 | m->head[i];
    m->have = 0;
}

/* One byte of a head, or what is here of a message. */
static size_t pass_part(struct messages *m, struct str bytes)
{
    size_t n = bytes.n < m->left ? bytes.n : m->left;

    if (m->left == 0) {
        pass_head_byte(m, bytes.p[0]);
        return 1;
    }
    m->left -= (uint32_t)n;
    return n;
}

size_t messages_pass(struct messages *m, struct str bytes)
{
    size_t at = 0;

    while (at < bytes.n && !(m->stops && messages_are_whole(m)))
        at += pass_part(m, (struct str){bytes.p + at, bytes.n - at});
    return at;
}
