/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/check/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/check/check.h"
#include "coordinator/check/command.h"

#define SLICE_MS 20

/* What the coordinator says. */
struct note {
    pid_t group;
    bool runs;
};

struct groups {
    pid_t group[CHECK_THREADS_MAX]; /* a thread runs one command at a time */
    unsigned count;
};

/* The coordinator's end; -1: there is no keeper. */
static int keeper = -1;

/* ---- the keeper ------------------------------------------------------------------------------ */

static void take_note(struct groups *g, const struct note *n)
{
    for (unsigned i = 0; i < g->count; i++) {
        if (g->group[i] != n->group)
            continue;
        g->group[i] = g->group[--g->count];
        break;
    }
    if (n->runs && g->count < CHECK_THREADS_MAX)
        g->group[g->count++] = n->group;
}

/* Returns whether anybody is there to hear it. */
static bool tell_all(const struct groups *g, int signo)
{
    bool any = false;

    for (unsigned i = 0; i < g->count; i++)
        any |= kill(-g->group[i], signo) == 0;
    return any;
}

static void end_all(const struct groups *g)
{
    tell_all(g, SIGTERM);
    for (int64_t left = dur_to_ms(COMMAND_GRACE); left > 0 && tell_all(g, 0); left -= SLICE_MS)
        (void)poll(NULL, 0, SLICE_MS);
    tell_all(g, SIGKILL);
}

/* Signals to the coordinator's group are not for the keeper: it goes when the coordinator has. */
static void stand_apart(int in)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    for (unsigned i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
    prctl(PR_SET_NAME, "switchyard-keep");
    (void)dup2(in, STDIN_FILENO);
    (void)close_range(STDIN_FILENO + 1, ~0U, 0);
}

static _Noreturn void keep(int in)
{
    struct groups groups = {.count = 0};
    struct note note;
    ssize_t n;

    stand_apart(in);
    do {
        n = recv(STDIN_FILENO, &note, sizeof note, 0);
        if (n == sizeof note)
            take_note(&groups, &note);
    } while (n > 0 || (n < 0 && errno == EINTR));
    end_all(&groups);
    _exit(0);
}

/* ---- the coordinator ------------------------------------------------------------------------- */

int keeper_start(struct err *err)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, errno, "make a socket pair");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        keep(ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_errno(err, errno, "fork");
    }
    keeper = ends[0];
    return 0;
}

/* A keeper that is gone cannot be told, and the commands run all the same. */
static void tell(pid_t group, bool runs)
{
    const struct note note = {.group = group, .runs = runs};

    if (keeper >= 0)
        (void)send(keeper, &note, sizeof note, MSG_NOSIGNAL);
}

void keeper_add(pid_t group)
{
    tell(group, true);
}

void keeper_remove(pid_t group)
{
    tell(group, false);
}
