/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/names.h"

#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "sidecar/proxy/resolver.h"

#define TTL_MIN dur_s(1)
#define TTL_MAX dur_s(300)
/* A name that fails, and a family that a name does not have. */
#define FAILED_AGAIN dur_s(5)
#define NONE_AGAIN   dur_s(60)

/* The addresses of one family: asked for on their own, so that a server that drops questions for
 * IPv6 holds up nobody. */
struct half {
    struct name_entry *entry;
    struct address address[RESOLVER_ADDRESSES_MAX]; /* without port; in the resolver's order */
    unsigned count;
    bool asking;
    bool answered; /* once at least */
    mono_t due;    /* to be asked for again, when it is not being asked for */
};

struct name_entry {
    struct name_entry *prev, *next;
    struct names *names;
    char host[ENDPOINT_SIZE];
    struct half half[RESOLVER_FAMILY_COUNT];
    const char *why; /* the latest failure; NULL: none */
    bool used;       /* by the set */
};

struct names {
    struct loop *loop;
    struct resolver *resolver;
    names_fn fn;
    void *ctx;
    struct ruleset *set;      /* one reference; NULL: none yet */
    struct name_entry *known; /* utlist */
    unsigned known_count;
    bool too_many;    /* a host of the set has no entry */
    uint64_t version; /* rises when an address changes */
    uint64_t told_version;
    bool told_complete; /* of this set */
    struct loop_deferred tell;
    struct timer timer; /* the next half that is due */
};

static struct name_entry *find_entry(const struct names *n, const char *host)
{
    struct name_entry *e;

    DL_FOREACH (n->known, e) {
        if (strcmp(e->host, host) == 0)
            break;
    }
    return e;
}

static bool has_address(const struct name_entry *e)
{
    return e->half[RESOLVER_V4].count > 0 || e->half[RESOLVER_V6].count > 0;
}

static bool is_answered(const struct name_entry *e)
{
    return e->half[RESOLVER_V4].answered && e->half[RESOLVER_V6].answered;
}

unsigned names_get(const struct names *n, const struct endpoint *e,
                   struct address ret[NAMES_ADDRESSES_MAX])
{
    const struct name_entry *known;
    unsigned count = 0;

    if (address_parse(e->host, e->port, &ret[0]))
        return 1;
    known = find_entry(n, e->host);
    for (unsigned f = 0; known && f < RESOLVER_FAMILY_COUNT; f++) {
        const struct half *h = &known->half[f];

        for (unsigned i = 0; i < h->count && count < NAMES_ADDRESSES_MAX; i++) {
            ret[count] = h->address[i];
            address_set_port(&ret[count++], e->port);
        }
    }
    return count;
}

uint64_t names_version(const struct names *n)
{
    return n->version;
}

/* ---- the names of a set ---------------------------------------------------------------------- */

typedef void (*endpoint_fn)(void *ctx, const struct endpoint *e);

static void each_name(const struct ruleset *set, endpoint_fn fn, void *ctx)
{
    struct address literal;

    for (unsigned i = 0; i < set->count; i++) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            const struct route_upstream *u = &set->entry[i].route.upstream[s];

            for (unsigned k = 0; k < u->endpoint_count; k++) {
                if (!address_parse(u->endpoint[k].host, u->endpoint[k].port, &literal))
                    fn(ctx, &u->endpoint[k]);
            }
        }
    }
}

struct lacking_walk {
    const struct names *names;
    bool lacks;
};

static void note_lacking(void *ctx, const struct endpoint *e)
{
    struct lacking_walk *w = ctx;
    const struct name_entry *known = find_entry(w->names, e->host);

    if (!known || !has_address(known))
        w->lacks = true;
}

bool names_has_all(const struct names *n, const struct ruleset *set)
{
    struct lacking_walk w = {.names = n};

    each_name(set, note_lacking, &w);
    return !w.lacks;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* Whether all are answered for, and which has no address. */
static bool look_over(const struct names *n, struct names_news *news)
{
    const struct name_entry *e;

    if (n->too_many) {
        news->unresolved = "one more host";
        news->why = "the plans name more than 1024 hosts";
    }
    DL_FOREACH (n->known, e) {
        if (!e->used)
            continue;
        if (!is_answered(e))
            return false;
        if (has_address(e) || news->unresolved)
            continue;
        news->unresolved = e->host;
        news->why = e->why ? e->why : "it has no address";
    }
    return true;
}

static void on_tell(struct loop_deferred *d)
{
    struct names *n = container_of(d, struct names, tell);
    struct names_news news = {.set = n->set};

    news.complete = look_over(n, &news);
    if (n->version == n->told_version && (n->told_complete || !news.complete))
        return;
    n->told_version = n->version;
    n->told_complete = news.complete;
    n->fn(n->ctx, &news);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void on_timer(struct timer *t);

static void set_timer(struct names *n)
{
    const struct name_entry *e;
    mono_t first = {INT64_MAX};

    DL_FOREACH (n->known, e) {
        for (unsigned f = 0; e->used && f < RESOLVER_FAMILY_COUNT; f++)
            if (!e->half[f].asking && mono_before(e->half[f].due, first))
                first = e->half[f].due;
    }
    if (first.ns < INT64_MAX)
        timer_set(n->loop, &n->timer, mono_sub(first, loop_now(n->loop)), on_timer, "proxy names");
}

static bool same_addresses(const struct half *h, const struct resolver_answer *a)
{
    if (h->count != a->count)
        return false;
    for (unsigned i = 0; i < h->count; i++)
        if (!address_eq(&h->address[i], &a->address[i]))
            return false;
    return true;
}

static dur_t bounded(dur_t ttl)
{
    if (ttl.ns < TTL_MIN.ns)
        return TTL_MIN;
    return ttl.ns > TTL_MAX.ns ? TTL_MAX : ttl;
}

/* A family that the name has no more goes only while the other one stands. */
static bool is_believed(const struct half *h, const struct resolver_answer *a)
{
    const struct half *other = &h->entry->half[h == &h->entry->half[RESOLVER_V4]];

    return a->outcome == RESOLVER_FOUND || (a->outcome == RESOLVER_NONE && other->count > 0);
}

static void on_answer(void *ctx, const struct resolver_answer *a)
{
    struct half *h = ctx;
    struct names *n = h->entry->names;
    dur_t again = a->outcome == RESOLVER_FOUND ? bounded(a->ttl) : FAILED_AGAIN;

    h->asking = false;
    h->answered = true;
    h->entry->why = a->why;
    if (is_believed(h, a) && !same_addresses(h, a)) {
        memcpy(h->address, a->address, sizeof h->address);
        h->count = a->count;
        n->version++;
    }
    if (a->outcome == RESOLVER_NONE && has_address(h->entry))
        again = NONE_AGAIN;
    h->due = mono_add(loop_now(n->loop), again);
    loop_defer(n->loop, &n->tell, on_tell);
    set_timer(n);
}

/* Those of the set whose time has come. */
static void ask_due(struct names *n)
{
    struct name_entry *e;

    DL_FOREACH (n->known, e) {
        for (unsigned f = 0; e->used && f < RESOLVER_FAMILY_COUNT; f++) {
            struct half *h = &e->half[f];

            if (h->asking || mono_before(loop_now(n->loop), h->due))
                continue;
            h->asking = true;
            resolver_ask(n->resolver, e->host, (enum resolver_family)f, on_answer, h);
        }
    }
    set_timer(n);
}

static void on_timer(struct timer *t)
{
    ask_due(container_of(t, struct names, timer));
}

/* ---- the set --------------------------------------------------------------------------------- */

static void forget(struct names *n, struct name_entry *e)
{
    DL_DELETE(n->known, e);
    n->known_count--;
    xfreep(&e);
}

static bool is_idle(const struct name_entry *e)
{
    return !e->used && !e->half[RESOLVER_V4].asking && !e->half[RESOLVER_V6].asking;
}

/* The one that was not used for longest gives way. */
static void make_room(struct names *n)
{
    struct name_entry *e;

    DL_FOREACH (n->known, e) {
        if (is_idle(e))
            break;
    }
    if (e)
        forget(n, e);
}

static struct name_entry *add_entry(struct names *n, const char *host)
{
    struct name_entry *e;

    if (n->known_count == NAMES_MAX)
        make_room(n);
    if (n->known_count == NAMES_MAX)
        return NULL;
    e = xnew(struct name_entry);
    e->names = n;
    for (unsigned f = 0; f < RESOLVER_FAMILY_COUNT; f++)
        e->half[f].entry = e;
    CHECK(str_copy(str_of(host), e->host, sizeof e->host));
    DL_APPEND(n->known, e);
    n->known_count++;
    return e;
}

static void use_host(void *ctx, const struct endpoint *endpoint)
{
    struct names *n = ctx;
    struct name_entry *e = find_entry(n, endpoint->host);

    if (!e)
        e = add_entry(n, endpoint->host);
    if (e)
        e->used = true;
    else
        n->too_many = true;
}

void names_look_up(struct names *n, struct ruleset *set)
{
    struct name_entry *e;

    ruleset_unref(n->set);
    n->set = ruleset_ref(set);
    n->told_complete = false;
    n->too_many = false;
    DL_FOREACH (n->known, e) {
        e->used = false;
    }
    each_name(set, use_host, n);
    loop_defer(n->loop, &n->tell, on_tell);
    ask_due(n);
}

/* ---- life ------------------------------------------------------------------------------------ */

int names_new(struct loop *control, const char *resolver, names_fn fn, void *ctx,
              struct names **ret, struct err *err)
{
    struct names *n = xnew(struct names);
    int r = resolver_new(control, RESOLVER_CONF, resolver, &n->resolver, err);

    if (r < 0) {
        xfreep(&n);
        return err_ctx(err, "start the name lookup");
    }
    n->loop = control;
    n->fn = fn;
    n->ctx = ctx;
    *ret = n;
    return 0;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    resolver_free(n->resolver);
    timer_cancel(&n->timer);
    loop_undefer(&n->tell);
    while (n->known)
        forget(n, n->known);
    ruleset_unref(n->set);
    xfreep(&n);
}
