/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for probes and people on an address of their own: /healthz, /readyz, /status, /flags.
 *
 * One answer per connection. A client that is slow, large or one of many costs little: heads of at
 * most ADMIN_HEAD_MAX bytes, ADMIN_CONNECTIONS_MAX connections (more wait in the kernel's queue),
 * each over after ADMIN_DEADLINE. owner: control loop. */
#pragma once

#include "common/base/buf.h"
#include "common/loop/loop.h"

#define ADMIN_HEAD_MAX        8192
#define ADMIN_CONNECTIONS_MAX 16
#define ADMIN_DEADLINE        dur_s(5)
#define ADMIN_BODY_MAX        (4u << 20) /* all flags of all routes there may be */

/* What the pages say; called when a request asks. */
struct admin_pages {
    bool (*is_ready)(void *ctx);                /* /readyz: 200 or 503 */
    bool (*status)(void *ctx, struct buf *ret); /* /status: JSON; false: too large */
    bool (*flags)(void *ctx, struct buf *ret);  /* /flags: the same */
};

struct admin;

/* `listen` is "ADDRESS:PORT"; port 0 picks one. INVALID for another form, UNAVAILABLE, DENIED or IO
 * when it cannot be bound. */
int admin_new(const char *listen, struct loop *l, const struct admin_pages *pages, void *ctx,
              struct admin **ret, struct err *err) MUST_CHECK;
uint16_t admin_port(const struct admin *a);
struct admin *admin_free(struct admin *a); /* at once; tolerates NULL; returns NULL */
static inline void admin_freep(struct admin **a)
{
    *a = admin_free(*a);
}
