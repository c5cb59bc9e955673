/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_certs.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/transport/tls_ctx.h"

#define NAME_MAX_SIZE 254 /* RFC 1035 2.3.4 */

/* ---- names ----------------------------------------------------------------------------------- */

static bool to_lower(const char *from, size_t n, char dst[NAME_MAX_SIZE])
{
    if (n == 0 || n >= NAME_MAX_SIZE)
        return false;
    for (size_t i = 0; i < n; i++)
        dst[i] = (char)tolower((unsigned char)from[i]);
    dst[n] = '\0';
    return strlen(dst) == n;
}

static int compare_names(const void *a, const void *b)
{
    const struct tls_cert_name *x = a, *y = b;
    int r = strcmp(x->name, y->name);

    return r != 0 ? r : (x->cert > y->cert) - (x->cert < y->cert);
}

static void add_name(struct tls_certs *c, unsigned cert, const char *name, size_t n)
{
    struct tls_cert *k = &c->cert[cert];
    char lower[NAME_MAX_SIZE];

    if (!to_lower(name, n, lower))
        return;
    str_join(k->names, sizeof k->names, ", ", "%s", lower);
    c->name = xrealloc(c->name, (c->name_count + 1) * sizeof *c->name);
    c->name[c->name_count++] = (struct tls_cert_name){.name = xstrdup(lower), .cert = cert};
}

static void add_names(struct tls_certs *c, unsigned cert, X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            add_name(c, cert, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                     (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
}

/* The first of this name, or NULL. */
static const struct tls_cert_name *look_up(const struct tls_certs *c, const char *name)
{
    unsigned low = 0, high = c->name_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (strcmp(c->name[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->name_count && strcmp(c->name[low].name, name) == 0 ? &c->name[low] : NULL;
}

unsigned tls_certs_find(const struct tls_certs *c, const char *name)
{
    char lower[NAME_MAX_SIZE];
    const struct tls_cert_name *found;
    char *dot;

    if (!to_lower(name, strlen(name), lower))
        return 0;
    found = look_up(c, lower);
    dot = strchr(lower, '.');
    if (!found && dot && dot != lower) {
        dot[-1] = '*';
        found = look_up(c, dot - 1);
    }
    return found ? found->cert : 0;
}

/* ---- what OpenSSL calls ---------------------------------------------------------------------- */

static int on_name(SSL *ssl, int *alert UNUSED, void *arg)
{
    const struct tls_certs *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    unsigned i = name ? tls_certs_find(c, name) : 0;

    if (i > 0)
        SSL_set_SSL_CTX(ssl, c->cert[i].ctx);
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 3.2: a client that offers protocols, and none of ours, is told so. */
static int on_protocols(SSL *ssl UNUSED, const unsigned char **ret, unsigned char *ret_size,
                        const unsigned char *offered, unsigned size, void *arg)
{
    const struct tls_certs *c = arg;
    unsigned char *chosen;

    if (SSL_select_next_proto(&chosen, ret_size, c->alpn, c->alpn_size, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- one certificate ------------------------------------------------------------------------- */

static wall_t time_of(const ASN1_TIME *t)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return (wall_t){0};
    return wall_add((wall_t){0}, dur_s(timegm(&tm)));
}

static void warn(struct tls_certs *c, const char *file, const char *words)
{
    str_join(c->warning, sizeof c->warning, "; ", "%s: %s", file, words);
}

static int check_time(struct tls_certs *c, const struct tls_cert *k, wall_t now, bool takes_expired,
                      struct err *err)
{
    char when[WALL_TEXT_MAX];

    if (wall_before(now, k->expires))
        return 0;
    if (!takes_expired) {
        err_set(err, ERR_INVALID, "the certificate in %s has expired at %s", k->file,
                wall_text(k->expires, when));
        return err_hint(err, "`openssl x509 -noout -dates -in %s` prints its dates", k->file);
    }
    warn(c, k->file, "it has expired, clients will refuse it");
    return 0;
}

/* Sessions must not outlive a change of who may come (RFC 5077 5.1 leaves that to us). */
static int ask_for_certificates(SSL_CTX *ctx, const char *ca, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TLS_FILE_MAX);
    int r = tls_ctx_trust(ctx, ca, err);
    struct sha256 sum;

    if (r == 0)
        r = tls_ctx_read("authorities", ca, &text, err);
    if (r < 0)
        return r;
    sum = sha256_of(text.data, text.len);
    SSL_CTX_set_session_id_context(ctx, sum.b, sizeof sum.b);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static void set_callbacks(struct tls_certs *c, SSL_CTX *ctx, struct tls_tickets *tickets)
{
    static const unsigned char id[] = "switchyard";

    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, c);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, c);
    tls_tickets_use(tickets, ctx);
}

static int load(struct tls_certs *c, const struct tls_file_pair *pair, const char *client_ca,
                struct tls_tickets *tickets, struct err *err)
{
    struct tls_cert *k = &c->cert[c->count];
    X509 *leaf = NULL;
    int r = tls_ctx_new(TLS_server_method(), &k->ctx, err);

    if (r < 0)
        return r;
    k->file = xstrdup(pair->cert);
    c->count++;
    set_callbacks(c, k->ctx, tickets);
    r = tls_ctx_use_pair(k->ctx, pair->cert, pair->key, &leaf, err);
    if (r == 0 && client_ca)
        r = ask_for_certificates(k->ctx, client_ca, err);
    if (r < 0)
        return r;
    k->expires = time_of(X509_get0_notAfter(leaf));
    add_names(c, c->count - 1, leaf);
    if (tls_files_is_open_to_all(pair->key[0] ? pair->key : pair->cert))
        warn(c, pair->key[0] ? pair->key : pair->cert, "every user can read this key");
    return 0;
}

/* ---- the set --------------------------------------------------------------------------------- */

static int set_alpn(struct tls_certs *c, const char *list, struct err *err)
{
    c->alpn_size = (unsigned)tls_ctx_alpn(list ? list : "http/1.1", c->alpn, sizeof c->alpn);
    if (c->alpn_size == 0)
        return err_set(err, ERR_INVALID, "\"%s\" is no list of protocols", list);
    return 0;
}

int tls_certs_new(const struct tls_files *files, const struct tls_server_config *config,
                  struct tls_tickets *tickets, wall_t now, bool takes_expired,
                  struct tls_certs **ret, struct err *err)
{
    struct tls_certs *c = xnew(struct tls_certs);
    int r = set_alpn(c, config->alpn, err);

    atomic_init(&c->refs, 1);
    c->cert = xcalloc(files->count, sizeof *c->cert);
    for (unsigned i = 0; i < files->count && r == 0; i++) {
        r = load(c, &files->pair[i], config->client_ca, tickets, err);
        if (r == 0)
            r = check_time(c, &c->cert[i], now, takes_expired, err);
    }
    if (r < 0) {
        tls_certs_unref(c);
        return r;
    }
    if (c->name_count > 0)
        qsort(c->name, c->name_count, sizeof *c->name, compare_names);
    *ret = c;
    return 0;
}

struct tls_certs *tls_certs_ref(struct tls_certs *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void tls_certs_unref(struct tls_certs *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < c->count; i++) {
        SSL_CTX_free(c->cert[i].ctx);
        xfreep(&c->cert[i].file);
    }
    for (unsigned i = 0; i < c->name_count; i++)
        xfreep(&c->name[i].name);
    xfreep(&c->cert);
    xfreep(&c->name);
    xfreep(&c);
}

SSL *tls_certs_ssl(struct tls_certs *c)
{
    SSL *ssl = SSL_new(c->cert[0].ctx);

    if (ssl)
        SSL_set_accept_state(ssl);
    ERR_clear_error();
    return ssl;
}
