/* SPDX-License-Identifier: Apache-2.0 */
/* Where gRPC messages end (PROTOCOL-HTTP2, "Length-Prefixed-Message"), so that a call can be ended
 * between two of them. Only lengths are read. Pure. */
#pragma once

#include "common/base/str.h"

/* One direction of a call. Zeroed memory is one that has not begun. */
struct messages {
    uint32_t left; /* of the current message still to come */
    uint8_t head[5];
    uint8_t have; /* bytes of `head`; 0 in a message and between messages */
    bool stops;   /* nothing passes behind the current message */
};

/* These bytes come next, in pieces of any size. Returns how many of them pass. */
size_t messages_pass(struct messages *m, struct str bytes);

/* Whether what has passed ends with a message. */
static inline bool messages_are_whole(const struct messages *m)
{
    return m->left == 0 && m->have == 0;
}
