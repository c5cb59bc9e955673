/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_server.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "sidecar/transport/tls_certs.h"

struct tls_server {
    struct tls_server_config config;
    struct tls_tickets *tickets; /* owned */

    /* Of the pointer; held while a reference is taken, with no other lock. A handshake takes it
     * once, and costs a thousand times as much. */
    pthread_mutex_t lock;
    struct tls_certs *certs; /* one reference */

    struct sha256 used; /* the files' mark when they were last read */
    struct sha256 seen; /* at the last check */
    struct tls_faults faults;
    _Atomic uint64_t handshakes, resumed, reloads, reloads_refused;
};

static void count(_Atomic uint64_t *n)
{
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

static uint64_t see(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void swap(struct tls_server *s, struct tls_certs *fresh)
{
    struct tls_certs *before;

    pthread_mutex_lock(&s->lock);
    before = s->certs;
    s->certs = fresh;
    pthread_mutex_unlock(&s->lock);
    tls_certs_unref(before);
}

static int load(struct tls_server *s, const struct tls_files *files, wall_t now, bool starts,
                struct err *err)
{
    struct tls_certs *fresh;
    int r = tls_certs_new(files, &s->config, s->tickets, now, starts, &fresh, err);

    if (r == 0)
        swap(s, fresh);
    return r;
}

static int start(struct tls_server *s, wall_t now, struct err *err)
{
    CLEANUP(tls_files_deinit) struct tls_files files;
    int r = tls_files_list(&s->config, &files, err);

    s->used = s->seen = tls_files_mark(&files, s->config.client_ca);
    return r < 0 ? r : load(s, &files, now, true, err);
}

static int reload(struct tls_server *s, const struct tls_files *files, wall_t now, struct err *err)
{
    int r = load(s, files, now, false, err);

    count(r == 0 ? &s->reloads : &s->reloads_refused);
    return r == 0 ? TLS_RELOADED : err_ctx(err, "the certificates in use stay");
}

int tls_server_check(struct tls_server *s, bool force, wall_t now, struct err *err)
{
    CLEANUP(tls_files_deinit) struct tls_files files;
    struct err none = {0};
    int listed = tls_files_list(&s->config, &files, &none);
    struct sha256 mark = tls_files_mark(&files, s->config.client_ca);
    bool quiet = sha256_eq(&mark, &s->seen);

    tls_tickets_rotate(s->tickets, now);
    s->seen = mark;
    if (!force && (!quiet || sha256_eq(&mark, &s->used)))
        return 0;
    s->used = mark;
    if (listed < 0) {
        count(&s->reloads_refused);
        err_copy(err, &none);
        return err_ctx(err, "the certificates in use stay");
    }
    return reload(s, &files, now, err);
}

struct tls_certs *tls_server_certs(struct tls_server *s)
{
    struct tls_certs *c;

    pthread_mutex_lock(&s->lock);
    c = tls_certs_ref(s->certs);
    pthread_mutex_unlock(&s->lock);
    return c;
}

/* ---- what is known --------------------------------------------------------------------------- */

const char *tls_server_warning(const struct tls_server *s)
{
    return s->certs->warning;
}

unsigned tls_server_cert_count(const struct tls_server *s)
{
    return s->certs->count;
}

struct tls_cert_info tls_server_cert(const struct tls_server *s, unsigned i)
{
    const struct tls_cert *k = &s->certs->cert[i];

    return (struct tls_cert_info){.file = k->file, .names = k->names, .expires = k->expires};
}

void tls_server_note_handshake(struct tls_server *s, bool resumed)
{
    count(&s->handshakes);
    if (resumed)
        count(&s->resumed);
}

struct tls_faults *tls_server_faults(struct tls_server *s)
{
    return &s->faults;
}

struct tls_tally tls_server_tally(struct tls_server *s)
{
    struct tls_tally t = {.handshakes = see(&s->handshakes),
                          .resumed = see(&s->resumed),
                          .reloads = see(&s->reloads),
                          .reloads_refused = see(&s->reloads_refused)};

    for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++)
        t.failed[i] = tls_faults_count(&s->faults, (enum tls_failure)i);
    return t;
}

/* ---- life ------------------------------------------------------------------------------------ */

int tls_server_new(const struct tls_server_config *config, wall_t now, struct tls_server **ret,
                   struct err *err)
{
    CLEANUP(tls_server_freep) struct tls_server *s = xnew(struct tls_server);
    int r;

    s->config = *config;
    s->tickets = tls_tickets_new(now);
    pthread_mutex_init(&s->lock, NULL);
    tls_faults_init(&s->faults);
    r = start(s, now, err);
    if (r < 0)
        return r;
    *ret = steal(s);
    return 0;
}

struct tls_server *tls_server_free(struct tls_server *s)
{
    if (!s)
        return NULL;
    tls_certs_unref(s->certs);
    tls_tickets_free(s->tickets);
    pthread_mutex_destroy(&s->lock);
    tls_faults_deinit(&s->faults);
    xfreep(&s);
    return NULL;
}
