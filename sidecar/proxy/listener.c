/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/proxy/conn.h"

#define BACKLOG      4096
#define ACCEPT_BATCH 64
/* Out of descriptors: give others the time to close some. */
#define ACCEPT_PAUSE dur_ms(100)
/* Past the limit this many more are told so; the rest are closed without a word. */
#define REFUSALS_MAX 256

/* ---- binding --------------------------------------------------------------------------------- */

static int fail_bind(const struct address *a, const char *what, struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];
    int errnum = errno;
    int r;

    address_text(a, text);
    r = err_errno(err, errnum, "%s %s port %u", what, text, address_port(a));
    if (errnum == EADDRINUSE)
        err_hint(err, "another program listens there: stop it, or choose another port");
    return r;
}

static int bind_one(struct address *a, bool shared, int *ret_fd, struct err *err)
{
    const int one = 1;
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail_bind(a, "open a socket for", err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    /* Accepted sockets inherit it. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, &a->u.any, a->len) < 0) {
        int r = fail_bind(a, "listen on", err);

        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static int listen_one(struct address *a, int *ret_fd, struct err *err)
{
    int r = bind_one(a, true, ret_fd, err);

    if (r < 0)
        return r;
    if (listen(*ret_fd, BACKLOG) < 0) {
        r = fail_bind(a, "listen on", err);
        close(*ret_fd);
        return r;
    }
    a->len = sizeof a->u;
    getsockname(*ret_fd, &a->u.any, &a->len);
    return 0;
}

int listener_bind(struct address *address, int *ret_fds, unsigned count, struct err *err)
{
    int probe = -1;
    int r = bind_one(address, false, &probe, err);

    if (r < 0)
        return r;
    close(probe);
    for (unsigned i = 0; i < count; i++) {
        r = listen_one(address, &ret_fds[i], err);
        if (r < 0) {
            while (i-- > 0)
                close(ret_fds[i]);
            return r;
        }
    }
    return 0;
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void on_readable(struct loop_watch *w, unsigned events);

static void on_pause_over(struct timer *t)
{
    struct door *door = container_of(t, struct door, pause);

    loop_want(&door->watch, LOOP_READ);
}

static void pause_accepting(struct door *door)
{
    loop_want(&door->watch, 0);
    timer_set(door->lane->loop, &door->pause, ACCEPT_PAUSE, on_pause_over, "accept pause");
}

static void take_connection(struct door *door, int fd, const struct address *peer)
{
    struct lane *lane = door->lane;
    unsigned clients = atomic_load_explicit(&lane->shared->clients, memory_order_relaxed);
    unsigned max = lane->config->max_connections;
    /* By TLS it would cost a handshake to tell. */
    unsigned refusals = door->kind == DOOR_TLS ? 0 : REFUSALS_MAX;

    if (clients >= max + refusals)
        close(fd);
    else
        conn_accept(door, fd, peer, clients >= max);
}

/* One more, or false when there is none now. */
static bool accept_one(struct door *door)
{
    struct address peer = {.len = sizeof peer.u};
    int fd = accept4(door->watch.fd, &peer.u.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        take_connection(door, fd, &peer);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_accepting(door);
    /* A connection that is gone already says nothing about the next one. */
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_readable(struct loop_watch *w, unsigned events UNUSED)
{
    struct door *door = container_of(w, struct door, watch);

    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        if (!accept_one(door))
            return;
    }
}

int listener_open(struct door *door, struct err *err)
{
    return loop_watch(door->lane->loop, &door->watch, door->watch.fd, LOOP_READ, on_readable, err);
}

void listener_hold(struct door *door)
{
    loop_want(&door->watch, 0);
}

void listener_go(struct door *door)
{
    loop_want(&door->watch, LOOP_READ);
}

void listener_close(struct door *door)
{
    int fd = door->watch.fd;

    if (fd < 0)
        return;
    while (door->watch.loop && !timer_is_set(&door->pause) && accept_one(door))
        continue;
    timer_cancel(&door->pause);
    loop_unwatch(&door->watch);
    close(fd);
    door->watch.fd = -1;
}
