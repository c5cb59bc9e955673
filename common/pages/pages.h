/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for probes, scrapers and people on an address of their own: /healthz, /metrics, ...
 *
 * One answer per connection. A client that is slow, large or one of many costs little: heads of at
 * most PAGES_HEAD_MAX bytes, PAGES_CONNECTIONS_MAX connections (more wait in the kernel's queue),
 * each over after PAGES_DEADLINE. owner: the loop. */
#pragma once

#include "common/base/buf.h"
#include "common/loop/loop.h"

#define PAGES_HEAD_MAX        8192
#define PAGES_CONNECTIONS_MAX 16
#define PAGES_DEADLINE        dur_s(5)
#define PAGES_BODY_MAX        (4u << 20) /* all flags of all routes there may be */

#define PAGES_JSON    "application/json"
#define PAGES_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* What a page says, asked when a request comes: a body of `type` (tell), or one of two sentences
 * (is_fine: 200 or 503). */
struct page {
    struct str path;
    const char *type;
    bool (*tell)(void *ctx, struct buf *ret); /* false: too large */
    bool (*is_fine)(void *ctx);
    const char *fine, *not_fine;
};

struct pages;

/* `listen` is "ADDRESS:PORT"; port 0 picks one. `page` is borrowed. INVALID for another form,
 * UNAVAILABLE, DENIED or IO when it cannot be bound. */
int pages_new(const char *listen, struct loop *l, const struct page *page, unsigned count,
              void *ctx, struct pages **ret, struct err *err) MUST_CHECK;
uint16_t pages_port(const struct pages *p);
struct pages *pages_free(struct pages *p); /* at once; tolerates NULL; returns NULL */
static inline void pages_freep(struct pages **p)
{
    *p = pages_free(*p);
}
