/* SPDX-License-Identifier: Apache-2.0 */
/* What a real etcd refuses by itself: certificates, users, a full disk, its own limits. */
#include "tests/store/store_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "common/base/mem.h"
#include "coordinator/store/store_etcd.h"
#include "tests/etcd/etcd_server.h"

static int setup(void **state)
{
    *state = xnew(struct etcd_cluster);
    return 0;
}

static int teardown(void **state)
{
    etcd_stop(*state);
    free(*state);
    return 0;
}

static void assert_says(const struct err *err, const char *words)
{
    if (!strstr(err->msg, words) && !strstr(err->hint, words))
        fail_msg("neither \"%s\" nor \"%s\" says \"%s\"", err->msg, err->hint, words);
}

static struct store *open_ok(const struct store_etcd_config *config)
{
    struct store *s;
    struct err err;

    assert_ok(store_etcd_open(config, &s, &err), &err);
    return s;
}

static void assert_open_fails(const struct store_etcd_config *config, enum err_code code,
                              const char *words)
{
    struct store *s;
    struct err err;
    int r = store_etcd_open(config, &s, &err);

    if (r != -(int)code)
        fail_msg("%s expected, got %d: %s", err_text(code), r, r < 0 ? err.msg : "");
    assert_says(&err, words);
    assert_says(&err, "127.0.0.1");
}

static void note(void *ctx, const struct store_list *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        buf_addf(ctx, "%s ", changes->item[i].key + strlen(STORE_ROOT));
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void full_etcd_says_what_to_do_and_then_works_again(void **state)
{
    static const char *const extra[] = {"--quota-backend-bytes", "8388608", NULL};
    struct etcd_cluster *c = *state;
    struct store_etcd_config config = {.endpoints =
                                           (etcd_start(c, 1, "http", extra), c->endpoints)};
    CLEANUP(store_freep) struct store *s = open_ok(&config);
    CLEANUP(xfreep) char *big = xcalloc(1, STORE_VALUE_MAX);
    struct store_txn txn = TXN(PUT(K("a"), ((struct str){big, STORE_VALUE_MAX})));
    char rev[32];
    struct err err;
    int r = 0;

    for (int i = 0; i < 40 && r == 0; i++)
        r = store_txn(s, &txn, NULL, &err);
    assert_int_equal(r, -ERR_EXHAUSTED);
    assert_says(&err, "database space exceeded");
    assert_says(&err, "alarm disarm");
    assert_value(s, K("a"), txn.op[0].value);
    store_free(open_ok(&config)); /* who starts now can read */

    commit(s, TXN(DELETE(K("a"))));
    snprintf(rev, sizeof rev, "%llu", (unsigned long long)revision(s));
    assert_int_equal(ETCDCTL(c, "compact", "--physical", rev), 0);
    assert_int_equal(ETCDCTL(c, "defrag"), 0);
    assert_int_equal(ETCDCTL(c, "alarm", "disarm"), 0);
    commit(s, TXN(PUT(K("b"), STR("1"))));
}

static void transaction_past_etcds_own_limit_names_the_option(void **state)
{
    static const char *const extra[] = {"--max-txn-ops", "16", NULL};
    struct etcd_cluster *c = *state;
    struct store_etcd_config config = {.endpoints =
                                           (etcd_start(c, 1, "http", extra), c->endpoints)};
    CLEANUP(store_freep) struct store *s = open_ok(&config);
    struct store_op op[17];
    char key[17][32];
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(op); i++) {
        snprintf(key[i], sizeof key[i], STORE_ROOT "%zu", i);
        op[i] = PUT(str_of(key[i]), STR("1"));
    }
    assert_int_equal(
        store_txn(s, &(struct store_txn){.op = op, .count = ARRAY_LEN(op)}, NULL, &err),
        -ERR_EXHAUSTED);
    assert_says(&err, "--max-txn-ops");
    assert_absent(s, K("1"));
}

static void port_that_is_not_etcds_is_named(void **state)
{
    struct etcd_cluster *c = *state;
    char endpoint[64];

    etcd_start(c, 1, "http", NULL);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", c->member[0].health_port);
    assert_open_fails(&(struct store_etcd_config){.endpoints = endpoint}, ERR_REFUSED,
                      "is not etcd");
    snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%u", c->member[0].port);
    assert_open_fails(&(struct store_etcd_config){.endpoints = endpoint}, ERR_DENIED, "--etcd-ca");
}

/* A program that must succeed. */
static void run(const char *dir, const char *const *argv)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 1);
        dup2(null, 2);
        if (chdir(dir) == 0)
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("%s %s: status %d", argv[0], argv[1], status);
}

/* A new etcd begins to count anew: what was made first has the same revision as in the old one. */
static void etcd_that_began_anew_is_another_store(void **state)
{
    struct etcd_cluster *c = *state;
    const char *const wipe[] = {"sh", "-c", "rm -r m0", NULL};
    CLEANUP(store_freep) struct store *old = NULL, *new = NULL;
    struct store_list l = {0};
    struct err err;

    etcd_start(c, 1, "http", NULL);
    const struct store_etcd_config config = {.endpoints = c->endpoints};

    assert_int_equal(store_etcd_open(&config, &old, &err), 0);
    etcd_kill(c, 0);
    run(c->dir, wipe);
    etcd_revive(c, 0);
    assert_int_equal(store_etcd_open(&config, &new, &err), 0);
    assert_string_not_equal(old->incarnation, new->incarnation);
    assert_int_equal(store_txn(old, &TXN(PUT(K("a"), STR("1"))), NULL, &err), -ERR_REFUSED);
    assert_says(&err, "meta/incarnation");
    assert_int_equal(store_list(old, STR(STORE_ROOT), &l, &err), -ERR_REFUSED);
    commit(new, TXN(COMPARE(K("a"), 0), PUT(K("a"), STR("2"))));
}

/* ---- users ----------------------------------------------------------------------------------- */

static void make_users(struct etcd_cluster *c)
{
    assert_int_equal(ETCDCTL(c, "user", "add", "root:rootpw"), 0);
    assert_int_equal(ETCDCTL(c, "user", "grant-role", "root", "root"), 0);
    assert_int_equal(ETCDCTL(c, "role", "add", "yard"), 0);
    assert_int_equal(ETCDCTL(c, "role", "grant-permission", "--prefix=true", "yard", "readwrite",
                             "/ours/switchyard/"),
                     0);
    assert_int_equal(ETCDCTL(c, "user", "add", "yard:secret"), 0);
    assert_int_equal(ETCDCTL(c, "user", "grant-role", "yard", "yard"), 0);
    assert_int_equal(ETCDCTL(c, "auth", "enable"), 0);
}

static void passwd(const struct etcd_cluster *c, const char *password)
{
    char line[512];
    const char *const argv[] = {"sh", "-c", line, NULL};

    snprintf(line, sizeof line,
             "echo %s | ETCDCTL_API=3 etcdctl --endpoints %s --user root:rootpw "
             "user passwd yard --interactive=false",
             password, c->endpoints);
    run("/", argv);
}

static void users_and_their_tokens(void **state)
{
    static const char *const extra[] = {"--bcrypt-cost", "4", NULL};
    struct etcd_cluster *c = *state;
    struct store_etcd_config config = {.space = "/ours", .user = "yard", .password = "secret"};
    struct store_etcd_config wrong;
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(1024);
    struct store *s;
    struct err err;

    etcd_start(c, 1, "http", extra);
    config.endpoints = c->endpoints;
    assert_open_fails(&config, ERR_REFUSED, "leave --etcd-user out");
    make_users(c);

    s = open_ok(&config);
    assert_ok(store_watch(s, STR(STORE_ROOT), revision(s), note, &told, &err), &err);
    commit(s, TXN(PUT(K("a"), STR("1"))));
    /* All tokens are worthless after this, as they are when they expire. */
    assert_int_equal(ETCDCTL(c, "--user", "root:rootpw", "auth", "disable"), 0);
    assert_int_equal(ETCDCTL(c, "auth", "enable"), 0);
    commit(s, TXN(PUT(K("b"), STR("2"))));
    assert_value(s, K("b"), STR("2"));
    for (int i = 0; i < 500 && !strstr(buf_text(&told), "b "); i++)
        assert_ok(store_poll(s, dur_ms(20), &err), &err);
    assert_string_equal(buf_text(&told), "a b ");
    /* A password that was changed is no success without an answer. */
    passwd(c, "other");
    assert_int_equal(store_txn(s, &TXN(PUT(K("c"), STR("3"))), NULL, &err), -ERR_DENIED);
    assert_says(&err, "authenticate as yard");
    assert_says(&err, "--etcd-password-file");
    passwd(c, "secret");
    commit(s, TXN(COMPARE(K("c"), 0), PUT(K("c"), STR("3"))));
    store_free(s);

    wrong = config;
    wrong.password = "guess";
    assert_open_fails(&wrong, ERR_DENIED, "--etcd-password-file");
    wrong.user = wrong.password = NULL;
    assert_open_fails(&wrong, ERR_DENIED, "--etcd-user");
    wrong = config;
    wrong.space = "/theirs";
    assert_open_fails(&wrong, ERR_DENIED, "grant-permission");
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void run_openssl(const char *dir, const char *line)
{
    const char *argv[40] = {"openssl"};
    char text[512];
    size_t n = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *word = text; word && n < ARRAY_LEN(argv) - 1; n++) {
        char *space = strchr(word, ' ');

        argv[n] = word;
        if (space)
            *space++ = '\0';
        word = space;
    }
    run(dir, argv);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "

/* ca.crt; server.crt and client.crt signed by it; expired.crt, which was. */
static void make_certificates(const char *dir)
{
    run_openssl(dir, "req -x509 " NEW_KEY "-keyout ca.key -out ca.crt -subj /CN=ca -days 2");
    run_openssl(dir, "req " NEW_KEY
                     "-keyout key -out csr -subj /CN=etcd -addext subjectAltName=IP:127.0.0.1");
    run_openssl(dir,
                "x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial "
                "-copy_extensions copy -days 2 -out server.crt");
    run_openssl(dir,
                "x509 -req -in csr -CA ca.crt -CAkey ca.key -copy_extensions copy "
                "-days -1 -out expired.crt");
}

static void certificates_of_both_sides(void **state)
{
    struct etcd_cluster *c = *state;
    char dir[DIR_SIZE], ca[DIR_SIZE + 16], crt[DIR_SIZE + 16], key[DIR_SIZE + 16];
    const char *extra[] = {"--cert-file",       crt, "--key-file", key, "--client-cert-auth",
                           "--trusted-ca-file", ca,  NULL};
    struct store_etcd_config config = {.ca = ca, .cert = crt, .key = key};
    struct store *s;

    make_dir(dir);
    make_certificates(dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(crt, sizeof crt, "%s/server.crt", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    etcd_start(c, 1, "https", extra);
    config.endpoints = c->endpoints;
    s = open_ok(&config);
    commit(s, TXN(PUT(K("a"), STR("1"))));
    assert_value(s, K("a"), STR("1"));
    store_free(s);

    config.cert = config.key = NULL;
    assert_open_fails(&config, ERR_DENIED, "certificate");
    config.ca = NULL;
    assert_open_fails(&config, ERR_DENIED, "--etcd-ca");
    config.ca = "/nowhere/ca.crt";
    assert_open_fails(&config, ERR_DENIED, "/nowhere/ca.crt");
    remove_dir(dir);
}

static void expired_certificate_is_called_that(void **state)
{
    struct etcd_cluster *c = *state;
    char dir[DIR_SIZE], ca[DIR_SIZE + 16], crt[DIR_SIZE + 16], key[DIR_SIZE + 16];
    const char *extra[] = {"--cert-file", crt, "--key-file", key, NULL};

    make_dir(dir);
    make_certificates(dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    snprintf(crt, sizeof crt, "%s/expired.crt", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    etcd_start(c, 1, "https", extra);
    assert_open_fails(&(struct store_etcd_config){.endpoints = c->endpoints, .ca = ca}, ERR_DENIED,
                      "expired");
    remove_dir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(full_etcd_says_what_to_do_and_then_works_again),
        T(transaction_past_etcds_own_limit_names_the_option),
        T(port_that_is_not_etcds_is_named),
        T(etcd_that_began_anew_is_another_store),
        T(users_and_their_tokens),
        T(certificates_of_both_sides),
        T(expired_certificate_is_called_that),
    };

    if (!etcd_installed())
        return 0;
    return cmocka_run_group_tests_name("etcd server", tests, NULL, NULL);
}
