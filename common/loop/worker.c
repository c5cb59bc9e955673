/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct worker {
    pthread_t id;
    struct mailbox *results; /* owned; one place per job out, so that a post never fails */
    unsigned out;            /* jobs with the worker or in `results`; owner thread */
    unsigned max;

    /* Protects what follows. Leaf: nothing else may be locked while it is held. */
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct mail *first;
    struct mail **last;
    bool stop;
};

/* The next job, or NULL when told to stop and none is left. Blocks. */
static struct worker_job *next_job(struct worker *w)
{
    struct mail *m;

    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stop)
        pthread_cond_wait(&w->filled, &w->lock);
    m = w->first;
    if (m) {
        w->first = m->next;
        if (!w->first)
            w->last = &w->first;
    }
    pthread_mutex_unlock(&w->lock);
    return m ? container_of(m, struct worker_job, mail) : NULL;
}

static void *run_jobs(void *arg)
{
    struct worker *w = arg;
    struct worker_job *j;

    while ((j = next_job(w))) {
        j->run(j);
        CHECK(mailbox_post(w->results, &j->mail));
    }
    return NULL;
}

static void on_result(void *ctx, struct mail *m)
{
    struct worker *w = ctx;
    struct worker_job *j = container_of(m, struct worker_job, mail);

    w->out--;
    j->done(j);
}

static void free_unstarted(struct worker *w)
{
    mailbox_close(w->results, NULL);
    mailbox_unref(w->results);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int worker_new(struct loop *l, const char *name, unsigned max, struct worker **ret, struct err *err)
{
    struct worker *w = xnew(struct worker);
    int r;

    w->max = max;
    w->last = &w->first;
    r = mailbox_new(l, max, on_result, w, &w->results, err);
    if (r < 0) {
        free(w);
        return err_ctx(err, "start worker %s", name);
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    r = pthread_create(&w->id, NULL, run_jobs, w);
    if (r != 0) {
        free_unstarted(w);
        return err_errno(err, r, "start worker %s", name);
    }
    CHECK(pthread_setname_np(w->id, name) == 0); /* fails only for a name over 15 bytes */
    *ret = w;
    return 0;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    CHECK(pthread_join(w->id, NULL) == 0);

    mailbox_close(w->results, on_result);
    CHECK(w->out == 0);
    mailbox_unref(w->results);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

bool worker_do(struct worker *w, struct worker_job *j)
{
    if (w->out >= w->max)
        return false;
    w->out++;
    j->mail.next = NULL;
    pthread_mutex_lock(&w->lock);
    CHECK(!w->stop);
    *w->last = &j->mail;
    w->last = &j->mail.next;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    return true;
}
