/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS server on a loop, over UDP and TCP of one port on loopback, that answers as it is told. */
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop/loop.h"
#include "tests/lib/unit.h"

#define DNS_ZONES     8
#define DNS_ADDRESSES 100

/* What is said of names that begin with `name`; the first of several counts. */
struct dns_zone {
    const char *name;
    const char *domain;    /* and whose second label is this one; NULL: whatever it is */
    unsigned first, count; /* IPv4: 127.0.1.first and on */
    unsigned count6;       /* IPv6: fd00::1 and on */
    uint32_t ttl;          /* in s */
    unsigned code;         /* 0 answers; 2 SERVFAIL; 3 NXDOMAIN */
    bool silent;
    bool silent6; /* to questions for IPv6 */
    bool cut;     /* over UDP: TC, and no address */
    bool garbage; /* an answer that ends too early */
    unsigned asked;
};

struct dns {
    struct loop_watch udp, tcp, client;
    uint16_t port;
    char text[32]; /* "127.0.0.1:PORT" */
    unsigned turn; /* answers turn round */
    struct dns_zone zone[DNS_ZONES];
};

enum { DNS_HEAD = 12, DNS_A = 1, DNS_AAAA = 28 };

static inline bool dns_is_in(const uint8_t *label, const char *domain)
{
    return !domain || (label[0] == strlen(domain) && memcmp(label + 1, domain, label[0]) == 0);
}

static inline struct dns_zone *dns_find(struct dns *d, const uint8_t *name)
{
    for (unsigned i = 0; i < DNS_ZONES && d->zone[i].name; i++) {
        size_t n = strlen(d->zone[i].name);

        if (n <= name[0] && memcmp(name + 1, d->zone[i].name, n) == 0 &&
            dns_is_in(name + 1 + name[0], d->zone[i].domain))
            return &d->zone[i];
    }
    return NULL;
}

static inline size_t dns_put(uint8_t *at, unsigned type, uint32_t ttl, const void *data, size_t n)
{
    const uint8_t head[] = {0xc0,
                            DNS_HEAD,
                            0,
                            (uint8_t)type,
                            0,
                            1,
                            0,
                            (uint8_t)(ttl >> 16),
                            (uint8_t)(ttl >> 8),
                            (uint8_t)ttl,
                            0,
                            (uint8_t)n};

    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, data, n);
    return sizeof head + n;
}

static inline size_t dns_addresses(struct dns *d, const struct dns_zone *z, unsigned type,
                                   uint8_t *at, unsigned *ret_count)
{
    size_t n = 0;

    *ret_count = type == DNS_A ? z->count : type == DNS_AAAA ? z->count6 : 0;
    d->turn += 7;
    for (unsigned i = 0; i < *ret_count; i++) {
        const uint8_t which = (uint8_t)(z->first + (i + d->turn) % *ret_count);
        const uint8_t v4[4] = {127, 0, 1, which}, v6[16] = {0xfd, [15] = which};

        n += type == DNS_A ? dns_put(at + n, type, z->ttl, v4, sizeof v4)
                           : dns_put(at + n, type, z->ttl, v6, sizeof v6);
    }
    return n;
}

/* The answer to the question in `m`, in its place; 0: none. */
static inline size_t dns_answer(struct dns *d, uint8_t *m, size_t n, bool udp)
{
    struct dns_zone *z = dns_find(d, m + DNS_HEAD);
    size_t name = strlen((const char *)m + DNS_HEAD) + 1, end = DNS_HEAD + name + 4;
    unsigned type, count = 0;

    assert_true(n >= end);
    type = m[DNS_HEAD + name + 1];
    if (!z || z->silent || (z->silent6 && type == DNS_AAAA))
        return 0;
    z->asked++;
    m[2] = 0x84 | (z->cut && udp ? 2 : 0) | (m[2] & 1); /* an answer, and authoritative */
    m[3] = (uint8_t)(0x80 | z->code);
    memset(m + 6, 0, 6);
    if (z->code == 0 && !(z->cut && udp))
        end += dns_addresses(d, z, type, m + end, &count);
    m[7] = (uint8_t)count;
    return z->garbage ? end - 7 : end;
}

static inline void dns_on_udp(struct loop_watch *w, unsigned events UNUSED)
{
    struct dns *d = container_of(w, struct dns, udp);
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    uint8_t m[8192] = {0};
    ssize_t n = recvfrom(w->fd, m, 512, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);

    if (n <= DNS_HEAD)
        return;
    n = (ssize_t)dns_answer(d, m, (size_t)n, true);
    if (n > 0)
        sendto(w->fd, m, (size_t)n, 0, (const struct sockaddr *)&peer, size);
}

/* Questions over TCP are small and come whole. */
static inline void dns_on_client(struct loop_watch *w, unsigned events UNUSED)
{
    struct dns *d = container_of(w, struct dns, client);
    uint8_t m[8192] = {0};
    ssize_t n = recv(w->fd, m, 512, MSG_DONTWAIT);
    size_t at = 0;

    if (n <= 0) {
        loop_unwatch(w);
        close(w->fd);
        return;
    }
    while (at + 2 < (size_t)n) {
        uint8_t answer[8192] = {0};
        size_t size = (size_t)m[at] << 8 | m[at + 1], out;

        memcpy(answer + 2, m + at + 2, size);
        out = dns_answer(d, answer + 2, size, false);
        answer[0] = (uint8_t)(out >> 8);
        answer[1] = (uint8_t)out;
        if (out > 0)
            send(w->fd, answer, out + 2, MSG_NOSIGNAL);
        at += size + 2;
    }
}

static inline void dns_on_tcp(struct loop_watch *w, unsigned events UNUSED)
{
    struct dns *d = container_of(w, struct dns, tcp);
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (d->client.loop) {
        int before = d->client.fd;

        loop_unwatch(&d->client);
        close(before);
    }
    assert_int_equal(loop_watch(w->loop, &d->client, fd, LOOP_READ, dns_on_client, NULL), 0);
}

static inline void dns_start(struct dns *d, struct loop *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int udp, tcp, tries = 0;

    /* A port that is free for both. */
    do {
        assert_true(tries++ < 100);
        a.sin_port = 0;
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(tcp, (const struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(getsockname(tcp, (struct sockaddr *)&a, &n), 0);
        if (bind(udp, (const struct sockaddr *)&a, sizeof a) == 0)
            break;
        close(tcp);
        close(udp);
    } while (true);
    assert_int_equal(listen(tcp, 8), 0);
    assert_int_equal(loop_watch(l, &d->udp, udp, LOOP_READ, dns_on_udp, NULL), 0);
    assert_int_equal(loop_watch(l, &d->tcp, tcp, LOOP_READ, dns_on_tcp, NULL), 0);
    d->port = ntohs(a.sin_port);
    str_fmt(d->text, sizeof d->text, "127.0.0.1:%u", (unsigned)d->port);
}

static inline void dns_stop(struct dns *d)
{
    struct loop_watch *watches[] = {&d->udp, &d->tcp, &d->client};

    for (unsigned i = 0; i < ARRAY_LEN(watches); i++) {
        if (!watches[i]->loop)
            continue;
        loop_unwatch(watches[i]);
        close(watches[i]->fd);
    }
}
