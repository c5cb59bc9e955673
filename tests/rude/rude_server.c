/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rude/rude_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define GUESTS_MAX 64u
#define HEARD_SIZE 4096u
#define DRIP_MS    5

struct rude_server {
    int listener;
    int wake[2]; /* a pipe; closed to stop */
    unsigned port;
    pthread_t thread;

    /* Protects what follows. */
    pthread_mutex_t lock;
    enum rude_manner manner;
    const char *text;
    unsigned connections;
    char heard[HEARD_SIZE];
    size_t heard_size;
};

struct guest {
    int fd; /* -1: none */
    enum rude_manner manner;
    bool endless; /* was told the text, and is told more */
};

/* ---- one guest ------------------------------------------------------------------------------- */

static void see_off(struct guest *g, bool reset)
{
    struct linger linger = {.l_onoff = 1};

    if (reset)
        (void)setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(g->fd);
    g->fd = -1;
}

static void say(struct guest *g, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(g->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

static void note(struct rude_server *s, struct guest *g, const char *from, size_t n)
{
    pthread_mutex_lock(&s->lock);
    if (n > HEARD_SIZE - 1 - s->heard_size)
        n = HEARD_SIZE - 1 - s->heard_size;
    memcpy(s->heard + s->heard_size, from, n);
    s->heard_size += n;
    g->manner = s->manner;
    pthread_mutex_unlock(&s->lock);
}

static void listen_to(struct rude_server *s, struct guest *g)
{
    char in[4096];
    ssize_t n = recv(g->fd, in, sizeof in, MSG_DONTWAIT);
    const char *text;

    if (n <= 0) {
        see_off(g, false);
        return;
    }
    note(s, g, in, (size_t)n);
    pthread_mutex_lock(&s->lock);
    text = s->text ? s->text : "";
    pthread_mutex_unlock(&s->lock);
    if (g->manner != RUDE_SILENT && !g->endless)
        say(g, text, strlen(text));
    if (g->manner == RUDE_SAY || g->manner == RUDE_RESET)
        see_off(g, g->manner == RUDE_RESET);
    else
        g->endless = g->manner >= RUDE_FLOOD;
}

static void go_on(struct rude_server *s, struct guest *g)
{
    char block[4096];
    const char *text;

    pthread_mutex_lock(&s->lock);
    text = s->text ? s->text : "";
    pthread_mutex_unlock(&s->lock);
    memset(block, 'x', sizeof block);
    if (g->manner == RUDE_DRIP)
        say(g, "x", 1);
    else if (g->manner == RUDE_FLOOD)
        say(g, block, sizeof block);
    else
        say(g, text, strlen(text));
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void welcome(struct rude_server *s, struct guest *guest)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    pthread_mutex_lock(&s->lock);
    s->connections++;
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < GUESTS_MAX; i++)
        if (guest[i].fd < 0) {
            guest[i] = (struct guest){.fd = fd};
            return;
        }
    close(fd);
}

static short wanted(const struct guest *g)
{
    return g->endless && g->manner != RUDE_DRIP ? POLLIN | POLLOUT : POLLIN;
}

static bool any_drips(const struct guest *guest)
{
    for (unsigned i = 0; i < GUESTS_MAX; i++)
        if (guest[i].fd >= 0 && guest[i].endless && guest[i].manner == RUDE_DRIP)
            return true;
    return false;
}

static void attend(struct rude_server *s, struct guest *g, short events)
{
    if (events & (POLLIN | POLLHUP | POLLERR))
        listen_to(s, g);
    if (g->fd >= 0 && g->endless && (g->manner == RUDE_DRIP || (events & POLLOUT)))
        go_on(s, g);
}

static void *run(void *arg)
{
    struct rude_server *s = arg;
    struct guest guest[GUESTS_MAX];
    struct pollfd fd[GUESTS_MAX + 2];

    for (unsigned i = 0; i < GUESTS_MAX; i++)
        guest[i] = (struct guest){.fd = -1};
    for (;;) {
        fd[0] = (struct pollfd){s->wake[0], POLLIN, 0};
        fd[1] = (struct pollfd){s->listener, POLLIN, 0};
        for (unsigned i = 0; i < GUESTS_MAX; i++)
            fd[i + 2] = (struct pollfd){guest[i].fd, wanted(&guest[i]), 0};
        (void)poll(fd, GUESTS_MAX + 2, any_drips(guest) ? DRIP_MS : -1);
        if (fd[0].revents)
            break;
        for (unsigned i = 0; i < GUESTS_MAX; i++)
            if (guest[i].fd >= 0)
                attend(s, &guest[i], fd[i + 2].revents);
        if (fd[1].revents)
            welcome(s, guest);
    }
    for (unsigned i = 0; i < GUESTS_MAX; i++)
        if (guest[i].fd >= 0)
            close(guest[i].fd);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int bound(unsigned *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

struct rude_server *rude_start(enum rude_manner manner, const char *text)
{
    struct rude_server *s = xnew(struct rude_server);

    s->manner = manner;
    s->text = text;
    s->listener = bound(&s->port);
    CHECK(listen(s->listener, (int)GUESTS_MAX) == 0 && pipe2(s->wake, O_CLOEXEC) == 0);
    pthread_mutex_init(&s->lock, NULL);
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void rude_stop(struct rude_server *s)
{
    close(s->wake[1]);
    CHECK(pthread_join(s->thread, NULL) == 0);
    close(s->wake[0]);
    close(s->listener);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

unsigned rude_port(const struct rude_server *s)
{
    return s->port;
}

const char *rude_url(const struct rude_server *s, const char *path)
{
    static char text[8][256];
    static unsigned next;
    char *dst = text[next++ % 8];

    snprintf(dst, sizeof text[0], "http://127.0.0.1:%u%s", s->port, path);
    return dst;
}

unsigned rude_connections(struct rude_server *s)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *rude_heard(struct rude_server *s, char *dst)
{
    pthread_mutex_lock(&s->lock);
    memcpy(dst, s->heard, s->heard_size);
    dst[s->heard_size] = '\0';
    pthread_mutex_unlock(&s->lock);
    return dst;
}

void rude_become(struct rude_server *s, enum rude_manner manner, const char *text)
{
    pthread_mutex_lock(&s->lock);
    s->manner = manner;
    s->text = text;
    pthread_mutex_unlock(&s->lock);
}

unsigned rude_no_port(void)
{
    unsigned port;

    close(bound(&port));
    return port;
}
