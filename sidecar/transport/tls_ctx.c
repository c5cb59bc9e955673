/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_ctx.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "common/base/atomic_file.h"
#include "sidecar/transport/tls_words.h"

#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS     "X25519:P-256:P-384"

DEFINE_CLEANUP(BIO, BIO_free_all)
DEFINE_CLEANUP(X509, X509_free)
DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)

int tls_ctx_new(const SSL_METHOD *side, SSL_CTX **ret, struct err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(side);
    char why[TLS_WORDS_MAX];

    if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1 &&
        SSL_CTX_set1_groups_list(ctx, GROUPS) == 1) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
        /* A record's head and its body in one system call. */
        SSL_CTX_set_read_ahead(ctx, 1);
        *ret = ctx;
        return 0;
    }
    SSL_CTX_free(ctx);
    tls_words_of_file(why);
    return err_set(err, ERR_INTERNAL, "set up TLS: %s", why);
}

size_t tls_ctx_alpn(const char *list, unsigned char *dst, size_t size)
{
    struct str rest = str_of(list), one;
    size_t used = 0;

    while (rest.n > 0) {
        str_cut(rest, ',', &one, &rest);
        if (one.n == 0 || one.n > UINT8_MAX || used + 1 + one.n > size)
            return 0;
        dst[used++] = (unsigned char)one.n;
        memcpy(dst + used, one.p, one.n);
        used += one.n;
    }
    return used;
}

/* ---- files ----------------------------------------------------------------------------------- */

int tls_ctx_read(const char *what, const char *file, struct buf *ret, struct err *err)
{
    int r = file_read(file, ret, err);

    return r < 0 ? err_ctx(err, "%s", what) : 0;
}

static BIO *open_text(const struct buf *text)
{
    return BIO_new_mem_buf(buf_text(text), (int)text->len);
}

/* Nobody is there to be asked for a passphrase. */
static int on_passphrase(char *dst, int size, int writes, void *ctx)
{
    (void)dst;
    (void)size;
    (void)writes;
    *(bool *)ctx = true;
    return -1;
}

static int fail_file(const char *what, const char *file, struct err *err)
{
    char why[TLS_WORDS_MAX];

    tls_words_of_file(why);
    return err_set(err, ERR_INVALID, "%s %s: %s", what, file, why);
}

static int use_chain(SSL_CTX *ctx, BIO *bio, const char *file, struct err *err)
{
    X509 *next;

    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return fail_file("certificate", file, err);
        }
    }
    ERR_clear_error(); /* the end of the file */
    return 0;
}

static int use_cert(SSL_CTX *ctx, const char *file, const struct buf *text, struct err *err)
{
    CLEANUP(BIO_free_allp) BIO *bio = open_text(text);
    CLEANUP(X509_freep) X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);

    if (!leaf || SSL_CTX_use_certificate(ctx, leaf) != 1)
        return fail_file("certificate", file, err);
    return use_chain(ctx, bio, file, err);
}

static int use_key(SSL_CTX *ctx, const char *file, const struct buf *text, const char *cert,
                   struct err *err)
{
    bool asked = false;
    CLEANUP(BIO_free_allp) BIO *bio = open_text(text);
    CLEANUP(EVP_PKEY_freep)
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &asked);

    ERR_clear_error();
    if (asked)
        return err_set(err, ERR_INVALID, "key %s: it has a passphrase; write it without one", file);
    if (!key)
        return err_set(err, ERR_INVALID, "key %s: there is none in it", file);
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        ERR_clear_error();
        err_set(err, ERR_INVALID, "the key in %s does not belong to the certificate in %s", file,
                cert);
        return err_hint(err,
                        "`openssl x509 -noout -pubkey -in %s` and `openssl pkey -pubout -in "
                        "KEY` print the same where they belong together",
                        cert);
    }
    return SSL_CTX_use_PrivateKey(ctx, key) == 1 ? 0 : fail_file("key", file, err);
}

int tls_ctx_use_pair(SSL_CTX *ctx, const char *cert, const char *key, X509 **ret_leaf,
                     struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TLS_FILE_MAX);
    CLEANUP(buf_deinitp) struct buf key_text = BUF_INIT(TLS_FILE_MAX);
    const struct buf *from = &text;
    int r = tls_ctx_read("certificate", cert, &text, err);

    if (r == 0)
        r = use_cert(ctx, cert, &text, err);
    if (r == 0 && key[0]) {
        from = &key_text;
        r = tls_ctx_read("key", key, &key_text, err);
    }
    if (r == 0)
        r = use_key(ctx, key[0] ? key : cert, from, cert, err);
    if (from == &key_text && key_text.data)
        OPENSSL_cleanse(key_text.data, key_text.len);
    if (r == 0)
        *ret_leaf = SSL_CTX_get0_certificate(ctx);
    return r;
}

int tls_ctx_trust(SSL_CTX *ctx, const char *file, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(TLS_FILE_MAX);
    CLEANUP(BIO_free_allp) BIO *bio = NULL;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    unsigned count = 0;
    X509 *one;
    int r = tls_ctx_read("authorities", file, &text, err);

    if (r < 0)
        return r;
    bio = open_text(&text);
    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(store, one) == 1;
        X509_free(one);
    }
    if (count == 0)
        return fail_file("authorities", file, err);
    ERR_clear_error();
    return 0;
}
