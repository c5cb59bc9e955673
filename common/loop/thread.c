/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct loop_thread {
    struct loop *loop; /* borrowed */
    pthread_t id;
};

static void *run_loop(void *arg)
{
    struct loop_thread *t = arg;

    loop_run(t->loop);
    return NULL;
}

int loop_thread_start(struct loop *l, const char *name, struct loop_thread **ret, struct err *err)
{
    CLEANUP(xfreep) struct loop_thread *t = xnew(struct loop_thread);
    int r;

    t->loop = l;
    r = pthread_create(&t->id, NULL, run_loop, t);
    if (r != 0)
        return err_errno(err, r, "start thread %s", name);
    CHECK(pthread_setname_np(t->id, name) == 0); /* fails only for a name over 15 bytes */
    *ret = steal(t);
    return 0;
}

void loop_thread_join(struct loop_thread *t)
{
    if (!t)
        return;
    loop_stop(t->loop);
    CHECK(pthread_join(t->id, NULL) == 0);
    free(t);
}
