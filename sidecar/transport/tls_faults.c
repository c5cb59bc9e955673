/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_faults.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/base/str.h"

#define TELL_EVERY dur_s(60)

void tls_faults_init(struct tls_faults *f)
{
    memset(f, 0, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
}

void tls_faults_deinit(struct tls_faults *f)
{
    pthread_mutex_destroy(&f->lock);
}

static void show_peer(const struct sockaddr *peer, char dst[TLS_PEER_MAX])
{
    const struct sockaddr_in *v4 = (const void *)peer;
    const struct sockaddr_in6 *v6 = (const void *)peer;
    char text[INET6_ADDRSTRLEN];

    dst[0] = '\0';
    if (!peer)
        return;
    if (peer->sa_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text))
        str_fmt(dst, TLS_PEER_MAX, "%s:%u", text, (unsigned)ntohs(v4->sin_port));
    if (peer->sa_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text))
        str_fmt(dst, TLS_PEER_MAX, "[%s]:%u", text, (unsigned)ntohs(v6->sin6_port));
}

void tls_faults_note(struct tls_faults *f, enum tls_failure failure, const struct sockaddr *peer,
                     const char *name, const char *words)
{
    struct tls_fault_kind *k = &f->kind[failure];

    pthread_mutex_lock(&f->lock);
    k->count++;
    k->latest.failure = failure;
    show_peer(peer, k->latest.peer);
    str_fmt(k->latest.name, sizeof k->latest.name, "%s", name);
    str_fmt(k->latest.words, sizeof k->latest.words, "%s", words);
    pthread_mutex_unlock(&f->lock);
}

uint64_t tls_faults_count(struct tls_faults *f, enum tls_failure failure)
{
    uint64_t count;

    pthread_mutex_lock(&f->lock);
    count = f->kind[failure].count;
    pthread_mutex_unlock(&f->lock);
    return count;
}

static bool is_due(const struct tls_fault_kind *k, mono_t now)
{
    if (k->count == k->told)
        return false;
    return k->told == 0 || mono_sub(now, k->told_at).ns >= TELL_EVERY.ns;
}

bool tls_faults_tell(struct tls_faults *f, mono_t now, struct tls_fault *ret)
{
    bool found = false;

    pthread_mutex_lock(&f->lock);
    for (unsigned i = 0; i < TLS_FAILURE_COUNT && !found; i++) {
        struct tls_fault_kind *k = &f->kind[i];

        found = is_due(k, now);
        if (!found)
            continue;
        *ret = k->latest;
        ret->count = k->count - k->told;
        k->told = k->count;
        k->told_at = now;
    }
    pthread_mutex_unlock(&f->lock);
    return found;
}
