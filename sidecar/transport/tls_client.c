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
#include "sidecar/transport/tls_files.h"

#define OURS_MAX 64

struct tls_client {
    struct tls_client *prev, *next; /* of the cache */
    atomic_uint refs;
    struct sha256 mark; /* of the settings and the files that they name */
    char *name;         /* owned */
    bool is_address;
    SSL_CTX *ctx; /* owned */
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

SSL *tls_client_ssl(struct tls_client *c, struct tls_session *session)
{
    SSL *ssl = SSL_new(c->ctx);

    if (!ssl)
        return NULL;
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

static int verify(struct tls_client *c, const char *ca, struct err *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ctx);
    int r = 0;

    if (ca && ca[0])
        r = tls_ctx_trust(c->ctx, ca, err);
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

static int offer(struct tls_client *c, const char *list, struct err *err)
{
    unsigned char wire[OURS_MAX];
    unsigned size = (unsigned)tls_ctx_alpn(list ? list : "http/1.1", wire, sizeof wire);

    if (size == 0 || SSL_CTX_set_alpn_protos(c->ctx, wire, size) != 0)
        return err_set(err, ERR_INVALID, "\"%s\" is no list of protocols", list);
    return 0;
}

static int make(const struct tls_client_config *config, struct tls_client **ret, struct err *err)
{
    struct tls_client *c = xnew(struct tls_client);
    X509 *leaf;
    int r = tls_ctx_new(TLS_client_method(), &c->ctx, err);

    atomic_init(&c->refs, 1);
    c->name = xstrdup(config->name);
    c->is_address = is_address(config->name);
    if (r == 0)
        r = offer(c, config->alpn, err);
    if (r == 0 && !config->no_verify)
        r = verify(c, config->ca, err);
    if (r == 0 && config->cert && config->cert[0])
        r = tls_ctx_use_pair(c->ctx, config->cert, config->key ? config->key : "", &leaf, err);
    if (r < 0) {
        SSL_CTX_free(c->ctx);
        xfreep(&c->name);
        xfreep(&c);
        return err_ctx(err, "TLS to %s", config->name);
    }
    SSL_CTX_set_session_cache_mode(c->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c->ctx, on_session);
    *ret = c;
    return 0;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static void add_text(struct sha256_ctx *mark, const char *text)
{
    sha256_add(mark, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* A file that has changed makes another one. */
static struct sha256 mark_of(const struct tls_client_config *config)
{
    const char *const files[] = {config->ca, config->cert, config->key};
    struct sha256_ctx *mark = sha256_new();

    add_text(mark, config->name);
    add_text(mark, config->alpn);
    add_text(mark, config->no_verify ? "any" : "");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        tls_files_add_mark(mark, files[i] ? files[i] : "");
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

int tls_client_get(const struct tls_client_config *config, struct tls_client **ret, struct err *err)
{
    struct sha256 mark = mark_of(config);
    struct tls_client *c;
    int r = 0;

    pthread_mutex_lock(&cache.lock);
    c = find(&mark);
    if (!c) {
        r = make(config, &c, err);
        if (r == 0) {
            c->mark = mark;
            DL_APPEND(cache.list, c);
        }
    }
    pthread_mutex_unlock(&cache.lock);
    if (r == 0)
        *ret = c;
    return r;
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
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    xfreep(&c->name);
    xfreep(&c);
}
