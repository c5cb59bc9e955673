/* SPDX-License-Identifier: Apache-2.0 */
/* Checks against the servers of Debian: PostgreSQL, Redis, Prometheus. What is not installed is
 * skipped. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/pgserver/pgserver.h"
#include "tests/rude/rude_server.h"
#include "tests/unit/coordinator/check/rig.h"

static struct rig rig;
static char dir[] = "/tmp/switchyard-check-XXXXXX";

/* ---- servers --------------------------------------------------------------------------------- */

static pid_t spawn(const char *const *argv)
{
    pid_t pid = fork();
    int quiet;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, STDOUT_FILENO);
    dup2(quiet, STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void end_server(const pid_t *pid)
{
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
}

static void need(const char *program)
{
    if (access(program, X_OK) == 0)
        return;
    printf("%s is not installed\n", program);
    skip();
}

/* Ask until the answer is another one than "nobody is there". */
static void wait_for(struct plan_check c)
{
    mono_t end = mono_add(clock_system->mono(clock_system), dur_s(60));

    c.timeout = dur_s(5);
    while (rig_check(&rig, c)->outcome != CHECK_PASSED)
        if (!mono_before(clock_system->mono(clock_system), end))
            fail_msg("the server does not answer: %s", rig.result[0].text);
}

/* ---- PostgreSQL ------------------------------------------------------------------------------ */

static void postgresql_is_asked(void **state UNUSED)
{
    struct plan_check c = {.kind = PLAN_CHECK_POSTGRES};
    struct pgserver server;

    if (!pgserver_installed())
        skip();
    pgserver_start(&server);
    c.target = server.conninfo;
    rig_expect(&rig, c, CHECK_PASSED, "it takes connections");
    c.query = "SELECT 7";
    rig_expect(&rig, c, CHECK_PASSED, "the query ran, with 1 rows");
    c.has_max = true;
    c.max = 5;
    rig_expect(&rig, c, CHECK_FAILED, "the query gives 7; at most 5 is asked for");
    assert_int_equal(rig.result[0].value, 7);
    c.query = "SELECT 'NaN'::float8";
    rig_expect(&rig, c, CHECK_UNKNOWN, "gives NaN");
    c.query = "SELECT 'many'";
    rig_expect(&rig, c, CHECK_UNKNOWN, "gives many, which is no number");
    c.query = "SELECT 1 WHERE false";
    rig_expect(&rig, c, CHECK_UNKNOWN, "no row");
    c.query = "SELECT NULL";
    rig_expect(&rig, c, CHECK_UNKNOWN, "no value");
    c.query = "SELECT pg_is_in_recovery()";
    rig_expect(&rig, c, CHECK_PASSED, "gives f");
    c.query = "SELECT * FROM nowhere";
    rig_expect(&rig, c, CHECK_UNKNOWN, "relation \"nowhere\" does not exist");
    c.query = "SELECT pg_sleep(60)";
    c.timeout = dur_ms(300);
    rig_expect(&rig, c, CHECK_UNKNOWN, "takes too long");
    pgserver_stop(&server);
    c.timeout = dur_s(10);
    rig_expect(&rig, c, CHECK_UNKNOWN, "Connection refused");
}

/* ---- Redis ----------------------------------------------------------------------------------- */

static void redis_is_pinged(void **state UNUSED)
{
    static const char program[] = "/usr/bin/redis-server";
    struct plan_check c = {.kind = PLAN_CHECK_REDIS};
    char port[16], target[32];

    need(program);
    c.target = target;
    for (int locked = 0; locked < 2; locked++) {
        str_fmt(port, sizeof port, "%u", rude_no_port());
        str_fmt(target, sizeof target, "127.0.0.1:%s", port);
        const char *const argv[] = {
            program,  "--port", port,    "--bind", "127.0.0.1",
            "--save", "",       "--dir", dir,      locked ? "--requirepass" : NULL,
            "s3cret", NULL};
        CLEANUP(end_server) const pid_t pid = spawn(argv);
        struct plan_check tcp = {.kind = PLAN_CHECK_TCP, .target = target};

        assert_true(pid > 0);
        wait_for(tcp);
        if (locked)
            rig_expect(&rig, c, CHECK_UNKNOWN, "NOAUTH");
        else
            rig_expect(&rig, c, CHECK_PASSED, "it answers PONG");
    }
    rig_expect(&rig, c, CHECK_UNKNOWN, "the connection is refused");
}

/* ---- Prometheus ------------------------------------------------------------------------------ */

static void write_config(char *path, size_t size)
{
    FILE *f;

    str_fmt(path, size, "%s/prometheus.yml", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("global: {scrape_interval: 1s}\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void prometheus_is_asked(void **state UNUSED)
{
    static const char program[] = "/usr/bin/prometheus";
    char config[64], file[96], data[96], listen[64], url[64];
    unsigned port = rude_no_port();
    struct plan_check c = {.kind = PLAN_CHECK_PROMETHEUS, .target = url, .has_max = true, .max = 5};

    need(program);
    write_config(config, sizeof config);
    str_fmt(file, sizeof file, "--config.file=%s", config);
    str_fmt(data, sizeof data, "--storage.tsdb.path=%s/data", dir);
    str_fmt(listen, sizeof listen, "--web.listen-address=127.0.0.1:%u", port);
    str_fmt(url, sizeof url, "http://127.0.0.1:%u", port);
    {
        const char *const argv[] = {program, file, data, listen, NULL};
        CLEANUP(end_server) const pid_t pid = spawn(argv);

        assert_true(pid > 0);
        c.query = "vector(1)";
        wait_for(c);
        c.query = "scalar(vector(2))";
        rig_expect(&rig, c, CHECK_PASSED, "the query gives 2");
        c.query = "vector(1e6)";
        rig_expect(&rig, c, CHECK_FAILED, "the query gives 1000000; at most 5 is asked for");
        c.query = "vector(0) / 0";
        rig_expect(&rig, c, CHECK_UNKNOWN, "NaN");
        c.query = "vector(1) / 0";
        rig_expect(&rig, c, CHECK_UNKNOWN, "+Inf");
        c.query = "nobody_has_this_metric";
        rig_expect(&rig, c, CHECK_UNKNOWN, "nothing matches");
        c.query = "label_replace(vector(1), \"a\", \"b\", \"\", \"\") or vector(2)";
        rig_expect(&rig, c, CHECK_UNKNOWN, "gives 2 values");
        c.query = "sum(";
        rig_expect(&rig, c, CHECK_UNKNOWN, "refuses the query");
        c.query = "vector(1)[5m:1m]";
        rig_expect(&rig, c, CHECK_UNKNOWN, "no value but a \"matrix\"");
    }
    rig_expect(&rig, c, CHECK_UNKNOWN, "127.0.0.1");
}

/* ---- life ------------------------------------------------------------------------------------ */

static int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
                        struct FTW *at UNUSED)
{
    return remove(path);
}

static int open_rig(void **state UNUSED)
{
    assert_non_null(mkdtemp(dir));
    rig_open(&rig, 2, false);
    return 0;
}

static int close_rig(void **state UNUSED)
{
    rig_close(&rig);
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postgresql_is_asked),
        cmocka_unit_test(redis_is_pinged),
        cmocka_unit_test(prometheus_is_asked),
    };

    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
