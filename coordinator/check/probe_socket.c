/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/lookup.h"
#include "coordinator/check/judge.h"
#include "coordinator/check/probe.h"

#define LINE_MAX_SIZE 256

/* "host:port", "[::1]:port"; the last colon counts. */
static int split(const char *target, char *host, size_t size, const char **ret_port,
                 struct err *err)
{
    const char *colon = strrchr(target, ':');
    struct str name = {target, colon ? (size_t)(colon - target) : 0};
    uint64_t port;

    if (name.n > 1 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (struct str){name.p + 1, name.n - 2};
    if (!colon || name.n == 0 || !str_to_u64(str_of(colon + 1), UINT16_MAX, &port) ||
        !str_copy(name, host, size))
        return err_set(err, ERR_INVALID, "%.60s is not host:port", target);
    *ret_port = colon + 1;
    return 0;
}

static int connect_one(const struct lookup_address *a, const struct patience *patience, int *ret_fd,
                       struct err *err)
{
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof(int);
    int failed = 0;
    int r = 0;

    if (fd < 0)
        return err_errno(err, errno, "make a socket");
    if (connect(fd, (const struct sockaddr *)&a->at, a->size) < 0) {
        failed = errno;
        if (failed == EINPROGRESS)
            r = patience_wait(patience, fd, POLLOUT, err);
        if (failed == EINPROGRESS && r == 0)
            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    if (r == 0 && failed == 0) {
        *ret_fd = fd;
        return 0;
    }
    close(fd);
    if (r == 0 && failed == ECONNREFUSED)
        return err_set(err, ERR_REFUSED, "the connection is refused");
    return r < 0 ? r : err_errno(err, failed, "connect");
}

/* To the first address that takes it. REFUSED: the host is there, and nobody listens. */
static int connect_to(const char *target, const struct patience *patience, int *ret_fd,
                      struct err *err)
{
    char host[256];
    const char *port = NULL;
    struct lookup found;
    int r = split(target, host, sizeof host, &port, err);

    if (r == 0)
        r = lookup_host(host, port, patience, &found, err);
    if (r < 0)
        return r;
    r = -ERR_UNAVAILABLE;
    for (unsigned i = 0; i < found.count && r < 0; i++) {
        r = connect_one(&found.address[i], patience, ret_fd, err);
        if (r == -ERR_TIMEOUT || r == -ERR_CANCELLED)
            break;
    }
    return r < 0 ? err_ctx(err, "%s", target) : 0;
}

/* That nobody listens is an answer. A name that is not found, a network that does not reach it, and
 * silence are none. */
void probe_tcp(const struct probe *p, const struct patience *patience, struct check_result *ret)
{
    struct err err;
    int fd;
    int r = connect_to(p->check.target, patience, &fd, &err);

    if (r == 0) {
        close(fd);
        judge_passed(ret, "%s takes connections", p->check.target);
    } else if (r == -ERR_REFUSED) {
        judge_failed(ret, "%s", err.msg);
    } else {
        judge_unknown(ret, "%s", err.msg);
    }
}

/* ---- Redis ----------------------------------------------------------------------------------- */

static int send_ping(int fd, struct err *err)
{
    static const char ping[] = "PING\r\n";

    if (send(fd, ping, sizeof ping - 1, MSG_NOSIGNAL) == (ssize_t)sizeof ping - 1)
        return 0;
    return err_errno(err, errno, "send PING");
}

/* Its first line, without the end. */
static int read_line(int fd, const struct patience *patience, char *line, struct err *err)
{
    size_t used = 0;

    for (;;) {
        int r = patience_wait(patience, fd, POLLIN, err);
        ssize_t n;
        char *end;

        if (r < 0)
            return err_ctx(err, "wait for PONG");
        n = recv(fd, line + used, LINE_MAX_SIZE - 1 - used, 0);
        if (n < 0 && errno != EAGAIN)
            return err_errno(err, errno, "wait for PONG");
        if (n == 0)
            return err_set(err, ERR_UNAVAILABLE, "it closes the connection without an answer");
        used += n > 0 ? (size_t)n : 0;
        line[used] = '\0';
        end = strpbrk(line, "\r\n");
        if (end)
            *end = '\0';
        if (end || used == LINE_MAX_SIZE - 1)
            return 0;
    }
}

static void judge_pong(const char *line, struct check_result *ret)
{
    if (strcmp(line, "+PONG") == 0)
        judge_passed(ret, "it answers PONG");
    else if (str_starts(str_of(line), STR("-NOAUTH")) || str_starts(str_of(line), STR("-NOPERM")) ||
             str_starts(str_of(line), STR("-DENIED")))
        judge_unknown(ret, "it wants to know who asks, and checks log in nowhere: %s", line + 1);
    else if (line[0] == '-')
        judge_failed(ret, "it answers with an error: %s", line + 1);
    else
        judge_unknown(ret, "it does not answer as Redis does: %.60s", line);
}

void probe_redis(const struct probe *p, const struct patience *patience, struct check_result *ret)
{
    char line[LINE_MAX_SIZE] = "";
    struct err err;
    int fd = -1;
    int r = connect_to(p->check.target, patience, &fd, &err);

    if (r == 0)
        r = send_ping(fd, &err);
    if (r == 0)
        r = read_line(fd, patience, line, &err);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        judge_pong(line, ret);
    else
        judge_unknown(ret, "%s", err.msg);
}
