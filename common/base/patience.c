/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/patience.h"

#include <errno.h>
#include <poll.h>

/* How late the flag may be seen. */
#define SLICE_MS 20

struct patience patience_for(dur_t d, const atomic_bool *stop)
{
    return (struct patience){mono_add(clock_system->mono(clock_system), d), stop};
}

dur_t patience_left(const struct patience *p)
{
    dur_t left = mono_sub(p->until, clock_system->mono(clock_system));

    return left.ns > 0 ? left : dur_s(0);
}

int patience_check(const struct patience *p, struct err *err)
{
    if (p->stop && atomic_load(p->stop))
        return err_set(err, ERR_CANCELLED, "it was given up");
    if (patience_left(p).ns == 0)
        return err_set(err, ERR_TIMEOUT, "it takes too long");
    return 0;
}

/* The next slice, in milliseconds that are rounded up: 0 would spin. */
static int slice_ms(const struct patience *p)
{
    int64_t ms = dur_to_ms(patience_left(p)) + 1;

    return p->stop && ms > SLICE_MS ? SLICE_MS : (int)(ms > 1000000 ? 1000000 : ms);
}

int patience_wait(const struct patience *p, int fd, short events, struct err *err)
{
    struct pollfd at = {.fd = fd, .events = events};

    for (;;) {
        int r = patience_check(p, err);

        if (r < 0)
            return r;
        r = poll(&at, 1, slice_ms(p));
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return err_errno(err, errno, "poll");
    }
}
