/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "tests/lib/unit.h"

static void memory_is_zeroed_and_never_null(void **state UNUSED)
{
    CLEANUP(xfreep) unsigned char *p = xcalloc(10, 10);
    CLEANUP(xfreep) void *nothing = xalloc(0);

    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    assert_non_null(nothing);
}

static void growing_and_copying_keep_the_content(void **state UNUSED)
{
    CLEANUP(xfreep) char *p = xstrdup("text");
    CLEANUP(xfreep) char *copy = xmemdup(p, 5);

    p = xrealloc(p, 10000);
    assert_string_equal(p, "text");
    assert_string_equal(copy, "text");
}

static void freeing_leaves_null(void **state UNUSED)
{
    char *p = xstrdup("x");
    char *moved = steal(p);

    assert_null(p);
    xfreep(&moved);
    assert_null(moved);
    xfreep(&moved);
}

/* A failed check ends the process by SIGABRT with one line that says where. */
static void a_failed_check_aborts_and_says_where(void **state UNUSED)
{
    char text[256] = "";
    int fds[2], status;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    close(fds[0]);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_holds(text, "test_mem.c:");
    assert_holds(text, ": check failed: 1 + 1 == 3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_never_null),
        cmocka_unit_test(growing_and_copying_keep_the_content),
        cmocka_unit_test(freeing_leaves_null),
        cmocka_unit_test(a_failed_check_aborts_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
