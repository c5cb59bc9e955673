/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "common/base/check.h"

bool address_parse(const char *host, uint16_t port, struct address *ret)
{
    struct address a = {0};

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &a.u.v4.sin_addr) == 1) {
        a.u.v4.sin_family = AF_INET;
        a.len = sizeof a.u.v4;
    } else if (inet_pton(AF_INET6, host, &a.u.v6.sin6_addr) == 1) {
        a.u.v6.sin6_family = AF_INET6;
        a.len = sizeof a.u.v6;
    } else {
        return false;
    }
    address_set_port(&a, port);
    *ret = a;
    return true;
}

/* Cut at the last ':', so that brackets around IPv6 are all that has to be looked at. */
static bool split_port(const char *text, char *ret_host, size_t size, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    struct str host;
    uint64_t port;

    if (!colon || !str_to_u64(str_of(colon + 1), UINT16_MAX, &port))
        return false;
    host = (struct str){text, (size_t)(colon - text)};
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    *ret_port = (uint16_t)port;
    return str_copy(host, ret_host, size);
}

int address_parse_listen(const char *text, struct address *ret, struct err *err)
{
    char host[ADDRESS_TEXT_SIZE];
    uint16_t port;

    if (!split_port(text, host, sizeof host, &port) || !address_parse(host, port, ret)) {
        err_set(err, ERR_INVALID, "cannot listen on \"%s\": it is no address with a port", text);
        return err_hint(err, "write it as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080");
    }
    return 0;
}

void address_set_port(struct address *a, uint16_t port)
{
    if (a->u.any.sa_family == AF_INET6)
        a->u.v6.sin6_port = htons(port);
    else
        a->u.v4.sin_port = htons(port);
}

uint16_t address_port(const struct address *a)
{
    return ntohs(a->u.any.sa_family == AF_INET6 ? a->u.v6.sin6_port : a->u.v4.sin_port);
}

bool address_eq(const struct address *a, const struct address *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family || address_port(a) != address_port(b))
        return false;
    if (a->u.any.sa_family == AF_INET)
        return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    return a->u.v6.sin6_scope_id == b->u.v6.sin6_scope_id &&
           memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof a->u.v6.sin6_addr) == 0;
}

size_t address_text(const struct address *a, char dst[ADDRESS_TEXT_SIZE])
{
    const struct in6_addr *v6 = &a->u.v6.sin6_addr;
    const char *text = NULL;

    if (a->u.any.sa_family == AF_INET)
        text = inet_ntop(AF_INET, &a->u.v4.sin_addr, dst, ADDRESS_TEXT_SIZE);
    else if (a->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
        text = inet_ntop(AF_INET, &v6->s6_addr[12], dst, ADDRESS_TEXT_SIZE);
    else if (a->u.any.sa_family == AF_INET6)
        text = inet_ntop(AF_INET6, v6, dst, ADDRESS_TEXT_SIZE);
    if (!text)
        dst[0] = '\0';
    return strlen(dst);
}

const char *address_endpoint(const struct address *a, char dst[ADDRESS_ENDPOINT_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    str_fmt(dst, ADDRESS_ENDPOINT_SIZE, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text,
            (unsigned)address_port(a));
    return dst;
}

int address_connect(const struct address *a)
{
    const int one = 1;
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, &a->u.any, a->len) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}
