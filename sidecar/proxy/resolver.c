/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utlist.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/loop/timer.h"

#define TRY_MS 1000
#define TRIES  3
/* A line of /etc/hosts is believed for so long. */
#define HOSTS_TTL dur_s(60)

struct resolver_socket {
    struct resolver_socket *prev, *next;
    struct resolver *resolver;
    struct loop_watch watch;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct resolver_socket *sockets; /* utlist */
    struct timer timer;              /* the next deadline of a question */
    char seed[16];                   /* of the choice among many addresses */
    char *conf, *server;             /* owned; server may be NULL */
    struct timespec conf_read;       /* its last change that is known */
    bool closing;
};

struct question {
    struct resolver *resolver;
    resolver_fn fn;
    void *ctx;
};

static const int families[RESOLVER_FAMILY_COUNT] = {
    [RESOLVER_V4] = AF_INET,
    [RESOLVER_V6] = AF_INET6,
};

/* ---- sockets and time ------------------------------------------------------------------------ */

static void on_timer(struct timer *t);

static void set_timer(struct resolver *r)
{
    struct timeval wait;

    if (ares_timeout(r->channel, NULL, &wait))
        timer_set(r->loop, &r->timer, dur_ms((int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1),
                  on_timer, "resolver");
    else
        timer_cancel(&r->timer);
}

static void on_timer(struct timer *t)
{
    struct resolver *r = container_of(t, struct resolver, timer);

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

/* The socket may be gone afterwards. */
static void on_event(struct loop_watch *w, unsigned events)
{
    struct resolver *r = container_of(w, struct resolver_socket, watch)->resolver;
    const bool broken = events & LOOP_HANGUP;

    ares_process_fd(r->channel, broken || events & LOOP_READ ? w->fd : ARES_SOCKET_BAD,
                    broken || events & LOOP_WRITE ? w->fd : ARES_SOCKET_BAD);
    set_timer(r);
}

static void forget_socket(struct resolver *r, struct resolver_socket *s)
{
    loop_unwatch(&s->watch);
    DL_DELETE(r->sockets, s);
    xfreep(&s);
}

/* One that cannot be watched stays silent, and its questions run into their deadlines. */
static void watch_socket(struct resolver *r, int fd, unsigned events)
{
    struct resolver_socket *s = xnew(struct resolver_socket);

    if (loop_watch(r->loop, &s->watch, fd, events, on_event, NULL) < 0) {
        xfreep(&s);
        return;
    }
    s->resolver = r;
    DL_APPEND(r->sockets, s);
}

/* c-ares has opened a socket, waits for something else on it, or is about to close it. */
static void on_socket(void *data, ares_socket_t fd, int reads, int writes)
{
    const unsigned events = (reads ? LOOP_READ : 0u) | (writes ? LOOP_WRITE : 0u);
    struct resolver *r = data;
    struct resolver_socket *s;

    DL_FOREACH (r->sockets, s) {
        if (s->watch.fd == fd)
            break;
    }
    if (s && events)
        loop_want(&s->watch, events);
    else if (s)
        forget_socket(r, s);
    else if (events)
        watch_socket(r, fd, events);
}

/* ---- answers --------------------------------------------------------------------------------- */

static uint32_t rank_of(const struct resolver *r, const struct address *a)
{
    const struct str bytes = a->u.any.sa_family == AF_INET6
                                 ? (struct str){(const char *)&a->u.v6.sin6_addr, 16}
                                 : (struct str){(const char *)&a->u.v4.sin_addr, 4};

    return hash_murmur3_32((struct str){r->seed, sizeof r->seed}, bytes);
}

/* Lowest rank first: servers turn the order round at each answer, and it must not matter. */
static void add_address(const struct resolver *r, struct resolver_answer *answer,
                        const struct address *a)
{
    unsigned at = answer->count;

    for (unsigned i = 0; i < answer->count; i++)
        if (address_eq(&answer->address[i], a))
            return;
    while (at > 0 && rank_of(r, &answer->address[at - 1]) > rank_of(r, a))
        at--;
    if (at == RESOLVER_ADDRESSES_MAX)
        return;
    if (answer->count < RESOLVER_ADDRESSES_MAX)
        answer->count++;
    memmove(&answer->address[at + 1], &answer->address[at],
            (answer->count - 1 - at) * sizeof answer->address[0]);
    answer->address[at] = *a;
}

static void take_addresses(const struct resolver *r, const struct ares_addrinfo *found,
                           struct resolver_answer *answer)
{
    int ttl = INT32_MAX;

    for (const struct ares_addrinfo_cname *c = found->cnames; c; c = c->next)
        ttl = c->ttl < ttl ? c->ttl : ttl;
    for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next) {
        struct address a = {.len = n->ai_addrlen};

        if (n->ai_addrlen > sizeof a.u)
            continue;
        memcpy(&a.u, n->ai_addr, n->ai_addrlen);
        ttl = n->ai_ttl < ttl ? n->ai_ttl : ttl;
        add_address(r, answer, &a);
    }
    answer->ttl = dur_s(ttl);
}

static void on_answer(void *arg, int status, int timeouts UNUSED, struct ares_addrinfo *found)
{
    struct question *q = arg;
    struct resolver_answer answer = {.outcome = RESOLVER_FAILED};

    if (status == ARES_SUCCESS && found)
        take_addresses(q->resolver, found, &answer);
    if (answer.count > 0)
        answer.outcome = RESOLVER_FOUND;
    else if (status == ARES_SUCCESS || status == ARES_ENODATA)
        answer.outcome = RESOLVER_NONE;
    else
        answer.why = ares_strerror(status);
    ares_freeaddrinfo(found);
    if (!q->resolver->closing)
        q->fn(q->ctx, &answer);
    xfreep(&q);
}

/* ---- /etc/hosts ------------------------------------------------------------------------------ */

static void take_host(const struct resolver *r, const struct hostent *h,
                      struct resolver_answer *answer)
{
    for (char **at = h->h_addr_list; *at; at++) {
        struct address a = {.u.any.sa_family = (sa_family_t)h->h_addrtype};

        if (h->h_addrtype == AF_INET6) {
            memcpy(&a.u.v6.sin6_addr, *at, sizeof a.u.v6.sin6_addr);
            a.len = sizeof a.u.v6;
        } else {
            memcpy(&a.u.v4.sin_addr, *at, sizeof a.u.v4.sin_addr);
            a.len = sizeof a.u.v4;
        }
        add_address(r, answer, &a);
    }
}

/* A name that is there is not asked of DNS, for either family. */
static bool look_into_hosts(const struct resolver *r, const char *host, enum resolver_family family,
                            struct resolver_answer *answer)
{
    bool is_there = false;

    for (enum resolver_family f = 0; f < RESOLVER_FAMILY_COUNT; f++) {
        struct hostent *h = NULL;

        if (ares_gethostbyname_file(r->channel, host, families[f], &h) != ARES_SUCCESS)
            continue;
        is_there = true;
        if (f == family && h->h_addrtype == families[f])
            take_host(r, h, answer);
        ares_free_hostent(h);
    }
    answer->outcome = answer->count > 0 ? RESOLVER_FOUND : RESOLVER_NONE;
    answer->ttl = HOSTS_TTL;
    return is_there;
}

/* ---- the channel ----------------------------------------------------------------------------- */

static int open_channel(struct resolver *r, ares_channel *ret, struct err *err)
{
    char dns_only[] = "b";
    struct ares_options options = {
        .timeout = TRY_MS,
        .tries = TRIES,
        .lookups = dns_only,
        .resolvconf_path = r->conf,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = r,
    };
    int status = ares_init_options(ret, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                                       ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB);

    if (status != ARES_SUCCESS)
        return err_set(err, ERR_EXHAUSTED, "cannot begin to resolve names: %s",
                       ares_strerror(status));
    if (!r->server || ares_set_servers_ports_csv(*ret, r->server) == ARES_SUCCESS)
        return 0;
    ares_destroy(*ret);
    return err_set(err, ERR_INVALID, "\"%s\" is no address of a DNS server", r->server);
}

/* One that is not there counts as never changed. */
static struct timespec changed_at(const struct resolver *r)
{
    struct stat s = {0};

    return stat(r->conf, &s) == 0 ? s.st_mtim : (struct timespec){0};
}

/* What was asked of the servers before fails, and is asked again soon. */
static void follow_conf(struct resolver *r)
{
    const struct timespec now = changed_at(r);
    ares_channel fresh, before = r->channel;

    if (now.tv_sec == r->conf_read.tv_sec && now.tv_nsec == r->conf_read.tv_nsec)
        return;
    r->conf_read = now;
    if (open_channel(r, &fresh, NULL) < 0)
        return;
    r->channel = fresh;
    ares_destroy(before);
}

void resolver_ask(struct resolver *r, const char *host, enum resolver_family family, resolver_fn fn,
                  void *ctx)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = families[family],
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT, /* sorting opens a socket for each address */
    };
    struct resolver_answer answer = {.count = 0};
    struct question *q;

    follow_conf(r);
    if (look_into_hosts(r, host, family, &answer)) {
        fn(ctx, &answer);
        return;
    }
    q = xnew(struct question);
    q->resolver = r;
    q->fn = fn;
    q->ctx = ctx;
    ares_getaddrinfo(r->channel, host, NULL, &hints, on_answer, q);
    set_timer(r);
}

/* ---- life ------------------------------------------------------------------------------------ */

int resolver_new(struct loop *l, const char *conf, const char *server, struct resolver **ret,
                 struct err *err)
{
    struct resolver *r = xnew(struct resolver);
    struct rng rng;
    int status;

    r->loop = l;
    r->conf = xmemdup(conf, strlen(conf) + 1);
    r->server = server ? xmemdup(server, strlen(server) + 1) : NULL;
    r->conf_read = changed_at(r);
    rng_seed_system(&rng);
    for (size_t i = 0; i < sizeof r->seed; i++)
        r->seed[i] = (char)rng_below(&rng, 256);
    status = open_channel(r, &r->channel, err);
    if (status < 0) {
        r->channel = NULL;
        resolver_free(r);
        return status;
    }
    *ret = r;
    return 0;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->channel)
        ares_destroy(r->channel);
    timer_cancel(&r->timer);
    while (r->sockets)
        forget_socket(r, r->sockets);
    xfreep(&r->conf);
    xfreep(&r->server);
    xfreep(&r);
}
