/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define SPARE_MAX 16

static void close_pipe(struct pipe *p)
{
    close(p->fd[0]);
    close(p->fd[1]);
    xfreep(&p);
}

void pipe_pool_deinit(struct pipe_pool *pool)
{
    CHECK(pool->taken == 0);
    while (pool->spare) {
        struct pipe *p = pool->spare;

        pool->spare = p->next;
        close_pipe(p);
    }
    pool->spare_count = 0;
}

static struct pipe *open_pipe(void)
{
    struct pipe *p = xnew(struct pipe);

    if (pipe2(p->fd, O_NONBLOCK | O_CLOEXEC) < 0)
        xfreep(&p);
    return p;
}

struct pipe *pipe_take(struct pipe_pool *pool)
{
    struct pipe *p = pool->spare;

    if (pool->taken == PIPES_MAX)
        return NULL;
    if (p) {
        pool->spare = p->next;
        pool->spare_count--;
    } else {
        p = open_pipe();
    }
    pool->taken += p != NULL;
    return p;
}

void pipe_give(struct pipe_pool *pool, struct pipe **p)
{
    struct pipe *given = steal(*p);

    if (!given)
        return;
    pool->taken--;
    if (given->held > 0 || pool->spare_count == SPARE_MAX) {
        close_pipe(given);
        return;
    }
    given->next = pool->spare;
    pool->spare = given;
    pool->spare_count++;
}

static enum pipe_result told(ssize_t n)
{
    if (n > 0)
        return PIPE_MOVED;
    if (n == 0)
        return PIPE_END;
    return errno == EAGAIN || errno == EINTR ? PIPE_BLOCKED : PIPE_BROKEN;
}

enum pipe_result pipe_fill(struct pipe *p, int fd, size_t max)
{
    ssize_t n;

    CHECK(p->held == 0);
    n = splice(fd, NULL, p->fd[1], NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    p->held = n > 0 ? (size_t)n : 0;
    return told(n);
}

enum pipe_result pipe_drain(struct pipe *p, int fd)
{
    ssize_t n;

    CHECK(p->held > 0);
    n = splice(p->fd[0], NULL, fd, NULL, p->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    p->held -= n > 0 ? (size_t)n : 0;
    return told(n);
}
