/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates from files: which one a name gets, what is refused, what changes while it is used.
 */
#include "sidecar/transport/tls_server.h"

#include <pthread.h>
#include <stdatomic.h>

#include "sidecar/transport/tls_certs.h"
#include "tests/lib/pki.h"

struct fixture {
    struct pki pki;
    struct tls_server_config config;
    struct tls_server *server;
    char cert[128], key[128];
    wall_t now;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    *state = f;
    f->now = clock_system->wall(clock_system);
    pki_start(&f->pki);
    pki_make(&f->pki, "one", "DNS:one.test,DNS:*.one.test,DNS:Upper.Test", 10);
    str_fmt(f->cert, sizeof f->cert, "%s/one.crt", f->pki.dir);
    str_fmt(f->key, sizeof f->key, "%s/one.key", f->pki.dir);
    f->config.pair[0] = (struct tls_pair){f->cert, f->key};
    f->config.pair_count = 1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tls_server_free(f->server);
    pki_stop(&f->pki);
    test_free(f);
    return 0;
}

static void start(struct fixture *f)
{
    struct err err;

    assert_ok(tls_server_new(&f->config, f->now, &f->server, &err), &err);
}

static void expect_refused(struct fixture *f, enum err_code code, const char *words)
{
    struct err err = {0};

    assert_fails(tls_server_new(&f->config, f->now, &f->server, &err), code);
    assert_holds(err.msg, words);
}

/* Two looks, for a change is taken when the files have come to rest. */
static int check_twice(struct fixture *f, struct err *err)
{
    assert_int_equal(tls_server_check(f->server, false, f->now, err), 0);
    return tls_server_check(f->server, false, f->now, err);
}

static void write_text(struct fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(pki_path(&f->pki, name, ""), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

/* ---- names ----------------------------------------------------------------------------------- */

static unsigned find(struct fixture *f, const char *name)
{
    struct tls_certs *c = tls_server_certs(f->server);
    unsigned i = tls_certs_find(c, name);

    tls_certs_unref(c);
    return i;
}

static void a_folder_is_served_by_name(void **state)
{
    struct fixture *f = *state;

    pki_make(&f->pki, "two", "DNS:two.test,DNS:deep.one.test,DNS:*.a.one.test", 20);
    unlink(pki_path(&f->pki, "ca", ".crt"));
    f->config.dir = f->pki.dir;
    f->config.pair_count = 0;
    start(f);
    assert_int_equal(tls_server_cert_count(f->server), 2);
    assert_string_equal(tls_server_cert(f->server, 0).names, "one.test, *.one.test, upper.test");
    assert_true(
        wall_before(tls_server_cert(f->server, 0).expires, tls_server_cert(f->server, 1).expires));
    assert_int_equal(find(f, "two.test"), 1);
    assert_int_equal(find(f, "TWO.Test"), 1);
    assert_int_equal(find(f, "one.test"), 0);
    assert_int_equal(find(f, "deep.one.test"), 1);
    assert_int_equal(find(f, "any.one.test"), 0);
    assert_int_equal(find(f, "any.a.one.test"), 1);
    assert_int_equal(find(f, "b.any.a.one.test"), 0);
    assert_int_equal(find(f, "unknown"), 0);
    assert_int_equal(find(f, ""), 0);
    assert_int_equal(find(f, ".a.one.test"), 0);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void bad_files_are_refused(void **state)
{
    struct fixture *f = *state;

    pki_make(&f->pki, "two", "DNS:two.test", 10);
    str_fmt(f->key, sizeof f->key, "%s/two.key", f->pki.dir);
    expect_refused(f, ERR_INVALID, "does not belong to the certificate in");
    str_fmt(f->key, sizeof f->key, "%s/none.key", f->pki.dir);
    expect_refused(f, ERR_NOT_FOUND, "none.key");
    write_text(f, "odd.key", "not a key\n");
    str_fmt(f->key, sizeof f->key, "%s/odd.key", f->pki.dir);
    expect_refused(f, ERR_INVALID, "there is none in it");
    str_fmt(f->cert, sizeof f->cert, "%s/odd.key", f->pki.dir);
    expect_refused(f, ERR_INVALID, "there is none in it");
    f->config.pair_count = 0;
    expect_refused(f, ERR_INVALID, "TLS needs a certificate");
    f->config.dir = "/nowhere";
    expect_refused(f, ERR_NOT_FOUND, "/nowhere");
}

static void a_passphrase_is_not_asked_for(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(f->key, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), (unsigned char *)f->pki.dir,
                                          8, NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
    expect_refused(f, ERR_INVALID, "it has a passphrase");
}

static void an_open_key_is_warned_of(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_string_equal(tls_server_warning(f->server), "");
    f->server = tls_server_free(f->server);
    assert_int_equal(chmod(f->key, 0644), 0);
    start(f);
    assert_holds(tls_server_warning(f->server), "every user can read this key");
}

static void odd_lists_of_protocols_are_refused(void **state)
{
    static const char *const odd[] = {"", ",", "a,,b"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        f->config.alpn = odd[i];
        expect_refused(f, ERR_INVALID, "is no list of protocols");
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

static void changed_files_are_taken(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    start(f);
    assert_int_equal(check_twice(f, &err), 0);
    pki_make(&f->pki, "one", "DNS:fresh.test", 10);
    assert_int_equal(check_twice(f, &err), TLS_RELOADED);
    assert_string_equal(tls_server_cert(f->server, 0).names, "fresh.test");
    assert_int_equal(check_twice(f, &err), 0);
    assert_int_equal(tls_server_check(f->server, true, f->now, &err), TLS_RELOADED);
    assert_int_equal(tls_server_tally(f->server).reloads, 2);
}

static void bad_changes_leave_the_old_ones(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    start(f);
    pki_make(&f->pki, "one", "DNS:old.test", -1);
    assert_fails(check_twice(f, &err), ERR_INVALID);
    assert_holds(err.msg, "the certificates in use stay");
    assert_holds(err.msg, "has expired");
    /* Said once. */
    assert_int_equal(check_twice(f, &err), 0);
    write_text(f, "one.crt", "gone");
    assert_fails(check_twice(f, &err), ERR_INVALID);
    unlink(f->cert);
    assert_fails(check_twice(f, &err), ERR_NOT_FOUND);
    assert_string_equal(tls_server_cert(f->server, 0).names, "one.test, *.one.test, upper.test");
    assert_int_equal(tls_server_tally(f->server).reloads_refused, 3);
    pki_make(&f->pki, "one", "DNS:fine.test", 10);
    assert_int_equal(check_twice(f, &err), TLS_RELOADED);
    assert_string_equal(tls_server_cert(f->server, 0).names, "fine.test");
}

static void a_folder_that_empties_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    unlink(pki_path(&f->pki, "ca", ".crt"));
    f->config.dir = f->pki.dir;
    start(f);
    unlink(f->cert);
    assert_fails(check_twice(f, &err), ERR_INVALID);
    assert_holds(err.msg, "there is none in");
    assert_int_equal(tls_server_cert_count(f->server), 1);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct users {
    struct fixture *f;
    atomic_bool stop;
    atomic_uint handshakes;
};

static void *shake(void *arg)
{
    struct users *u = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    while (!atomic_load(&u->stop)) {
        struct tls_certs *certs = tls_server_certs(u->f->server);
        SSL *server = tls_certs_ssl(certs), *client = SSL_new(ctx);
        BIO *one, *other;
        int done = 0;

        BIO_new_bio_pair(&one, 0, &other, 0);
        SSL_set_bio(server, one, one);
        SSL_set_bio(client, other, other);
        SSL_set_connect_state(client);
        for (int i = 0; i < 10 && done < 2; i++)
            done = (SSL_do_handshake(client) == 1) + (SSL_do_handshake(server) == 1);
        assert_int_equal(done, 2);
        SSL_free(client);
        SSL_free(server);
        tls_certs_unref(certs);
        atomic_fetch_add(&u->handshakes, 1);
    }
    SSL_CTX_free(ctx);
    return NULL;
}

/* Handshakes on two threads while the third reloads and makes new ticket keys. */
static void reloads_do_not_disturb_handshakes(void **state)
{
    struct fixture *f = *state;
    struct users u = {.f = f};
    struct err err = {0};
    pthread_t thread[2];
    unsigned seen = 0;

    start(f);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, shake, &u), 0);
    for (int i = 0; i < 30; i++) {
        f->now = wall_add(f->now, dur_s(3600));
        assert_int_equal(tls_server_check(f->server, true, f->now, &err), TLS_RELOADED);
        while (atomic_load(&u.handshakes) < seen + 4)
            sched_yield();
        seen = atomic_load(&u.handshakes);
    }
    atomic_store(&u.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_folder_is_served_by_name),         T(bad_files_are_refused),
        T(a_passphrase_is_not_asked_for),      T(an_open_key_is_warned_of),
        T(odd_lists_of_protocols_are_refused), T(changed_files_are_taken),
        T(bad_changes_leave_the_old_ones),     T(a_folder_that_empties_is_refused),
        T(reloads_do_not_disturb_handshakes),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
