/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel pipes, through which large bodies go from socket to socket without being copied to us.
 * Taken while such a body is on its way, and limited in number: without one, a body goes by way of
 * buffers. owner: lane. */
#pragma once

#include <stddef.h>

#include "common/base/attrs.h"

/* In use at once, of a lane. Each may hold 256 KiB of the kernel's memory. */
#define PIPES_MAX 128

struct pipe {
    struct pipe *next; /* among the spare ones */
    int fd[2];
    size_t held; /* bytes in it */
};

struct pipe_pool {
    struct pipe *spare;
    unsigned spare_count;
    unsigned taken;
};

/* Every pipe must be back. */
void pipe_pool_deinit(struct pipe_pool *pool);

/* NULL when there is none to be had. */
struct pipe *pipe_take(struct pipe_pool *pool) MUST_CHECK;
/* Gives *p back, whatever it holds is lost, and leaves NULL; tolerates NULL there. */
void pipe_give(struct pipe_pool *pool, struct pipe **p);

enum pipe_result { PIPE_MOVED, PIPE_BLOCKED, PIPE_END, PIPE_BROKEN };

/* Move at most `max` bytes from a socket into an empty pipe, and what it holds to another. SIGPIPE
 * must be blocked. */
enum pipe_result pipe_fill(struct pipe *p, int fd, size_t max);
enum pipe_result pipe_drain(struct pipe *p, int fd);
