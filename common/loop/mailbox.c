/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct mailbox {
    atomic_uint refs;
    int fd; /* eventfd, owned; open until the last reference goes, so that a late post cannot hit
               somebody else's descriptor */
    struct loop_watch watch;
    mailbox_fn fn;
    void *ctx;          /* borrowed */
    struct mail *batch; /* taken from the list and being delivered; owner thread */

    /* Protects what follows. Leaf: nothing else may be locked while it is held. */
    pthread_mutex_t lock;
    struct mail *first;
    struct mail **last;
    unsigned count;
    unsigned max;
    bool closed;
};

static void reset_list(struct mailbox *m)
{
    m->first = NULL;
    m->last = &m->first;
    m->count = 0;
}

static struct mail *take_all(struct mailbox *m)
{
    struct mail *list;

    pthread_mutex_lock(&m->lock);
    list = m->first;
    reset_list(m);
    pthread_mutex_unlock(&m->lock);
    return list;
}

/* Hand out the batch. `fn` may close the mailbox: what is left then went to its `drop`. */
static void deliver(struct mailbox *m, mailbox_fn fn)
{
    while (m->batch) {
        struct mail *mail = m->batch;

        m->batch = mail->next;
        mail->next = NULL;
        fn(m->ctx, mail);
    }
}

static void on_mail(struct loop_watch *w, unsigned events UNUSED)
{
    struct mailbox *m = container_of(w, struct mailbox, watch);
    uint64_t posts;

    /* Empty the counter before the list: a post in between then wakes us once more for nothing,
     * where the other order would lose it. */
    if (read(m->fd, &posts, sizeof(posts)) < 0)
        CHECK(errno == EAGAIN || errno == EINTR);
    mailbox_ref(m);
    m->batch = take_all(m);
    deliver(m, m->fn);
    mailbox_unref(m);
}

int mailbox_new(struct loop *l, unsigned max, mailbox_fn fn, void *ctx, struct mailbox **ret,
                struct err *err)
{
    CLEANUP(mailbox_unrefp) struct mailbox *m = xnew(struct mailbox);
    int r;

    atomic_init(&m->refs, 1);
    pthread_mutex_init(&m->lock, NULL);
    reset_list(m);
    m->max = max;
    m->fn = fn;
    m->ctx = ctx;
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0)
        return err_errno(err, errno, "create an eventfd for a mailbox");
    r = loop_watch(l, &m->watch, m->fd, LOOP_READ, on_mail, err);
    if (r < 0)
        return err_ctx(err, "create a mailbox");
    *ret = steal(m);
    return 0;
}

static void deliver_or_die(struct mailbox *m, mailbox_fn drop)
{
    CHECK(!m->batch || drop);
    deliver(m, drop);
}

void mailbox_close(struct mailbox *m, mailbox_fn drop)
{
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    pthread_mutex_unlock(&m->lock);

    loop_unwatch(&m->watch);
    deliver_or_die(m, drop);
    m->batch = take_all(m);
    deliver_or_die(m, drop);
}

struct mailbox *mailbox_ref(struct mailbox *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void mailbox_unref(struct mailbox *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) > 1)
        return;
    CHECK(!m->watch.loop); /* closed before the last reference went */
    if (m->fd >= 0)
        close(m->fd);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void wake(struct mailbox *m)
{
    const uint64_t one = 1;

    /* EAGAIN: the counter is full, so a wake-up is pending anyway. */
    if (write(m->fd, &one, sizeof(one)) < 0)
        CHECK(errno == EAGAIN || errno == EINTR);
}

bool mailbox_post(struct mailbox *m, struct mail *mail)
{
    bool accepted, wakes;

    pthread_mutex_lock(&m->lock);
    accepted = !m->closed && m->count < m->max;
    wakes = accepted && !m->first;
    /* Once unlocked, whoever has the message may free the mailbox. */
    if (wakes)
        mailbox_ref(m);
    if (accepted) {
        mail->next = NULL;
        *m->last = mail;
        m->last = &mail->next;
        m->count++;
    }
    pthread_mutex_unlock(&m->lock);

    if (wakes) {
        wake(m);
        mailbox_unref(m);
    }
    return accepted;
}
