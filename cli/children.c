/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/children.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/signals.h"
#include "common/loop/timer.h"

/* A child that ends sooner than this after its start counts as failing; so many in a row, and we
 * give up. One that never worked and says itself that it cannot run is not asked twice. */
#define SHORT_LIFE   dur_s(2)
#define FAILURES_MAX 5
#define RESTART_WAIT dur_ms(200)
/* The exit status of a program that cannot be found, as shells have it. */
#define NOT_FOUND 127

struct child {
    struct children *all;
    char path[PATH_MAX + NAME_MAX]; /* beside this program */
    char *argv[CHILD_ARGS_MAX + 1]; /* owned */
    pid_t pid;                      /* 0: not running */
    mono_t started;
    unsigned failures; /* short lives in a row */
    bool worked;       /* has lived longer once */
    struct timer restart;
};

struct children {
    struct loop *loop;
    struct signals *signals; /* owned */
    struct child child[CHILDREN_MAX];
    unsigned count;
    bool stopping, hurry, gave_up;
    void (*on_event)(void *ctx, const char *text);
    void *ctx;
    char folder[PATH_MAX];
};

static const int child_signals[] = {SIGCHLD, 0};

/* ---- starting -------------------------------------------------------------------------------- */

static void find_folder(struct children *c)
{
    ssize_t n = readlink("/proc/self/exe", c->folder, sizeof c->folder - 1);
    char *slash;

    c->folder[n < 0 ? 0 : n] = '\0';
    slash = strrchr(c->folder, '/');
    if (slash)
        *slash = '\0';
}

/* In the child, between fork and exec: only what is safe there (signal-safety(7)). */
static NORETURN void become(const struct child *ch)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    execv(ch->path, ch->argv);
    execvp(ch->argv[0], ch->argv);
    _exit(NOT_FOUND);
}

static int launch(struct child *ch, struct err *err)
{
    pid_t pid = fork();

    if (pid < 0)
        return err_errno(err, errno, "start %s", ch->argv[0]);
    if (pid == 0)
        become(ch);
    ch->pid = pid;
    ch->started = loop_now(ch->all->loop);
    return 0;
}

int children_start(struct children *c, const char *const *argv, struct err *err)
{
    struct child *ch;

    if (c->count == CHILDREN_MAX)
        return err_set(err, ERR_EXHAUSTED, "more than %d processes", CHILDREN_MAX);
    ch = &c->child[c->count++];
    ch->all = c;
    str_fmt(ch->path, sizeof ch->path, "%s/%s", c->folder, argv[0]);
    for (unsigned i = 0; argv[i]; i++) {
        CHECK(i < CHILD_ARGS_MAX);
        ch->argv[i] = xstrdup(argv[i]);
    }
    loop_update_now(c->loop);
    return launch(ch, err);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void tell(struct children *c, const char *text)
{
    if (c->on_event)
        c->on_event(c->ctx, text);
}

static void on_restart(struct timer *t)
{
    struct child *ch = container_of(t, struct child, restart);
    struct err err = {0};

    if (launch(ch, &err) < 0) {
        tell(ch->all, err.msg);
        ch->all->gave_up = true;
    }
}

static bool is_missing(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND;
}

static void describe_end(const struct child *ch, int status, char *ret, size_t size)
{
    if (WIFSIGNALED(status))
        str_fmt(ret, size, "%s (pid %d) was ended by signal %d", ch->argv[0], (int)ch->pid,
                WTERMSIG(status));
    else if (is_missing(status))
        str_fmt(ret, size, "%s could not be run: it is neither in %s nor in the PATH", ch->argv[0],
                ch->all->folder);
    else
        str_fmt(ret, size, "%s (pid %d) ended with status %d", ch->argv[0], (int)ch->pid,
                WEXITSTATUS(status));
}

static void on_end(struct child *ch, int status)
{
    struct children *c = ch->all;
    char text[PATH_MAX + 128];
    bool failed = mono_sub(loop_now(c->loop), ch->started).ns < SHORT_LIFE.ns;

    describe_end(ch, status, text, sizeof text);
    ch->pid = 0;
    if (c->stopping)
        return;
    tell(c, text);
    ch->failures = failed ? ch->failures + 1 : 0;
    ch->worked = ch->worked || !failed;
    if (ch->failures >= FAILURES_MAX || (WIFEXITED(status) && !ch->worked))
        c->gave_up = true;
    else
        timer_set(c->loop, &ch->restart, RESTART_WAIT, on_restart, "restart child");
}

static void reap(struct children *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct child *ch = &c->child[i];
        int status;

        if (ch->pid > 0 && waitpid(ch->pid, &status, WNOHANG) == ch->pid)
            on_end(ch, status);
    }
}

static void on_signal(void *ctx, int signo)
{
    (void)signo;
    reap(ctx);
}

struct patience {
    struct timer timer;
    bool over;
};

static void on_over(struct timer *t)
{
    container_of(t, struct patience, timer)->over = true;
}

static void stop_one(struct child *ch, dur_t grace)
{
    struct loop *l = ch->all->loop;
    struct patience p = {0};

    timer_cancel(&ch->restart);
    if (ch->pid <= 0)
        return;
    kill(ch->pid, SIGTERM);
    loop_update_now(l);
    timer_set(l, &p.timer, grace, on_over, "stop child");
    while (ch->pid > 0) {
        if (p.over || ch->all->hurry)
            kill(ch->pid, SIGKILL);
        loop_turn(l, dur_ms(100));
        reap(ch->all);
    }
    timer_cancel(&p.timer);
}

void children_stop(struct children *c, dur_t grace)
{
    c->stopping = true;
    for (unsigned i = c->count; i > 0; i--)
        stop_one(&c->child[i - 1], grace);
}

void children_hurry(struct children *c)
{
    c->hurry = true;
}

bool children_gave_up(const struct children *c)
{
    return c->gave_up;
}

int children_new(struct loop *l, void (*on_event)(void *ctx, const char *text), void *ctx,
                 struct children **ret, struct err *err)
{
    struct children *c = xnew(struct children);
    int r;

    c->loop = l;
    c->on_event = on_event;
    c->ctx = ctx;
    find_folder(c);
    signals_block(child_signals);
    r = signals_new(l, child_signals, on_signal, c, &c->signals, err);
    if (r < 0) {
        children_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

struct children *children_free(struct children *c)
{
    if (!c)
        return NULL;
    children_stop(c, dur_ms(0));
    for (unsigned i = 0; i < c->count; i++)
        for (unsigned j = 0; j < CHILD_ARGS_MAX; j++)
            xfreep(&c->child[i].argv[j]);
    signals_free(c->signals);
    xfreep(&c);
    return NULL;
}
