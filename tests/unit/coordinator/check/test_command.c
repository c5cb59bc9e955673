/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the operators': how they end, what they say, and what is left of them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rude/rude_server.h"
#include "tests/unit/coordinator/check/rig.h"

static struct rig rig;

static struct plan_check shell(const char *script)
{
    return (struct plan_check){.kind = PLAN_CHECK_COMMAND, .argv = {"/bin/sh", "-c", script}};
}

/* Nobody is left to be waited for. */
static void no_zombie(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void the_exit_status_decides(void **state UNUSED)
{
    rig_expect(&rig, shell("echo all good; exit 0"), CHECK_PASSED, "status 0: all good");
    assert_string_equal(rig.result[0].output, "all good\n");
    rig_expect(&rig, shell("echo one; echo two >&2; exit 3"), CHECK_FAILED, "status 3: two");
    assert_string_equal(rig.result[0].output, "one\ntwo\n");
    assert_int_equal(rig.result[0].value, 3);
    rig_expect(&rig, shell("exit 0"), CHECK_PASSED, "status 0");
    no_zombie();
}

static void what_cannot_be_started_says_so(void **state UNUSED)
{
    struct plan_check c = {.kind = PLAN_CHECK_COMMAND, .argv = {"no-such-program"}};

    rig_expect(&rig, c, CHECK_UNKNOWN, "start no-such-program: No such file");
    c.argv[0] = "/etc/passwd";
    rig_expect(&rig, c, CHECK_UNKNOWN, "Permission denied");
    no_zombie();
}

static void signals_are_named(void **state UNUSED)
{
    rig_expect(&rig, shell("kill -SEGV $$"), CHECK_UNKNOWN, "ended by SIGSEGV");
    rig_expect(&rig, shell("kill -KILL $$"), CHECK_UNKNOWN, "ended by SIGKILL");
    no_zombie();
}

static void one_that_hangs_is_ended(void **state UNUSED)
{
    struct plan_check c = shell("echo begun; sleep 60; echo never");

    c.timeout = dur_ms(200);
    rig_expect(&rig, c, CHECK_UNKNOWN, "did not end within 200ms, and was ended: begun");
    assert_true(rig.result[0].took_ms < 1900); /* SIGTERM was enough */
    no_zombie();
}

static void one_that_ignores_sigterm_is_killed_with_its_children(void **state UNUSED)
{
    struct plan_check c =
        shell("trap '' TERM; (trap '' TERM; exec sleep 60) & echo $!; sleep 60; sleep 60");
    long child;

    c.timeout = dur_ms(200);
    rig_expect(&rig, c, CHECK_UNKNOWN, "was ended: ");
    assert_true(rig.result[0].took_ms > 1900);
    assert_true(rig.result[0].took_ms < 8000);
    child = strtol(rig.result[0].output, NULL, 10);
    assert_true(child > 1);
    WAIT_FOR(rig.loop, kill((pid_t)child, 0) < 0);
    no_zombie();
}

/* What it starts in the background neither holds it up nor outlives it. */
static void what_it_leaves_behind_is_ended(void **state UNUSED)
{
    long child;

    rig_expect(&rig, shell("sleep 60 & echo $!"), CHECK_PASSED, "status 0");
    assert_true(rig.result[0].took_ms < 5000);
    child = strtol(rig.result[0].output, NULL, 10);
    WAIT_FOR(rig.loop, kill((pid_t)child, 0) < 0);
}

static void a_flood_is_cut(void **state UNUSED)
{
    struct plan_check c = shell("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end");

    rig_expect(&rig, c, CHECK_PASSED, "status 0: the end");
    assert_int_equal(strlen(rig.result[0].output), CHECK_OUTPUT_SIZE - 1);
    assert_holds(rig.result[0].output, "x\nthe end\n");
    c = shell("yes");
    c.timeout = dur_ms(300);
    rig_expect(&rig, c, CHECK_UNKNOWN, "did not end within 300ms");
    assert_true(rig.result[0].took_ms < 5000);
}

static void output_is_made_harmless(void **state UNUSED)
{
    rig_expect(&rig, shell("printf 'a\\033[2J\\tb\\000c\\377\\303\\244\\n'"), CHECK_PASSED,
               "a?[2J b?c?\xc3\xa4");
    assert_string_equal(rig.result[0].output, "a?[2J b?c?\xc3\xa4\n");
}

static void nothing_is_inherited_but_a_small_environment(void **state UNUSED)
{
    int open_here = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

    assert_int_equal(setenv("SECRET_TOKEN", "s3cret", 1), 0);
    signal(SIGPIPE, SIG_IGN);
    rig_expect(&rig, shell("env | sort | cut -d= -f1 | tr '\\n' ' '"), CHECK_PASSED,
               "HOME LANG PATH PWD SWITCHYARD_MIGRATION");
    assert_null(strstr(rig.result[0].output, "SECRET"));
    rig_expect(&rig, shell("ls /proc/self/fd | tr '\\n' ' '"), CHECK_PASSED, "0 1 2 3");
    assert_string_equal(rig.result[0].output, "0 1 2 3 "); /* 3 is ls's own */
    rig_expect(&rig, shell("grep 'SigIgn.*00000$' /proc/self/status"), CHECK_PASSED, "");
    rig_expect(&rig, shell("pwd; cat"), CHECK_PASSED, "status 0: /");
    rig_expect(&rig, shell("echo $SWITCHYARD_MIGRATION"), CHECK_PASSED, "orders");
    close(open_here);
}

static void stopping_ends_it(void **state UNUSED)
{
    char path[] = "/tmp/switchyard-check-XXXXXX", script[128];
    struct plan_check c;
    int fd = mkstemp(path);
    char pid[32] = "";

    assert_true(fd >= 0);
    str_fmt(script, sizeof script, "echo $$ > %s; exec sleep 60", path);
    c = shell(script);
    c.timeout = dur_s(60);
    rig_begin(&rig, &c, 1);
    WAIT_FOR(rig.loop, pread(fd, pid, sizeof pid - 1, 0) > 1);
    check_stop(rig.run);
    WAIT_FOR(rig.loop, kill((pid_t)strtol(pid, NULL, 10), 0) < 0);
    close(fd);
    unlink(path);
}

static void many_at_a_time_do_not_mix_up(void **state UNUSED)
{
    struct plan_check c[PLAN_CHECKS_MAX];
    char script[PLAN_CHECKS_MAX][32], want[32];
    unsigned before = rig.told;

    for (unsigned i = 0; i < PLAN_CHECKS_MAX; i++) {
        str_fmt(script[i], sizeof script[i], "echo %u; exit %u", i, i);
        c[i] = shell(script[i]);
        c[i].timeout = dur_s(20);
    }
    rig_begin(&rig, c, PLAN_CHECKS_MAX);
    WAIT_FOR(rig.loop, rig.told > before);
    for (unsigned i = 0; i < PLAN_CHECKS_MAX; i++) {
        str_fmt(want, sizeof want, "it ended with status %u: %u", i, i);
        assert_string_equal(rig.result[i].text, want);
    }
    no_zombie();
}

static void commands_are_off_unless_allowed(void **state UNUSED)
{
    struct rig shy;

    rig_open(&shy, 1, false);
    rig_expect(&shy, shell("exit 0"), CHECK_UNKNOWN,
               "coordinator c1 may not run commands: start it with --allow-commands");
    rig_close(&shy);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static struct plan_hook hook(const char *name, const char *script)
{
    struct plan_hook h = {.argv = {"/bin/sh", "-c", script}, .timeout = dur_s(20)};

    str_fmt(h.name.s, sizeof h.name.s, "%s", name);
    return h;
}

static void run_hooks(const struct plan_hook *h, unsigned count)
{
    unsigned before = rig.told;
    struct err err;

    assert_ok(check_begin_hooks(rig.checker, &rig.plan, h, count, rig_done, &rig, &rig.run, &err),
              &err);
    WAIT_FOR(rig.loop, rig.told > before);
}

static void hooks_run_in_order_until_one_fails(void **state UNUSED)
{
    struct plan_hook h[] = {hook("one", "echo 1"), hook("two", "echo 2; exit 1"),
                            hook("three", "echo 3")};
    char text[TEXT_SIZE];

    run_hooks(h, 3);
    assert_int_equal(rig.count, 2);
    assert_string_equal(rig.result[0].name.s, "one");
    assert_int_equal(rig.result[0].outcome, CHECK_PASSED);
    assert_string_equal(rig.result[1].name.s, "two");
    assert_int_equal(check_verdict(rig.result, 2, text), CHECK_FAILED);
    assert_string_equal(text, "two: it ended with status 1: 2");
    run_hooks(h, 1);
    assert_int_equal(check_verdict(rig.result, rig.count, text), CHECK_PASSED);
}

static void a_scale_hook_waits_for_its_capacity(void **state UNUSED)
{
    CLEANUP(rude_stopp)
    struct rude_server *s = rude_start(RUDE_SAY, "HTTP/1.1 503 Not yet\r\n\r\n");
    struct plan_check capacity = {.name = {"capacity"},
                                  .kind = PLAN_CHECK_HTTP,
                                  .target = rude_url(s, "/"),
                                  .timeout = dur_s(5)};
    struct plan_hook h[] = {hook("scale", "exit 0"), hook("then", "exit 0")};
    unsigned before = rig.told;
    struct err err;

    h[0].scale = true;
    h[0].capacity = &capacity;
    assert_ok(check_begin_hooks(rig.checker, &rig.plan, h, 2, rig_done, &rig, &rig.run, &err),
              &err);
    WAIT_FOR(rig.loop, rude_connections(s) >= 2); /* it is asked again */
    assert_int_equal(rig.told, before);
    rude_become(s, RUDE_SAY, "HTTP/1.1 200 OK\r\n\r\n");
    WAIT_FOR(rig.loop, rig.told > before);
    assert_int_equal(rig.count, 3);
    assert_string_equal(rig.result[1].name.s, "capacity");
    assert_int_equal(rig.result[1].outcome, CHECK_PASSED);
    assert_string_equal(rig.result[2].name.s, "then");

    rude_become(s, RUDE_SAY, "HTTP/1.1 503 Never\r\n\r\n");
    h[0].timeout = dur_ms(100);
    run_hooks(h, 2);
    assert_int_equal(rig.count, 2);
    assert_int_equal(rig.result[1].outcome, CHECK_FAILED);
    assert_holds(rig.result[1].text, "status 503");
}

static void hooks_between_tries_can_be_stopped(void **state UNUSED)
{
    CLEANUP(rude_stopp)
    struct rude_server *s = rude_start(RUDE_SAY, "HTTP/1.1 503 Not yet\r\n\r\n");
    struct plan_check capacity = {
        .kind = PLAN_CHECK_HTTP, .target = rude_url(s, "/"), .timeout = dur_s(5)};
    struct plan_hook h = hook("scale", "exit 0");
    unsigned before = rig.told;
    struct err err;

    h.scale = true;
    h.capacity = &capacity;
    assert_ok(check_begin_hooks(rig.checker, &rig.plan, &h, 1, rig_done, &rig, &rig.run, &err),
              &err);
    WAIT_FOR(rig.loop, rude_connections(s) >= 1);
    check_stop(rig.run);
    assert_int_equal(rig.told, before);
}

static int open_rig(void **state UNUSED)
{
    rig_open(&rig, 4, true);
    return 0;
}

static int close_rig(void **state UNUSED)
{
    rig_close(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_decides),
        cmocka_unit_test(what_cannot_be_started_says_so),
        cmocka_unit_test(signals_are_named),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(one_that_ignores_sigterm_is_killed_with_its_children),
        cmocka_unit_test(what_it_leaves_behind_is_ended),
        cmocka_unit_test(a_flood_is_cut),
        cmocka_unit_test(output_is_made_harmless),
        cmocka_unit_test(nothing_is_inherited_but_a_small_environment),
        cmocka_unit_test(stopping_ends_it),
        cmocka_unit_test(many_at_a_time_do_not_mix_up),
        cmocka_unit_test(commands_are_off_unless_allowed),
        cmocka_unit_test(hooks_run_in_order_until_one_fails),
        cmocka_unit_test(a_scale_hook_waits_for_its_capacity),
        cmocka_unit_test(hooks_between_tries_can_be_stopped),
    };

    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
