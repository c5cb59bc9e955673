/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct signals {
    struct loop_watch watch;
    int fd; /* signalfd, owned */
    signals_fn fn;
    void *ctx; /* borrowed */
};

static sigset_t set_of(const int *signos)
{
    sigset_t set;

    sigemptyset(&set);
    for (; *signos; signos++)
        sigaddset(&set, *signos);
    return set;
}

void signals_block(const int *signos)
{
    sigset_t set = set_of(signos);

    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void on_signal(struct loop_watch *w, unsigned events UNUSED)
{
    struct signals *s = container_of(w, struct signals, watch);
    struct signalfd_siginfo info;

    /* One per turn: the callback may free `s`, and the level-triggered watch brings the rest. */
    if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->fn(s->ctx, (int)info.ssi_signo);
}

int signals_new(struct loop *l, const int *signos, signals_fn fn, void *ctx, struct signals **ret,
                struct err *err)
{
    CLEANUP(signals_freep) struct signals *s = xnew(struct signals);
    sigset_t set = set_of(signos);
    int r;

    s->fn = fn;
    s->ctx = ctx;
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return err_errno(err, errno, "create a signalfd");
    r = loop_watch(l, &s->watch, s->fd, LOOP_READ, on_signal, err);
    if (r < 0)
        return err_ctx(err, "listen for signals");
    *ret = steal(s);
    return 0;
}

void signals_free(struct signals *s)
{
    if (!s)
        return;
    loop_unwatch(&s->watch);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}
