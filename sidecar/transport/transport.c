/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/attrs.h"

/* ---- opening and closing --------------------------------------------------------------------- */

static void on_event(struct loop_watch *w, unsigned events)
{
    struct transport *t = container_of(w, struct transport, watch);

    t->fn(t, events);
}

bool transport_open(struct transport *t, struct loop *loop, int fd, unsigned events,
                    transport_fn fn)
{
    *t = (struct transport){.fn = fn, .is_open = true};
    if (loop_watch(loop, &t->watch, fd, events, on_event, NULL) == 0)
        return true;
    close(fd);
    *t = (struct transport){.watch.fd = -1};
    return false;
}

void transport_open_with(struct transport *t, const struct transport_ops *ops, void *behind,
                         transport_fn fn)
{
    *t =
        (struct transport){.watch.fd = -1, .fn = fn, .ops = ops, .behind = behind, .is_open = true};
}

void transport_close(struct transport *t)
{
    if (!t->is_open)
        return;
    t->is_open = false;
    if (t->ops) {
        t->ops->close(t);
        return;
    }
    loop_unwatch(&t->watch);
    close(t->watch.fd);
}

static bool move_socket(struct transport *from, struct transport *to)
{
    struct loop *loop = from->watch.loop;
    int fd = from->watch.fd;

    to->watch = (struct loop_watch){.fd = fd};
    if (!loop) /* silent */
        return true;
    loop_unwatch(&from->watch);
    if (loop_watch(loop, &to->watch, fd, 0, on_event, NULL) == 0)
        return true;
    close(fd);
    to->is_open = false;
    return false;
}

bool transport_move(struct transport *from, struct transport *to, transport_fn fn)
{
    *to = *from;
    to->fn = fn;
    from->is_open = false;
    if (!to->ops)
        return move_socket(from, to);
    to->ops->moved(to);
    return to->is_open;
}

/* ---- the way to the peer --------------------------------------------------------------------- */

static enum transport_state plain_establish(const struct transport *t)
{
    socklen_t len = sizeof(int);
    int errnum = 0;

    if (getsockopt(t->watch.fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0 || errnum != 0)
        return TRANSPORT_FAILED;
    return TRANSPORT_STANDS;
}

enum transport_state transport_establish(struct transport *t)
{
    return t->ops ? t->ops->establish(t) : plain_establish(t);
}

const char *transport_why(const struct transport *t)
{
    return t->ops ? t->ops->why(t) : "";
}

bool transport_was_refused(const struct transport *t)
{
    return t->ops && t->ops->was_refused && t->ops->was_refused(t);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

ssize_t transport_recv(struct transport *t, void *dst, size_t size)
{
    if (UNLIKELY(t->ops != NULL))
        return t->ops->recv(t, dst, size);
    return recv(t->watch.fd, dst, size, MSG_DONTWAIT);
}

static ssize_t plain_send(int fd, const struct iovec *piece, int count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)piece, .msg_iovlen = (size_t)count};
    ssize_t n;

    do {
        if (count == 1)
            n = send(fd, piece->iov_base, piece->iov_len, MSG_NOSIGNAL);
        else
            n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

ssize_t transport_send(struct transport *t, const struct iovec *piece, int count)
{
    if (UNLIKELY(t->ops != NULL))
        return t->ops->send(t, piece, count);
    return plain_send(t->watch.fd, piece, count);
}

bool transport_is_quiet(struct transport *t)
{
    char byte;

    if (t->ops)
        return t->ops->is_quiet(t);
    return recv(t->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* ---- events ---------------------------------------------------------------------------------- */

void transport_want(struct transport *t, unsigned events)
{
    if (UNLIKELY(t->ops != NULL))
        t->ops->want(t, events);
    else
        loop_want(&t->watch, events);
}

void transport_silence(struct transport *t)
{
    t->silent = true;
    if (t->ops)
        t->ops->silence(t);
    else
        loop_unwatch(&t->watch);
}

void transport_end(struct transport *t)
{
    if (t->ops)
        t->ops->end(t);
    else
        shutdown(t->watch.fd, SHUT_WR);
}

int transport_plain_fd(const struct transport *t)
{
    return t->ops ? -1 : t->watch.fd;
}
