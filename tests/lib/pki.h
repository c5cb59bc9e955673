/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made on the spot. */
#pragma once

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/lib/unit.h"

struct pki {
    char dir[64];
    EVP_PKEY *key; /* of the authority */
    X509 *ca;
    long serial;
    char path[8][128]; /* of pki_path(), in turn */
    unsigned next;
};

static inline const char *pki_path(struct pki *p, const char *name, const char *end)
{
    char *path = p->path[p->next++ % 8];

    assert_true(str_fmt(path, sizeof p->path[0], "%s/%s%s", p->dir, name, end));
    return path;
}

static inline void pki_write_key(const char *path, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static inline void pki_write_cert(const char *path, X509 *cert)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
}

static inline void pki_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

/* Valid from two days ago until `days` from now. */
static inline X509 *pki_sign(struct pki *p, EVP_PKEY *key, const char *cn, int days)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++p->serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -2L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400L);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, p->ca ? X509_get_subject_name(p->ca) : name);
    return cert;
}

/* An authority, in DIR/ca.crt. */
static inline void pki_start(struct pki *p)
{
    memset(p, 0, sizeof *p);
    str_fmt(p->dir, sizeof p->dir, "/tmp/switchyard-pki-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->key = EVP_EC_gen("P-256");
    p->ca = pki_sign(p, p->key, "test authority", 30);
    pki_extend(p->ca, p->ca, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(p->ca, p->key, EVP_sha256());
    pki_write_cert(pki_path(p, "ca", ".crt"), p->ca);
}

/* NAME.crt and NAME.key; `names` as "DNS:example.com,IP:127.0.0.1", or NULL. */
static inline void pki_make(struct pki *p, const char *name, const char *names, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = pki_sign(p, key, name, days);

    if (names)
        pki_extend(cert, p->ca, NID_subject_alt_name, names);
    X509_sign(cert, p->key, EVP_sha256());
    pki_write_cert(pki_path(p, name, ".crt"), cert);
    pki_write_key(pki_path(p, name, ".key"), key);
    assert_int_equal(chmod(pki_path(p, name, ".key"), 0600), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void pki_stop(struct pki *p)
{
    CLEANUP(xfreep) struct dirent **found = NULL;
    int count = scandir(p->dir, &found, NULL, NULL);

    for (int i = 0; i < count; i++) {
        if (found[i]->d_name[0] != '.')
            unlink(pki_path(p, found[i]->d_name, ""));
        xfreep(&found[i]);
    }
    assert_int_equal(rmdir(p->dir), 0);
    X509_free(p->ca);
    EVP_PKEY_free(p->key);
}
