/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listen.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/str.h"

int listen_parse(const char *option, const char *text, struct listen_address *ret, struct err *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    bool good = colon && colon > text && str_to_u64(str_of(colon + 1), 65535, &port) && port > 0;

    if (!good || !str_copy((struct str){text, (size_t)(colon - text)}, ret->host, ENDPOINT_SIZE)) {
        err_set(err, ERR_INVALID, "--%s %s is not ADDRESS:PORT", option, text);
        return err_hint(err, "for example --%s 127.0.0.1:8080", option);
    }
    ret->port = (unsigned)port;
    return 0;
}

static int resolve(const char *option, const struct listen_address *a, struct addrinfo **ret,
                   struct err *err)
{
    const struct addrinfo how = {.ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct str host = str_of(a->host);
    char name[ENDPOINT_SIZE], port[8];
    int r;

    if (host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    str_fmt(name, sizeof name, "%.*s", (int)host.n, host.p);
    str_fmt(port, sizeof port, "%u", a->port);
    r = getaddrinfo(name, port, &how, ret);
    if (r != 0)
        return err_set(err, ERR_INVALID, "--%s: cannot resolve \"%s\": %s", option, name,
                       gai_strerror(r));
    return 0;
}

int listen_check_free(const char *option, const struct listen_address *a, struct err *err)
{
    const int one = 1;
    struct addrinfo *list;
    int r = resolve(option, a, &list, err);
    int fd;

    if (r < 0)
        return r;
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Connections that linger from an earlier run do not count. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) < 0) {
        r = err_errno(err, errno, "--%s: cannot listen on %s:%u", option, a->host, a->port);
        if (errno == EADDRINUSE)
            err_hint(err,
                     "is another `switchyard dev` running? Stop it, or choose another port "
                     "with --%s",
                     option);
    }
    if (fd >= 0)
        close(fd);
    freeaddrinfo(list);
    return r;
}
