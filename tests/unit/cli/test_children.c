/* SPDX-License-Identifier: Apache-2.0 */
/* Children are shells that say what they do into a file. */
#include "tests/lib/wait.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/children.h"
#include "common/base/mem.h"

#define LOG_SIZE 8192

struct fixture {
    struct loop *loop;
    struct children *children;
    char folder[64], log[96], fifo[128];
    char told[LOG_SIZE]; /* events, a line each */
};

static void on_event(void *ctx, const char *text)
{
    struct fixture *f = ctx;
    size_t n = strlen(f->told);

    (void)str_fmt(f->told + n, sizeof f->told - n, "%s\n", text);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    (void)str_fmt(f->folder, sizeof f->folder, "/tmp/switchyard-children-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)str_fmt(f->log, sizeof f->log, "%s/log", f->folder);
    (void)str_fmt(f->fifo, sizeof f->fifo, "%s.fifo", f->log);
    assert_int_equal(mkfifo(f->fifo, 0600), 0);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(children_new(f->loop, on_event, f, &f->children, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    children_free(f->children);
    loop_free(f->loop);
    unlink(f->log);
    unlink(f->fifo);
    rmdir(f->folder);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie, no child */
    assert_int_equal(errno, ECHILD);
    xfreep(&f);
    return 0;
}

/* Run `script` with the log as $0. */
static void start(struct fixture *f, const char *script)
{
    const char *argv[] = {"sh", "-c", script, f->log, NULL};
    struct err err = {0};

    assert_ok(children_start(f->children, argv, &err), &err);
}

static const char *log_of(const struct fixture *f)
{
    static char text[LOG_SIZE];
    FILE *file = fopen(f->log, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;

    if (file)
        fclose(file);
    text[n] = '\0';
    return text;
}

static unsigned lines_of(const struct fixture *f, const char *word)
{
    unsigned n = 0;

    for (const char *p = log_of(f); (p = strstr(p, word)); p++)
        n++;
    return n;
}

/* Says its pid, then waits for a pipe that never speaks; says its name when it is stopped. */
#define WAITING(name) \
    "trap 'echo " name " stopped >>$0; exit 0' TERM; echo pid $$ >>$0; read x <>$0.fifo"
/* The same, but cannot be stopped. */
#define DEAF "trap '' TERM; echo pid $$ >>$0; read x <>$0.fifo"

static pid_t last_pid(const struct fixture *f)
{
    const char *line = NULL;

    for (const char *p = log_of(f); (p = strstr(p, "pid ")); p++)
        line = p;
    assert_non_null(line);
    return (pid_t)strtol(line + 4, NULL, 10);
}

static void stopping_goes_backwards_and_leaves_nobody(void **state)
{
    struct fixture *f = *state;

    start(f, WAITING("first"));
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 1);
    start(f, WAITING("second"));
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 2);
    children_stop(f->children, dur_s(20));
    assert_true(strstr(log_of(f), "second stopped") < strstr(log_of(f), "first stopped"));
    assert_string_equal(f->told, "");
}

static void a_killed_child_is_started_again(void **state)
{
    struct fixture *f = *state;
    pid_t first;

    start(f, WAITING("it"));
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 1);
    first = last_pid(f);
    kill(first, SIGKILL);
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 2);
    assert_int_not_equal(last_pid(f), first);
    assert_holds(f->told, "was ended by signal 9");
    assert_false(children_gave_up(f->children));
    children_stop(f->children, dur_s(20));
    assert_int_equal(lines_of(f, "it stopped"), 1);
}

static void a_child_that_cannot_run_is_not_started_again(void **state)
{
    struct fixture *f = *state;

    start(f, "echo pid $$ >>$0; exit 2");
    WAIT_FOR(f->loop, children_gave_up(f->children));
    assert_int_equal(lines_of(f, "pid "), 1);
    assert_holds(f->told, "ended with status 2");
}

static void a_child_that_crashes_is_given_up_after_a_while(void **state)
{
    struct fixture *f = *state;

    start(f, "echo pid $$ >>$0; kill -SEGV $$");
    WAIT_FOR(f->loop, children_gave_up(f->children));
    assert_int_equal(lines_of(f, "pid "), 5);
    assert_holds(f->told, "was ended by signal 11");
}

static void a_missing_program_is_told(void **state)
{
    const char *argv[] = {"switchyard-no-such-program", NULL};
    struct fixture *f = *state;
    struct err err = {0};

    assert_ok(children_start(f->children, argv, &err), &err);
    WAIT_FOR(f->loop, children_gave_up(f->children));
    assert_holds(f->told, "switchyard-no-such-program could not be run");
    assert_holds(f->told, "PATH");
}

static void a_deaf_child_is_killed(void **state)
{
    struct fixture *f = *state;

    start(f, DEAF);
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 1);
    children_stop(f->children, dur_ms(50));
}

static void hurry_ends_the_grace(void **state)
{
    struct fixture *f = *state;

    start(f, DEAF);
    WAIT_FOR(f->loop, lines_of(f, "pid ") == 1);
    children_hurry(f->children);
    children_stop(f->children, dur_s(3600));
}

static void more_than_fit_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {"true", NULL};
    struct err err = {0};

    for (unsigned i = 0; i < CHILDREN_MAX; i++)
        assert_ok(children_start(f->children, argv, &err), &err);
    assert_fails(children_start(f->children, argv, &err), ERR_EXHAUSTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stopping_goes_backwards_and_leaves_nobody),
        TEST(a_killed_child_is_started_again),
        TEST(a_child_that_cannot_run_is_not_started_again),
        TEST(a_child_that_crashes_is_given_up_after_a_while),
        TEST(a_missing_program_is_told),
        TEST(a_deaf_child_is_killed),
        TEST(hurry_ends_the_grace),
        TEST(more_than_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
