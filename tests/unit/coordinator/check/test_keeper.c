/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator that is killed, here a child of the test, leaves nothing behind. Its orphans become
 * children of the test. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/check/command.h"
#include "coordinator/check/keeper.h"
#include "tests/lib/unit.h"

struct place {
    char folder[64], fifo[96], script[256];
};

static int setup(void **state)
{
    static struct place p;

    str_fmt(p.folder, sizeof p.folder, "/tmp/switchyard-keeper-XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    str_fmt(p.fifo, sizeof p.fifo, "%s/said", p.folder);
    assert_int_equal(mkfifo(p.fifo, 0600), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    const struct place *p = *state;

    unlink(p->fifo);
    return rmdir(p->folder);
}

/* What a coordinator does: it ends with 0 when the command has ended. */
static _Noreturn void coordinate(const char *script)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct command c = {
        .argv = argv, .environment = environment, .folder = "/", .timeout = dur_s(60)};
    struct command_report report;

    if (keeper_start(NULL) < 0 || command_run(&c, &report, NULL) < 0)
        _exit(1);
    _exit(report.end == COMMAND_EXITED ? report.code : 2);
}

/* A coordinator with a command that runs: it has said so. */
static pid_t begin(struct place *p, const char *then)
{
    pid_t pid;
    char said;
    int fd;

    str_fmt(p->script, sizeof p->script, "echo > %s; %s", p->fifo, then);
    pid = fork();
    if (pid == 0)
        coordinate(p->script);
    assert_true(pid > 0);
    fd = open(p->fifo, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &said, 1), 1);
    close(fd);
    return pid;
}

/* Until there is nobody: the command, its children, the keeper. */
static void wait_for_nobody(void)
{
    const mono_t until = mono_add(clock_system->mono(clock_system), dur_s(20));

    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        if (!mono_before(clock_system->mono(clock_system), until))
            fail_msg("somebody is left");
        (void)poll(NULL, 0, 5);
    }
}

static void expect_end(struct place *p, const char *then)
{
    pid_t pid = begin(p, then);

    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for_nobody();
}

static void its_command_ends(void **state)
{
    expect_end(*state, "exec sleep 600");
}

static void so_do_its_children_deaf_or_not(void **state)
{
    expect_end(*state, "trap '' TERM; sleep 600 & sleep 600");
}

static void whoever_ends_in_peace_takes_the_keeper_along(void **state)
{
    pid_t pid = begin(*state, "exit 0");
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    wait_for_nobody();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_command_ends),
        cmocka_unit_test(so_do_its_children_deaf_or_not),
        cmocka_unit_test(whoever_ends_in_peace_takes_the_keeper_along),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
