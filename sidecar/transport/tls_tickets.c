/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* A ticket can be used for two hours: as long as its key is known. */
#define KEYS          3
#define ROTATE_EVERY  dur_s(3600)
#define LIFETIME      7200L
#define NAME_SIZE     16
#define IV_SIZE       16
#define KEY_SIZE      32
#define TICKET_IS_OLD 2

struct key {
    unsigned char name[NAME_SIZE];
    unsigned char aes[KEY_SIZE];
    unsigned char hmac[KEY_SIZE];
};

struct tls_tickets {
    EVP_CIPHER *cipher;   /* looked up once: that is dear */
    pthread_mutex_t lock; /* of what follows; held while a key is copied */
    struct key key[KEYS]; /* the latest first; the last ones may be all zero */
    wall_t made_at;
};

static void make_key(struct tls_tickets *k, wall_t now)
{
    struct key fresh;

    CHECK(RAND_bytes((unsigned char *)&fresh, sizeof fresh) == 1);
    pthread_mutex_lock(&k->lock);
    memmove(&k->key[1], &k->key[0], sizeof k->key - sizeof k->key[0]);
    k->key[0] = fresh;
    k->made_at = now;
    pthread_mutex_unlock(&k->lock);
    OPENSSL_cleanse(&fresh, sizeof fresh);
}

struct tls_tickets *tls_tickets_new(wall_t now)
{
    struct tls_tickets *k = xnew(struct tls_tickets);

    k->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    CHECK(k->cipher);
    pthread_mutex_init(&k->lock, NULL);
    /* Nobody knows this name: no key of zeros can be asked for. */
    CHECK(RAND_bytes((unsigned char *)k->key, sizeof k->key) == 1);
    make_key(k, now);
    return k;
}

void tls_tickets_free(struct tls_tickets *k)
{
    if (!k)
        return;
    EVP_CIPHER_free(k->cipher);
    pthread_mutex_destroy(&k->lock);
    OPENSSL_cleanse(k->key, sizeof k->key);
    xfreep(&k);
}

/* A clock that was set back makes one, too. */
void tls_tickets_rotate(struct tls_tickets *k, wall_t now)
{
    int64_t age = wall_sub(now, k->made_at).ns;

    if (age < 0 || age >= ROTATE_EVERY.ns)
        make_key(k, now);
}

/* ---- what OpenSSL calls ---------------------------------------------------------------------- */

/* Which one, with a copy of it; -1: none of this name. */
static int find_key(struct tls_tickets *k, const unsigned char *name, struct key *ret)
{
    int i = 0;

    pthread_mutex_lock(&k->lock);
    while (name && i < KEYS && memcmp(k->key[i].name, name, NAME_SIZE) != 0)
        i++;
    if (i < KEYS)
        *ret = k->key[i];
    pthread_mutex_unlock(&k->lock);
    return i < KEYS ? i : -1;
}

static int set_mac(EVP_MAC_CTX *mac, struct key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params);
}

/* 1: with this key; TICKET_IS_OLD: and give a new ticket; 0: no such key, no session; -1: error. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypts)
{
    struct tls_tickets *k = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct key key;
    int which = find_key(k, encrypts ? NULL : name, &key);
    bool fine = which >= 0;

    if (!fine)
        return 0;
    if (encrypts) {
        memcpy(name, key.name, NAME_SIZE);
        fine = RAND_bytes(iv, IV_SIZE) == 1 &&
               EVP_EncryptInit_ex(cipher, k->cipher, NULL, key.aes, iv) == 1;
    } else {
        fine = EVP_DecryptInit_ex(cipher, k->cipher, NULL, key.aes, iv) == 1;
    }
    fine = fine && set_mac(mac, &key) == 1;
    OPENSSL_cleanse(&key, sizeof key);
    if (!fine)
        return -1;
    /* Clients of TLS 1.3 use a ticket once (RFC 8446 C.4): they need another one. */
    return which > 0 || SSL_version(ssl) == TLS1_3_VERSION ? TICKET_IS_OLD : 1;
}

void tls_tickets_use(struct tls_tickets *k, SSL_CTX *ctx)
{
    SSL_CTX_set_app_data(ctx, k);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, LIFETIME);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
