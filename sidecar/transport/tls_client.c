/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/transport/tls.h"
#include "sidecar/transport/tls_ctx.h"
#include "sidecar/transport/tls_faults.h"
#include "sidecar/transport/tls_files.h"

#define OURS_MAX 64

struct tls_client {
    struct tls_client *prev, *next; /* of the cache */
    atomic_uint refs;
    struct sha256 mark;           /* of the settings and the files that they name */
    struct sha256 files;          /* of the files alone */
    char *name, *ca, *cert, *key; /* owned */
    char *fault;                  /* owned; NULL: none */
    struct tls_faults faults;
    bool is_address;
    bool verifies;
    SSL_CTX *ctx; /* owned; NULL with a fault */
};

/* Those in use. The lock is held while a file is read: a second one to ask for it would read it,
 * too. */
static struct {
    pthread_mutex_t lock;
    struct tls_client *list; /* utlist; borrowed: the last reference takes itself out */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- sessions -------------------------------------------------------------------------------- */

void tls_session_forget(struct tls_session *s)
{
    SSL_SESSION_free(s->ssl_session);
    s->ssl_session = NULL;
}

/* 1: we keep the reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *s = SSL_get_app_data(ssl);

    if (!s)
        return 0;
    tls_session_forget(s);
    s->ssl_session = session;
    return 1;
}

/* A copy: OpenSSL spoils what was used once, and not every server gives another one. */
static void offer_session(SSL *ssl, const struct tls_session *s)
{
    SSL_SESSION *copy = SSL_SESSION_dup(s->ssl_session);

    if (copy)
        SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
}

static bool offer_protocols(SSL *ssl, const char *list)
{
    unsigned char wire[OURS_MAX];
    unsigned size = (unsigned)tls_ctx_alpn(list, wire, sizeof wire);

    return size > 0 && SSL_set_alpn_protos(ssl, wire, size) == 0;
}

SSL *tls_client_ssl(struct tls_client *c, const char *alpn, struct tls_session *session)
{
    SSL *ssl = c->ctx ? SSL_new(c->ctx) : NULL;

    if (!ssl || !offer_protocols(ssl, alpn ? alpn : "http/1.1")) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, session);
    if (!c->is_address)
        SSL_set_tlsext_host_name(ssl, c->name);
    if (session && session->ssl_session)
        offer_session(ssl, session);
    ERR_clear_error();
    return ssl;
}

/* ---- making one ------------------------------------------------------------------------------ */

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static int verify(struct tls_client *c, struct err *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ctx);
    int r = 0;

    if (c->ca[0])
        r = tls_ctx_trust(c->ctx, c->ca, err);
    else
        SSL_CTX_set_default_verify_paths(c->ctx);
    ERR_clear_error();
    if (r < 0)
        return r;
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (c->is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, c->name) == 1
                      : X509_VERIFY_PARAM_set1_host(param, c->name, 0) == 1)
        return 0;
    return err_set(err, ERR_INVALID, "\"%s\" is no name that a certificate could have", c->name);
}

static char *copy_text(const char *text)
{
    return xstrdup(text ? text : "");
}

static int set_up(struct tls_client *c, struct err *err)
{
    X509 *leaf;
    int r = tls_ctx_new(TLS_client_method(), &c->ctx, err);

    if (r < 0)
        return r;
    SSL_CTX_set_session_cache_mode(c->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c->ctx, on_session);
    if (c->verifies)
        r = verify(c, err);
    if (r == 0 && c->cert[0])
        r = tls_ctx_use_pair(c->ctx, c->cert, c->key, &leaf, err);
    return r;
}

static struct tls_client *make(const struct tls_client_config *config)
{
    struct tls_client *c = xnew(struct tls_client);
    struct err err = {0};

    atomic_init(&c->refs, 1);
    tls_faults_init(&c->faults);
    c->name = copy_text(config->name);
    c->ca = copy_text(config->ca);
    c->cert = copy_text(config->cert);
    c->key = copy_text(config->key);
    c->is_address = is_address(c->name);
    c->verifies = !config->no_verify;
    if (set_up(c, &err) < 0) {
        SSL_CTX_free(c->ctx);
        c->ctx = NULL;
        c->fault = xstrdup(err.msg);
    }
    return c;
}

static void unmake(struct tls_client *c)
{
    SSL_CTX_free(c->ctx);
    tls_faults_deinit(&c->faults);
    xfreep(&c->name);
    xfreep(&c->ca);
    xfreep(&c->cert);
    xfreep(&c->key);
    xfreep(&c->fault);
    xfreep(&c);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static void add_text(struct sha256_ctx *mark, const char *text)
{
    sha256_add(mark, text ? text : "", text ? strlen(text) + 1 : 1);
}

static struct sha256 mark_files(const char *ca, const char *cert, const char *key)
{
    const char *const files[] = {ca, cert, key};
    struct sha256_ctx *mark = sha256_new();

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        tls_files_add_mark(mark, files[i] ? files[i] : "");
    return sha256_final(mark);
}

/* A file that has changed makes another one. */
static struct sha256 mark_of(const struct tls_client_config *config, const struct sha256 *files)
{
    struct sha256_ctx *mark = sha256_new();

    add_text(mark, config->name);
    add_text(mark, config->no_verify ? "any" : "");
    sha256_add(mark, files, sizeof *files);
    return sha256_final(mark);
}

/* Under the lock. */
static struct tls_client *find(const struct sha256 *mark)
{
    struct tls_client *c;

    DL_FOREACH (cache.list, c) {
        if (sha256_eq(&c->mark, mark))
            return tls_client_ref(c);
    }
    return NULL;
}

struct tls_client *tls_client_get(const struct tls_client_config *config)
{
    struct sha256 files = mark_files(config->ca, config->cert, config->key);
    struct sha256 mark = mark_of(config, &files);
    struct tls_client *c;

    pthread_mutex_lock(&cache.lock);
    c = find(&mark);
    if (!c) {
        c = make(config);
        c->mark = mark;
        c->files = files;
        DL_APPEND(cache.list, c);
    }
    pthread_mutex_unlock(&cache.lock);
    return c;
}

bool tls_client_is_like(const struct tls_client *a, const struct tls_client *b)
{
    return a->verifies == b->verifies && strcmp(a->name, b->name) == 0 &&
           strcmp(a->ca, b->ca) == 0 && strcmp(a->cert, b->cert) == 0 &&
           strcmp(a->key, b->key) == 0;
}

bool tls_client_is_outdated(const struct tls_client *c)
{
    struct sha256 now = mark_files(c->ca, c->cert, c->key);
    struct tls_client *next;
    bool is_better;

    if (sha256_eq(&c->files, &now))
        return false;
    next = tls_client_get(&(struct tls_client_config){
        .name = c->name, .ca = c->ca, .cert = c->cert, .key = c->key, .no_verify = !c->verifies});
    is_better = !next->fault;
    tls_client_unref(next);
    return is_better;
}

struct tls_client *tls_client_ref(struct tls_client *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

const char *tls_client_name(const struct tls_client *c)
{
    return c->name;
}

struct tls_faults *tls_client_faults(struct tls_client *c)
{
    return &c->faults;
}

const char *tls_client_fault(const struct tls_client *c)
{
    return c->fault ? c->fault : "";
}

/* The last reference is given back under the lock, so that nobody finds it meanwhile. */
void tls_client_unref(struct tls_client *c)
{
    unsigned refs = c ? atomic_load_explicit(&c->refs, memory_order_relaxed) : 0;

    if (!c)
        return;
    while (refs > 1) {
        if (atomic_compare_exchange_weak(&c->refs, &refs, refs - 1))
            return;
    }
    pthread_mutex_lock(&cache.lock);
    if (atomic_fetch_sub(&c->refs, 1) > 1)
        c = NULL;
    else
        DL_DELETE(cache.list, c);
    pthread_mutex_unlock(&cache.lock);
    if (c)
        unmake(c);
}
