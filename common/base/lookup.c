/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"

#define HOST_SIZE 256
#define PORT_SIZE 8

/* Shared by who asks and the thread that asks the system; who is last frees it. */
struct question {
    atomic_int users;
    char host[HOST_SIZE];
    char port[PORT_SIZE];
    int flags;
    int told, tell; /* ends of a pair of sockets; one byte says that the rest is filled in */
    int r;          /* of getaddrinfo() */
    struct lookup found;
};

static atomic_int asking;

static void question_unref(struct question *q)
{
    if (atomic_fetch_sub(&q->users, 1) > 1)
        return;
    close(q->told);
    close(q->tell);
    free(q);
}

static void keep(struct lookup *l, const struct addrinfo *found)
{
    for (const struct addrinfo *a = found; a && l->count < LOOKUP_MAX; a = a->ai_next) {
        struct lookup_address *to = &l->address[l->count];

        if (a->ai_addrlen > sizeof to->at)
            continue;
        memcpy(&to->at, a->ai_addr, a->ai_addrlen);
        to->size = a->ai_addrlen;
        l->count++;
    }
}

static void ask_system(struct question *q)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = q->flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;

    q->r = getaddrinfo(q->host, q->port, &hints, &found);
    if (q->r != 0)
        return;
    keep(&q->found, found);
    freeaddrinfo(found);
}

static void *run(void *arg)
{
    struct question *q = arg;

    ask_system(q);
    (void)send(q->tell, "", 1, MSG_NOSIGNAL);
    question_unref(q);
    atomic_fetch_sub(&asking, 1);
    return NULL;
}

static int start(struct question *q, struct err *err)
{
    pthread_t thread;
    int r;

    if (atomic_fetch_add(&asking, 1) >= LOOKUP_LEFT_MAX) {
        atomic_fetch_sub(&asking, 1);
        return err_set(err, ERR_EXHAUSTED, "look up %s: %d lookups wait for the system already",
                       q->host, LOOKUP_LEFT_MAX);
    }
    atomic_fetch_add(&q->users, 1);
    r = pthread_create(&thread, NULL, run, q);
    if (r != 0) {
        atomic_fetch_sub(&q->users, 1);
        atomic_fetch_sub(&asking, 1);
        return err_errno(err, r, "look up %s", q->host);
    }
    pthread_detach(thread);
    return 0;
}

static int wait_for(struct question *q, const struct patience *p, struct err *err)
{
    char byte;
    int r = patience_wait(p, q->told, POLLIN, err);

    if (r < 0)
        return err_ctx(err, "look up %s", q->host);
    if (recv(q->told, &byte, 1, 0) != 1)
        return err_errno(err, errno, "look up %s", q->host);
    return 0;
}

static int read_found(const struct question *q, struct lookup *ret, struct err *err)
{
    if (q->r == 0 && q->found.count > 0) {
        *ret = q->found;
        return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, "look up %s: %s", q->host,
                   q->r ? gai_strerror(q->r) : "it has no address");
}

static int question_new(const char *host, const char *port, struct question **ret, struct err *err)
{
    struct question *q = xnew(struct question);
    int pair[2];

    if (!str_copy(str_of(host), q->host, sizeof q->host) || !host[0] ||
        !str_copy(str_of(port), q->port, sizeof q->port)) {
        free(q);
        return err_set(err, ERR_INVALID, "%.40s is no host with a port", host);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        free(q);
        return err_errno(err, errno, "look up %s", host);
    }
    atomic_init(&q->users, 1);
    q->told = pair[0];
    q->tell = pair[1];
    *ret = q;
    return 0;
}

int lookup_host(const char *host, const char *port, const struct patience *p, struct lookup *ret,
                struct err *err)
{
    struct question *q = NULL;
    int r = question_new(host, port, &q, err);

    if (r < 0)
        return r;
    q->flags = AI_NUMERICHOST;
    ask_system(q);
    if (q->r != 0) {
        q->flags = AI_ADDRCONFIG;
        r = start(q, err);
        if (r == 0)
            r = wait_for(q, p, err);
    }
    if (r == 0)
        r = read_found(q, ret, err);
    question_unref(q);
    return r;
}

const char *lookup_text(const struct lookup_address *a, char *dst)
{
    if (getnameinfo((const struct sockaddr *)&a->at, a->size, dst, LOOKUP_TEXT_SIZE, NULL, 0,
                    NI_NUMERICHOST) != 0)
        dst[0] = '\0';
    return dst;
}
