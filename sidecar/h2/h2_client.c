/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_client.h"

#include <utlist.h>

#include "common/base/mem.h"

struct link {
    struct link *prev, *next;
    struct h2_session *session;
};

struct h2_client {
    struct loop *loop;
    struct h2_config config;
    h2_dial_fn dial;
    void *ctx;
    struct link *links; /* utlist */
    unsigned count;
};

static void drop(struct h2_client *c, struct link *l)
{
    DL_DELETE(c->links, l);
    c->count--;
    h2_session_free(l->session);
    xfreep(&l);
}

static void on_over(void *ctx, struct h2_session *s)
{
    struct h2_client *c = ctx;
    struct link *l;

    DL_FOREACH (c->links, l) {
        if (l->session == s)
            break;
    }
    drop(c, l);
}

static void on_limit(void *ctx, struct h2_session *s);

static struct link *connect_one(struct h2_client *c)
{
    const struct h2_hooks hooks = {.on_limit = on_limit, .on_over = on_over};
    struct link *l = xnew(struct link);

    l->session = h2_session_new(c->loop, &c->config, &hooks, c);
    DL_APPEND(c->links, l);
    c->count++;
    if (c->dial(c->ctx, h2_session_link(l->session), h2_session_on_event)) {
        h2_session_start(l->session, (struct str){NULL, 0});
        return l;
    }
    drop(c, l);
    return NULL;
}

/* One that has room, the oldest first so that others may grow idle; NULL: none has. */
static struct link *find_roomy(const struct h2_client *c)
{
    struct link *l;

    DL_FOREACH (c->links, l) {
        if (h2_session_has_room(l->session))
            return l;
    }
    return NULL;
}

/* The one with the fewest streams, which waits its turn there. */
static struct link *find_least_busy(const struct h2_client *c)
{
    struct link *l, *best = NULL;

    DL_FOREACH (c->links, l) {
        if (!h2_session_is_leaving(l->session) &&
            (!best || h2_session_streams(l->session) < h2_session_streams(best->session)))
            best = l;
    }
    return best;
}

static unsigned count_staying(const struct h2_client *c)
{
    const struct link *l;
    unsigned n = 0;

    DL_FOREACH (c->links, l)
        n += !h2_session_is_leaving(l->session);
    return n;
}

/* One with room, if need be a new one; NULL: there is none, and can be none. */
static struct link *find_room(struct h2_client *c)
{
    struct link *l = find_roomy(c);

    return l || count_staying(c) >= H2_CLIENT_LINKS_MAX ? l : connect_one(c);
}

/* It takes fewer streams than were given to it before that was known. */
static void on_limit(void *ctx, struct h2_session *s)
{
    struct h2_client *c = ctx;
    struct link *l;

    while (h2_session_is_overfull(s) && (l = find_room(c))) {
        if (!h2_session_pass_on(s, l->session))
            return;
    }
}

bool h2_client_open(struct h2_client *c, struct transport *t, unsigned events, transport_fn fn,
                    bool *ret_reused)
{
    struct link *l = find_roomy(c);

    *ret_reused = l != NULL;
    if (!l)
        l = find_room(c);
    if (!l)
        l = find_least_busy(c);
    if (!l)
        return false;
    h2_session_open(l->session, t, events, fn);
    return true;
}

unsigned h2_client_links(const struct h2_client *c)
{
    return c->count;
}

struct h2_client *h2_client_new(struct loop *loop, const struct h2_config *config, h2_dial_fn dial,
                                void *ctx)
{
    struct h2_client *c = xnew(struct h2_client);

    c->loop = loop;
    c->config = *config;
    c->dial = dial;
    c->ctx = ctx;
    return c;
}

void h2_client_free(struct h2_client *c)
{
    if (!c)
        return;
    while (c->links)
        drop(c, c->links);
    xfreep(&c);
}
