/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/errands.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/stage_backup.h"

#define BACKUPS_MAX 16u

/* Freed when it has told, or was stopped, and no backup works for it. */
struct errand {
    struct errands *all;
    struct errand *prev, *next;
    uint64_t id;
    enum core_job_kind kind;
    unsigned stage;
    struct plan *plan;      /* owned */
    struct check_run *run;  /* under way; NULL */
    struct timer again;     /* for what is asked again, or could not be begun */
    bool saving, forgotten; /* a backup is on its way; nobody waits for it */
    char text[TEXT_SIZE];   /* why it could not be begun */
};

struct errands {
    struct errands_config config;
    struct loop *loop;
    struct driver *driver; /* borrowed; who asked last */
    struct worker *worker; /* owned; writes backups */
    struct errand *first;
};

/* ---- one errand ------------------------------------------------------------------------------ */

static void end_errand(struct errand *x)
{
    DL_DELETE(x->all->first, x);
    timer_cancel(&x->again);
    plan_free(x->plan);
    free(x);
}

static bool is_repeated(const struct errand *x)
{
    return x->kind == JOB_GATE || x->kind == JOB_TRIGGER;
}

static void begin(struct errand *x);

static void on_again(struct timer *t)
{
    begin(container_of(t, struct errand, again));
}

static const struct plan_stage *stage_of(const struct errand *x)
{
    CHECK(x->stage >= 1 && x->stage <= x->plan->stage_count);
    return &x->plan->stage[x->stage - 1];
}

static const struct plan_limits *limits_of(const struct errand *x)
{
    return x->kind == JOB_TRIGGER ? &x->plan->triggers : &stage_of(x)->gate;
}

/* Tell, which calls nothing of ours back, and ask again later or be gone. */
static void tell(struct errand *x, bool ok, const char *text, const struct check_result *result,
                 unsigned count)
{
    struct core_job_done done = {x->id, ok, result, count, text};

    driver_job_done(x->all->driver, &done);
    if (is_repeated(x))
        timer_set(x->all->loop, &x->again, limits_of(x)->every, on_again, "errand.again");
    else
        end_errand(x);
}

/* What could not be begun is told later, as everything is. */
static void on_failed(struct timer *t)
{
    struct errand *x = container_of(t, struct errand, again);

    tell(x, false, x->text, NULL, 0);
}

static void fail_later(struct errand *x, const char *why)
{
    str_fmt(x->text, sizeof x->text, "%s", why);
    timer_set(x->all->loop, &x->again, dur_s(0), on_failed, "errand.failed");
}

/* ---- checks and hooks ------------------------------------------------------------------------ */

static void on_checked(void *ctx, const struct check_result *result, unsigned count)
{
    struct errand *x = ctx;
    char text[TEXT_SIZE];
    bool ok = check_verdict(result, count, text) == CHECK_PASSED;

    x->run = NULL;
    tell(x, ok, text, result, count);
}

static int begin_checks(struct errand *x, const struct plan_check *check, unsigned count,
                        struct err *err)
{
    return check_begin(x->all->config.checker, x->plan, check, count, on_checked, x, &x->run, err);
}

static int begin_hooks(struct errand *x, const struct plan_hook *hook, unsigned count,
                       struct err *err)
{
    return check_begin_hooks(x->all->config.checker, x->plan, hook, count, on_checked, x, &x->run,
                             err);
}

/* ---- backups --------------------------------------------------------------------------------- */

static void on_saved(void *ctx, int r, const struct err *err)
{
    struct errand *x = ctx;

    x->saving = false;
    if (x->forgotten)
        end_errand(x);
    else
        tell(x, r == 0, r == 0 ? "" : err->msg, NULL, 0);
}

static int begin_backup(struct errand *x, struct err *err)
{
    const struct errands_config *c = &x->all->config;
    char label[2 * NAME_SIZE + 1];
    int r;

    if (!c->data_dir)
        return err_set(err, ERR_REFUSED,
                       "a backup needs a data directory, and --store memory has "
                       "none");
    str_fmt(label, sizeof label, "%s-%s", x->plan->name.s, stage_of(x)->name.s);
    r = stage_backup(c->backup, x->all->worker, c->data_dir, loop_wall(x->all->loop), label,
                     on_saved, x, err);
    x->saving = r == 0;
    return r;
}

/* ---- any ------------------------------------------------------------------------------------- */

static int begin_kind(struct errand *x, struct err *err)
{
    switch (x->kind) {
    case JOB_READY:
        return begin_checks(x, stage_of(x)->ready, stage_of(x)->ready_count, err);
    case JOB_BACKUP:
        return begin_backup(x, err);
    case JOB_BEFORE:
        return begin_hooks(x, stage_of(x)->before, stage_of(x)->before_count, err);
    case JOB_AFTER:
        return begin_hooks(x, stage_of(x)->after, stage_of(x)->after_count, err);
    case JOB_GATE:
    case JOB_TRIGGER:
        return begin_checks(x, limits_of(x)->check, limits_of(x)->check_count, err);
    }
    return err_set(err, ERR_INTERNAL, "a job that nobody knows");
}

static void begin(struct errand *x)
{
    struct err err;

    if (begin_kind(x, &err) < 0)
        fail_later(x, err.msg);
}

void errands_run(struct errands *e, struct driver *d, const struct core_job *job)
{
    struct errand *x = xnew(struct errand);
    struct err err;

    e->driver = d;
    x->all = e;
    x->id = job->id;
    x->kind = job->kind;
    x->stage = job->stage;
    /* It was loaded once already. */
    CHECK(plan_load(job->plan->document, &x->plan, &err) == 0);
    DL_APPEND(e->first, x);
    begin(x);
}

static void stop(struct errand *x)
{
    if (x->run)
        check_stop(x->run);
    x->run = NULL;
    x->forgotten = true;
    if (!x->saving)
        end_errand(x);
}

void errands_stop(struct errands *e, uint64_t id)
{
    struct errand *x, *next;

    DL_FOREACH_SAFE (e->first, x, next) {
        if (x->id == id && !x->forgotten)
            stop(x);
    }
}

void errands_stop_all(struct errands *e)
{
    struct errand *x, *next;

    DL_FOREACH_SAFE (e->first, x, next) {
        if (!x->forgotten)
            stop(x);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

int errands_new(const struct errands_config *config, struct loop *l, struct errands **ret,
                struct err *err)
{
    struct errands *e = xnew(struct errands);
    int r;

    e->config = *config;
    e->loop = l;
    r = worker_new(l, "stage-backup", BACKUPS_MAX, &e->worker, err);
    if (r < 0) {
        free(e);
        return r;
    }
    *ret = e;
    return 0;
}

void errands_free(struct errands *e)
{
    if (!e)
        return;
    errands_stop_all(e);
    worker_free(e->worker);
    CHECK(!e->first);
    free(e);
}
