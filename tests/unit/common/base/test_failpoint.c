/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/failpoint.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#ifndef NDEBUG

/* The list is read once in a process, so each case is a child. Its status is returned. */
static int in_child(const char *list, void (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setenv("SWITCHYARD_FAILPOINTS", list, 1);
        close(STDERR_FILENO);
        body();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect(int got, int want)
{
    if (got != want)
        _exit(1);
}

static void reach_all(void)
{
    for (int fp = 0; fp < FP_COUNT; fp++)
        expect(failpoint((enum failpoint)fp), 0);
}

static void nothing_fails_without_a_list(void **state UNUSED)
{
    assert_int_equal(in_child("", reach_all), 0);
}

static void reach_every_time(void)
{
    expect(failpoint(FP_STATE_WRITE), EROFS);
    expect(failpoint(FP_STATE_WRITE), EROFS);
    expect(failpoint(FP_STATE_RENAME), 0);
    expect(failpoint(FP_STORE_COMMIT_BEFORE), EIO);
}

static void an_errno_comes_every_time(void **state UNUSED)
{
    assert_int_equal(in_child("state.write=erofs,store.commit.before=eio", reach_every_time), 0);
}

static void reach_third(void)
{
    expect(failpoint(FP_STATE_WRITE), 0);
    expect(failpoint(FP_STATE_WRITE), 0);
    expect(failpoint(FP_STATE_WRITE), ENOSPC);
    expect(failpoint(FP_STATE_WRITE), 0);
}

static void or_only_the_nth_time(void **state UNUSED)
{
    assert_int_equal(in_child("state.write=enospc*3", reach_third), 0);
}

static void reach_exit(void)
{
    expect(failpoint(FP_STORE_COMMIT_AFTER), 0);
    failpoint(FP_STORE_COMMIT_AFTER);
}

static void exit_ends_the_process_at_once(void **state UNUSED)
{
    int status = in_child("store.commit.after=exit*2", reach_exit);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 86);
}

static void reach_once(void)
{
    signal(SIGABRT, SIG_DFL);
    failpoint(FP_STATE_WRITE);
}

static void a_list_with_a_mistake_is_fatal(void **state UNUSED)
{
    static const char *const bad[] = {
        "state.wriet=eio",   "state.write",       "state.write=",     "state.write=boom",
        "state.write=eio*0", "state.write=eio*x", "state.write=eio,,"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int status = in_child(bad[i], reach_once);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails_without_a_list),
        cmocka_unit_test(an_errno_comes_every_time),
        cmocka_unit_test(or_only_the_nth_time),
        cmocka_unit_test(exit_ends_the_process_at_once),
        cmocka_unit_test(a_list_with_a_mistake_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else /* release: the place costs nothing and cannot fail */

int main(void)
{
    return failpoint(FP_STATE_WRITE);
}

#endif
