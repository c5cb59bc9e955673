/* SPDX-License-Identifier: Apache-2.0 */
/* Where WebSocket frames end (RFC 6455 5.2), so that a close frame can be put between two of them.
 *
 * Only lengths are read; payload is passed over, whatever extensions were agreed on. Pure. */
#pragma once

#include "common/base/str.h"

/* One direction of a connection. Zeroed memory is one that has not begun. */
struct frames {
    uint64_t left; /* payload of the current frame still to come */
    uint8_t head[14];
    uint8_t have; /* bytes of `head`; 0 in payload and between frames */
};

/* These bytes go by next, in pieces of any size. */
void frames_pass(struct frames *f, struct str bytes);

/* Whether what has passed ends with a frame. */
static inline bool frames_are_whole(const struct frames *f)
{
    return f->left == 0 && f->have == 0;
}

/* Close, 1001 "going away" (RFC 6455 7.4.1). What goes to a server has to be masked (5.1); it holds
 * nothing that a mask of zeros would have to hide. */
#define FRAMES_CLOSE_TO_CLIENT ((struct str){"\x88\x02\x03\xe9", 4})
#define FRAMES_CLOSE_TO_SERVER ((struct str){"\x88\x82\0\0\0\0\x03\xe9", 8})
