/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/pg.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/pgserver/pgserver.h"
#include "tests/rude/rude_server.h"

static struct pgserver server;

struct answer {
    struct buf value;
    uint64_t rows;
    struct err err;
    int r;
    int64_t took_ms;
};

static void answer_end(struct answer *a)
{
    buf_deinit(&a->value);
}

static struct answer ask(const char *conninfo, const char *query, dur_t timeout,
                         const atomic_bool *stop)
{
    struct answer a = {.value = BUF_INIT(64)};
    mono_t begun = clock_system->mono(clock_system);

    a.r = pg_ask(conninfo, query, timeout, stop, &a.value, &a.rows, &a.err);
    a.took_ms = dur_to_ms(mono_sub(clock_system->mono(clock_system), begun));
    return a;
}

static void need_server(void)
{
    if (server.pid == 0)
        skip();
}

static void gives(const char *query, const char *value, uint64_t rows)
{
    CLEANUP(answer_end) struct answer a = ask(server.conninfo, query, dur_s(20), NULL);

    assert_ok(a.r, &a.err);
    assert_string_equal(buf_text(&a.value), value);
    assert_int_equal(a.rows, rows);
}

static void refused(const char *query, const char *part)
{
    CLEANUP(answer_end) struct answer a = ask(server.conninfo, query, dur_s(20), NULL);

    assert_int_equal(a.r, -(int)ERR_REFUSED);
    assert_holds(a.err.msg, part);
    assert_holds(a.err.msg, "dbname=postgres: ");
}

static void the_first_value_is_given(void **state UNUSED)
{
    need_server();
    gives("SELECT 42", "42", 1);
    gives("SELECT 'a', 'b'", "a", 1);
    gives("SELECT NULL", "", 1);
    gives("SELECT 1 WHERE false", "", 0);
    gives("SELECT", "", 1);
    gives("SELECT generate_series(7, 100006)", "7", 100000);
}

static void nothing_is_written(void **state UNUSED)
{
    need_server();
    refused("CREATE TABLE t (a int)", "read-only transaction");
    refused("COMMIT; CREATE TABLE t (a int)", "multiple commands");
    refused("COPY (SELECT 1) TO STDOUT", "something else than rows");
    gives("SET TRANSACTION READ WRITE", "", 0); /* alone, and in vain */
    gives("SELECT count(*) FROM pg_class WHERE relname = 't'", "0", 1);
}

static void what_the_server_refuses_is_told(void **state UNUSED)
{
    need_server();
    refused("SELECT * FROM nowhere", "relation \"nowhere\" does not exist");
    refused("SELECT 1 / 0", "division by zero");
    refused("", "something else than rows");
}

static void a_long_value_is_given_up(void **state UNUSED)
{
    CLEANUP(answer_end) struct answer a = {.value = BUF_INIT(1)};

    need_server();
    a = ask(server.conninfo, "SELECT repeat('x', 65)", dur_s(20), NULL);
    assert_int_equal(a.r, -(int)ERR_EXHAUSTED);
    assert_holds(a.err.msg, "longer than 64 bytes");
}

static void a_row_that_would_fill_memory_is_given_up(void **state UNUSED)
{
    CLEANUP(answer_end) struct answer a = {.value = BUF_INIT(1)};

    need_server();
    gives("SELECT 1, repeat('x', 1000000) FROM generate_series(1, 30)", "1", 30);
    a = ask(server.conninfo, "SELECT repeat('x', 200000000)", dur_s(60), NULL);
    assert_int_equal(a.r, -(int)ERR_EXHAUSTED);
    assert_holds(a.err.msg, "a row is larger than 8 MiB");
}

static void a_query_that_takes_long_ends_in_time(void **state UNUSED)
{
    CLEANUP(answer_end) struct answer a = {.value = BUF_INIT(1)};

    need_server();
    a = ask(server.conninfo, "SELECT pg_sleep(60)", dur_ms(300), NULL);
    assert_int_equal(a.r, -(int)ERR_TIMEOUT);
    assert_holds(a.err.msg, "the query takes too long");
    assert_true(a.took_ms < 5000);
}

/* The server was told how long, so it does not work on for nobody. */
static void the_server_gives_up_too(void **state UNUSED)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(20));
    bool left = true;

    need_server();
    {
        CLEANUP(answer_end)
        struct answer a = ask(server.conninfo, "SELECT pg_sleep(61)", dur_ms(100), NULL);

        assert_int_equal(a.r, -(int)ERR_TIMEOUT);
    }
    while (left) {
        CLEANUP(answer_end)
        struct answer a = ask(server.conninfo,
                              "SELECT count(*) FROM pg_stat_activity "
                              "WHERE state = 'active' AND query LIKE '%sleep(61)%' "
                              "AND pid <> pg_backend_pid()",
                              dur_s(20), NULL);

        assert_ok(a.r, &a.err);
        left = strcmp(buf_text(&a.value), "0") != 0;
        assert_true(mono_before(clock_system->mono(clock_system), end));
    }
}

static void *set_soon(void *arg)
{
    (void)poll(NULL, 0, 50);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void a_query_ends_when_told(void **state UNUSED)
{
    CLEANUP(answer_end) struct answer a = {.value = BUF_INIT(1)};
    atomic_bool stop = false;
    pthread_t thread;

    need_server();
    assert_int_equal(pthread_create(&thread, NULL, set_soon, &stop), 0);
    a = ask(server.conninfo, "SELECT pg_sleep(60)", dur_s(60), &stop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(a.r, -(int)ERR_CANCELLED);
    assert_true(a.took_ms < 5000);
}

/* From the password file, and nobody hears of it when it is wrong. */
static void passwords_come_from_the_file(void **state UNUSED)
{
    char path[128], conninfo[160], line[64];
    CLEANUP(answer_end) struct answer a = {.value = BUF_INIT(1)};
    FILE *f;

    need_server();
    str_fmt(path, sizeof path, "%s/../switchyard-pgpass-%d", server.dir, (int)getpid());
    str_fmt(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u dbname=secret user=switchyard",
            server.port);
    for (int right = 0; right < 2; right++) {
        str_fmt(line, sizeof line, "*:*:secret:*:%s\n", right ? "s3cret" : "wr0ng");
        f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs(line, f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(setenv("PGPASSFILE", path, 1), 0);
        answer_end(&a);
        a = ask(conninfo, "SELECT 1", dur_s(20), NULL);
        assert_int_equal(a.r, right ? 0 : -(int)ERR_UNAVAILABLE);
        if (!right)
            assert_holds(a.err.msg, "password authentication failed");
        assert_null(strstr(a.err.msg, "wr0ng"));
    }
    unlink(path);
}

static void passwords_in_the_string_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {"host=db password=s3cret", "postgresql://u:s3cret@db/app",
                                      "host=db sslpassword=s3cret", "host=db passwordx s3cret"};
    char shown[64];
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(answer_end) struct answer a = ask(bad[i], "SELECT 1", dur_s(5), NULL);

        assert_int_equal(a.r, -(int)ERR_INVALID);
        assert_null(strstr(a.err.msg, "s3cret"));
        assert_fails(pg_address(bad[i], shown, sizeof shown, &err), ERR_INVALID);
    }
}

static void addresses_are_shown_short(void **state UNUSED)
{
    char shown[40];
    struct err err;

    assert_ok(pg_address("postgresql://u@db:1/app", shown, sizeof shown, &err), &err);
    assert_string_equal(shown, "host=db port=1 dbname=app");
    assert_ok(pg_address("", shown, sizeof shown, &err), &err);
    assert_string_equal(shown, "the default server");
    assert_ok(pg_address("host='a\nb'", shown, sizeof shown, &err), &err);
    assert_string_equal(shown, "host=a?b");
    assert_ok(pg_address("dbname=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", shown,
                         sizeof shown, &err),
              &err);
}

static void unavailable(const char *conninfo, enum err_code want, const char *part)
{
    CLEANUP(answer_end)
    struct answer a = ask(conninfo, "SELECT 1", dur_ms(want == ERR_TIMEOUT ? 200 : 20000), NULL);

    assert_int_equal(a.r, -(int)want);
    assert_holds(a.err.msg, part);
    for (const char *c = a.err.msg; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    assert_true(a.took_ms < 10000);
}

static void who_is_not_there_is_unavailable(void **state UNUSED)
{
    char conninfo[128];

    str_fmt(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u dbname=app", rude_no_port());
    unavailable(conninfo, ERR_UNAVAILABLE, "Connection refused");
    str_fmt(conninfo, sizeof conninfo, "host=localhost,127.0.0.1 port=%u", rude_no_port());
    unavailable(conninfo, ERR_UNAVAILABLE, "Connection refused");
    unavailable("host=/nonexistent", ERR_UNAVAILABLE, "/nonexistent");
    unavailable("service=none", ERR_UNAVAILABLE, "service");
    unavailable("host=127.0.0.1 port=99999", ERR_UNAVAILABLE, "99999");
}

static void strange_servers_do_not_harm(void **state UNUSED)
{
    static const struct {
        enum rude_manner manner;
        const char *text;
        enum err_code want;
        const char *part;
    } cases[] = {
        {RUDE_SILENT, NULL, ERR_TIMEOUT, "connecting takes too long"},
        {RUDE_SAY, NULL, ERR_UNAVAILABLE, ""},
        {RUDE_RESET, NULL, ERR_UNAVAILABLE, ""},
        {RUDE_SAY, "HTTP/1.1 400 Bad Request\r\n\r\n", ERR_UNAVAILABLE, ""},
        {RUDE_SAY, "N\x1b[2Jgarbage\r\n", ERR_UNAVAILABLE, ""},
        {RUDE_FLOOD, "N", ERR_UNAVAILABLE, ""},
        {RUDE_FLOOD, "NR", ERR_UNAVAILABLE, ""},
        {RUDE_DRIP, "NE\x7f\x7f\x7f\x7f", ERR_TIMEOUT, "connecting takes too long"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(rude_stopp)
        struct rude_server *s = rude_start(cases[i].manner, cases[i].text);
        char conninfo[128];

        str_fmt(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u dbname=app", rude_port(s));
        unavailable(conninfo, cases[i].want, cases[i].part);
    }
}

static int start(void **state UNUSED)
{
    if (pgserver_installed())
        pgserver_start(&server);
    return 0;
}

static int stop(void **state UNUSED)
{
    if (server.pid > 0)
        pgserver_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_value_is_given),
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(what_the_server_refuses_is_told),
        cmocka_unit_test(a_long_value_is_given_up),
        cmocka_unit_test(a_row_that_would_fill_memory_is_given_up),
        cmocka_unit_test(a_query_that_takes_long_ends_in_time),
        cmocka_unit_test(the_server_gives_up_too),
        cmocka_unit_test(a_query_ends_when_told),
        cmocka_unit_test(passwords_come_from_the_file),
        cmocka_unit_test(passwords_in_the_string_are_refused),
        cmocka_unit_test(addresses_are_shown_short),
        cmocka_unit_test(who_is_not_there_is_unavailable),
        cmocka_unit_test(strange_servers_do_not_harm),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
