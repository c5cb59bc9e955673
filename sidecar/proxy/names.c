/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/names.h"

#include <netdb.h>
#include <stdatomic.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/worker.h"

struct name_entry {
    char host[ENDPOINT_SIZE];
    struct address address[NAMES_ADDRESSES_MAX]; /* without port */
    unsigned count;
};

/* One lookup; moves to the worker and back. */
struct lookup {
    struct worker_job job;
    struct names *names;
    struct ruleset *set; /* one reference */
    struct name_entry
        *entry; /* the worker writes those from `done` on, the loop reads the others */
    unsigned count;
    atomic_uint done;
    unsigned failed; /* index + 1 of the first entry without an address */
    char why[TEXT_SIZE];
};

struct names {
    struct worker *worker;
    names_fn fn;
    void *ctx;
    bool closing;
    struct lookup *running; /* with the worker */
    struct ruleset *next;   /* waits for it; one reference */
    struct name_entry *known;
    unsigned known_count;
    uint64_t version; /* rises when `known` changes */
};

static struct name_entry *find_entry(struct name_entry *entry, unsigned count, const char *host)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(entry[i].host, host) == 0)
            return &entry[i];
    }
    return NULL;
}

unsigned names_get(const struct names *n, const struct endpoint *e,
                   struct address ret[NAMES_ADDRESSES_MAX])
{
    const struct name_entry *known;

    if (address_parse(e->host, e->port, &ret[0]))
        return 1;
    known = find_entry(n->known, n->known_count, e->host);
    for (unsigned i = 0; known && i < known->count; i++) {
        ret[i] = known->address[i];
        address_set_port(&ret[i], e->port);
    }
    return known ? known->count : 0;
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

struct need_walk {
    const struct names *names;
    struct names_need need;
};

static void note_need(void *ctx, const struct endpoint *e)
{
    struct need_walk *w = ctx;

    w->need.any = true;
    if (!find_entry(w->names->known, w->names->known_count, e->host))
        w->need.unknown = true;
}

struct names_need names_check(const struct names *n, const struct ruleset *set)
{
    struct need_walk w = {.names = n};

    each_name(set, note_need, &w);
    return w.need;
}

static void note_host(void *ctx, const struct endpoint *e)
{
    struct lookup *l = ctx;

    if (l->count == NAMES_MAX || find_entry(l->entry, l->count, e->host))
        return;
    l->entry = xrealloc(l->entry, (l->count + 1) * sizeof *l->entry);
    l->entry[l->count] = (struct name_entry){.count = 0};
    CHECK(str_copy(str_of(e->host), l->entry[l->count].host, ENDPOINT_SIZE));
    l->count++;
}

/* ---- the lookup, on the worker's thread ------------------------------------------------------ */

static void take_addresses(struct name_entry *e, const struct addrinfo *found)
{
    for (; found && e->count < NAMES_ADDRESSES_MAX; found = found->ai_next) {
        struct address *a = &e->address[e->count];

        if (found->ai_addrlen > sizeof a->u)
            continue;
        memcpy(&a->u, found->ai_addr, found->ai_addrlen);
        a->len = found->ai_addrlen;
        e->count++;
    }
}

static void look_up(struct worker_job *job)
{
    struct lookup *l = container_of(job, struct lookup, job);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    for (unsigned i = 0; i < l->count; i++) {
        struct addrinfo *found = NULL;
        int r = getaddrinfo(l->entry[i].host, NULL, &hints, &found);

        if (r == 0)
            take_addresses(&l->entry[i], found);
        if (found)
            freeaddrinfo(found);
        if (l->entry[i].count == 0 && l->failed == 0) {
            l->failed = i + 1;
            str_fmt(l->why, sizeof l->why, "%s", r ? gai_strerror(r) : "it has no address");
        }
        atomic_store_explicit(&l->done, i + 1, memory_order_release);
    }
}

/* ---- and back -------------------------------------------------------------------------------- */

static bool has_address(const struct name_entry *e, const struct address *a)
{
    for (unsigned i = 0; i < e->count; i++)
        if (address_eq(&e->address[i], a))
            return true;
    return false;
}

/* Resolvers turn the order round at each answer. */
static bool same_addresses(const struct name_entry *a, const struct name_entry *b)
{
    for (unsigned i = 0; i < a->count; i++)
        if (!has_address(b, &a->address[i]))
            return false;
    return a->count == b->count;
}

static void remember(struct names *n, const struct name_entry *e)
{
    struct name_entry *known = find_entry(n->known, n->known_count, e->host);

    if (e->count == 0 || (known && same_addresses(known, e)))
        return; /* a name that was known and fails now keeps its addresses */
    n->version++;
    if (!known) {
        if (n->known_count == NAMES_MAX)
            n->known_count = 0; /* the names in use come back with the next lookup */
        n->known = xrealloc(n->known, (n->known_count + 1) * sizeof *n->known);
        known = &n->known[n->known_count++];
    }
    *known = *e;
}

static void remember_done(struct names *n, const struct lookup *l)
{
    unsigned done = atomic_load_explicit(&l->done, memory_order_acquire);

    for (unsigned i = 0; i < done; i++)
        remember(n, &l->entry[i]);
}

void names_take_early(struct names *n)
{
    if (n->running)
        remember_done(n, n->running);
}

uint64_t names_version(const struct names *n)
{
    return n->version;
}

static void free_lookup(struct lookup *l)
{
    ruleset_unref(l->set);
    xfreep(&l->entry);
    xfreep(&l);
}

static void start(struct names *n, struct ruleset *set);

static void on_looked_up(struct worker_job *job)
{
    struct lookup *l = container_of(job, struct lookup, job);
    struct names *n = l->names;
    struct ruleset *next = steal(n->next);
    const char *failed = NULL;

    n->running = NULL;
    remember_done(n, l);
    for (unsigned i = 0; i < l->count && !failed; i++)
        if (!find_entry(n->known, n->known_count, l->entry[i].host))
            failed = l->entry[i].host;
    if (n->closing)
        ruleset_unref(next);
    else if (next)
        start(n, next);
    if (!n->closing && !next)
        n->fn(n->ctx, l->set, failed, l->why);
    free_lookup(l);
}

static void start(struct names *n, struct ruleset *set)
{
    struct lookup *l = xnew(struct lookup);

    l->names = n;
    l->set = set;
    l->job.run = look_up;
    l->job.done = on_looked_up;
    each_name(set, note_host, l);
    n->running = l;
    CHECK(worker_do(n->worker, &l->job));
}

void names_look_up(struct names *n, struct ruleset *set)
{
    if (!n->running) {
        start(n, ruleset_ref(set));
        return;
    }
    ruleset_unref(n->next);
    n->next = ruleset_ref(set);
}

int names_new(struct loop *control, names_fn fn, void *ctx, struct names **ret, struct err *err)
{
    struct names *n = xnew(struct names);
    int r = worker_new(control, "proxy-names", 1, &n->worker, err);

    if (r < 0) {
        xfreep(&n);
        return err_ctx(err, "start the name lookup");
    }
    n->fn = fn;
    n->ctx = ctx;
    *ret = n;
    return 0;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    n->closing = true;
    worker_free(n->worker);
    ruleset_unref(n->next);
    xfreep(&n->known);
    xfreep(&n);
}
