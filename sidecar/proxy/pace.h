/* SPDX-License-Identifier: Apache-2.0 */
/* A floor under the speed of a client that is waited for. A deadline that each byte starts anew
 * lets one that drips hold its connection forever; here its bytes are counted in windows as long as
 * that deadline, of the time that is the client's. Looked at when bytes have moved, so it costs no
 * timer.
 */
#pragma once

#include "common/base/clock.h"

/* Zero at first. */
struct pace {
    mono_t since;    /* waiting for the client; ns 0: for somebody else */
    dur_t waited;    /* for the client in this window, before that */
    uint64_t before; /* bytes that had moved when the window began */
};

/* Others are waited for from now on: that time does not count. */
static inline void pace_rest(struct pace *p, mono_t now)
{
    if (p->since.ns == 0)
        return;
    p->waited.ns += mono_sub(now, p->since).ns;
    p->since.ns = 0;
}

/* The client is waited for; `moved` bytes in all by `now`. False: the window is over, and fewer
 * than `floor` bytes a second have moved in it; and so until they have. */
static inline bool pace_holds(struct pace *p, uint64_t moved, mono_t now, dur_t window,
                              uint32_t floor)
{
    pace_rest(p, now);
    p->since = now;
    if (p->waited.ns < window.ns)
        return true;
    if ((double)(moved - p->before) < (double)floor * ((double)p->waited.ns / 1e9))
        return false;
    p->waited.ns = 0;
    p->before = moved;
    return true;
}
