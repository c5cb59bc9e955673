/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/check/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/patience.h"
#include "coordinator/check/judge.h"
#include "coordinator/check/keeper.h"

/* What a process that was killed may take to be gone. */
#define KILL_PATIENCE dur_s(5)
/* How late `stop` may be seen. */
#define SLICE_MS 20

struct running {
    pid_t pid; /* also of its group */
    int pidfd; /* readable once it has ended; only this thread waits for it */
    int out;   /* reading end */
    char tail[CHECK_OUTPUT_SIZE - 1]; /* the last of what it wrote */
    size_t tail_size;
};

/* ---- starting -------------------------------------------------------------------------------- */

static void take_signals_back(void)
{
    sigset_t none;

    sigemptyset(&none);
    for (int signo = 1; signo < NSIG; signo++)
        (void)signal(signo, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool arrange(const struct command *c, int out)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
           dup2(out, STDERR_FILENO) >= 0 && chdir(c->folder) == 0;
}

/* The child of a process with threads: nothing here takes a lock. It says itself that it is there,
 * before it does anything: a parent that is killed meanwhile leaves no group that the keeper does
 * not know. execvpe() wants arrays of pointers to char, and writes to none of them. */
static _Noreturn void become(const struct command *c, int out, int failure)
{
    char *const *argv = (char *const *)(uintptr_t)c->argv;
    char *const *environment = (char *const *)(uintptr_t)c->environment;
    int why;

    (void)setpgid(0, 0);
    keeper_add(getpid());
    take_signals_back();
    if (arrange(c, out)) {
        (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        (void)execvpe(c->argv[0], argv, environment);
    }
    why = errno;
    (void)!write(failure, &why, sizeof why);
    _exit(127);
}

/* What the child says before it is the command: why it is not. 0: it is. */
static int hear_failure(int from)
{
    int why = 0;
    ssize_t n;

    do
        n = read(from, &why, sizeof why);
    while (n < 0 && errno == EINTR);
    return n == 0 ? 0 : why;
}

/* An errno, and the child is gone. */
static int spawn(const struct command *c, int out, pid_t *ret)
{
    int failure[2];
    int why;

    if (pipe2(failure, O_CLOEXEC) < 0)
        return errno;
    *ret = fork();
    if (*ret == 0)
        become(c, out, failure[1]);
    why = *ret < 0 ? errno : 0;
    close(failure[1]);
    if (*ret > 0)
        why = hear_failure(failure[0]);
    close(failure[0]);
    if (*ret > 0 && why != 0) {
        keeper_remove(*ret);
        waitpid(*ret, NULL, 0);
    }
    return why;
}

static int start(const struct command *c, struct running *p, struct err *err)
{
    int ends[2];
    int r;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(err, errno, "make a pipe");
    /* The flag belongs to the end, and the command's must block. */
    CHECK(fcntl(ends[1], F_SETFL, 0) == 0);
    r = spawn(c, ends[1], &p->pid);
    close(ends[1]);
    p->out = ends[0];
    if (r != 0) {
        close(p->out);
        return err_errno(err, r, "start %s", c->argv[0]);
    }
    p->pidfd = pidfd_open(p->pid, 0);
    if (p->pidfd >= 0)
        return 0;
    r = errno;
    kill(-p->pid, SIGKILL);
    keeper_remove(p->pid);
    waitpid(p->pid, NULL, 0);
    close(p->out);
    return err_errno(err, r, "watch %s", c->argv[0]);
}

/* ---- its output ------------------------------------------------------------------------------ */

static void keep_tail(struct running *p, const char *from, size_t n)
{
    size_t room = sizeof p->tail - p->tail_size;

    if (n > sizeof p->tail) {
        from += n - sizeof p->tail;
        n = sizeof p->tail;
    }
    if (n > room) {
        p->tail_size -= n - room;
        memmove(p->tail, p->tail + (n - room), p->tail_size);
    }
    memcpy(p->tail + p->tail_size, from, n);
    p->tail_size += n;
}

/* What is there now. False at the end: nobody can write to it any more. */
static bool read_output(struct running *p)
{
    char in[65536];
    ssize_t n = read(p->out, in, sizeof in);

    if (n > 0)
        keep_tail(p, in, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* After the end of the process: what is in the pipe, which holds no more than the kernel lets it.
 */
static void drain(struct running *p)
{
    struct pollfd at = {.fd = p->out, .events = POLLIN};

    for (unsigned i = 0; i < 64 && poll(&at, 1, 0) > 0 && read_output(p); i++)
        continue;
}

static void write_output(const struct running *p, char *ret)
{
    size_t start = 0;

    /* Not from the middle of a character. */
    while (start < p->tail_size && start < 3 && ((unsigned char)p->tail[start] & 0xc0) == 0x80)
        start++;
    memcpy(ret, p->tail + start, p->tail_size - start);
    ret[p->tail_size - start] = '\0';
    for (size_t i = 0; i < p->tail_size - start; i++)
        if (ret[i] == '\0')
            ret[i] = '?';
    judge_clean(ret);
}

/* ---- its end --------------------------------------------------------------------------------- */

/* Read until it has ended: 0. TIMEOUT, CANCELLED. */
static int watch(struct running *p, const struct patience *patience)
{
    struct pollfd at[2] = {{p->pidfd, POLLIN, 0}, {p->out, POLLIN, 0}};

    for (;;) {
        int64_t left = dur_to_ms(patience_left(patience)) + 1;
        int r = patience_check(patience, NULL);

        if (r < 0)
            return r;
        if (poll(at, 2, left > SLICE_MS ? SLICE_MS : (int)left) <= 0)
            continue;
        if (at[1].revents && !read_output(p))
            at[1].fd = -1;
        if (at[0].revents)
            return 0;
    }
}

static bool ends_within(struct running *p, dur_t d)
{
    struct patience patience = patience_for(d, NULL);

    return watch(p, &patience) == 0;
}

/* Its whole group, kindly first. */
static bool end_it(struct running *p)
{
    kill(-p->pid, SIGTERM);
    if (ends_within(p, COMMAND_GRACE))
        return true;
    kill(-p->pid, SIGKILL);
    return ends_within(p, KILL_PATIENCE);
}

/* Its number, and so its group's, is not given to others before it is waited for. */
static void reap(struct running *p, struct command_report *ret)
{
    int status = 0;

    kill(-p->pid, SIGKILL);
    keeper_remove(p->pid);
    drain(p);
    CHECK(waitpid(p->pid, &status, 0) == p->pid);
    ret->end = WIFSIGNALED(status) ? COMMAND_SIGNALLED : COMMAND_EXITED;
    ret->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

int command_run(const struct command *c, struct command_report *ret, struct err *err)
{
    struct patience patience = patience_for(c->timeout, c->stop);
    struct running p = {.pid = 0};
    int r = start(c, &p, err);
    int watched;

    if (r < 0)
        return r;
    watched = watch(&p, &patience);
    if (watched == 0 || end_it(&p))
        reap(&p, ret);
    else
        *ret = (struct command_report){.end = COMMAND_STUCK};
    if (watched < 0 && ret->end != COMMAND_STUCK)
        ret->end = watched == -ERR_TIMEOUT ? COMMAND_TIMED_OUT : COMMAND_STOPPED;
    write_output(&p, ret->output);
    close(p.pidfd);
    close(p.out);
    return 0;
}
