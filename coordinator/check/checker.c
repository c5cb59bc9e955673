/* SPDX-License-Identifier: Apache-2.0 */
/* Checks are jobs, and each thread has one at a time: those that wait do so on the loop, so that
 * what takes long holds up nobody who comes after while another thread is free. A thread is started
 * when a job finds all others busy, and stays: most coordinators never need more than one or two.
 */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/check/run.h"

#define THREADS_DEFAULT 8u

struct check_thread {
    struct checker *checker;
    struct worker *worker; /* owned */
    struct web *web;       /* owned; used by the worker's thread while it has a job */
    struct check_job *job; /* that it has; NULL: none */
};

struct checker {
    struct checker_config config;
    struct loop *loop;
    struct check_thread thread[CHECK_THREADS_MAX];
    unsigned thread_count; /* started; at most config.threads */
    struct check_job *waiting, **last;
    struct check_run *runs;
    unsigned run_count;
    char home[256]; /* "HOME=..." */
};

/* ---- threads --------------------------------------------------------------------------------- */

static int start_thread(struct checker *c, struct err *err)
{
    struct check_thread *t = &c->thread[c->thread_count];
    struct web_config config = {.ca = NULL};
    CLEANUP(web_freep) struct web *web = NULL;
    int r = web_new(&config, &web, err);

    if (r == 0)
        r = worker_new(c->loop, "check", 1, &t->worker, err);
    if (r < 0)
        return r;
    t->checker = c;
    t->web = steal(web);
    c->thread_count++;
    return 0;
}

/* NULL: all have jobs, and there can be no more of them. */
static struct check_thread *free_thread(struct checker *c)
{
    for (unsigned i = 0; i < c->thread_count; i++)
        if (!c->thread[i].job)
            return &c->thread[i];
    if (c->thread_count == c->config.threads || start_thread(c, NULL) < 0)
        return NULL;
    return &c->thread[c->thread_count - 1];
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void on_run(struct worker_job *w)
{
    struct check_job *j = container_of(w, struct check_job, job);

    probe_run(&j->probe, j->result);
}

static void give_out(struct checker *c);

static void on_done(struct worker_job *w)
{
    struct check_job *j = container_of(w, struct check_job, job);
    struct checker *c = j->thread->checker;

    j->thread->job = NULL;
    j->thread = NULL;
    run_job_done(j->run);
    give_out(c);
}

static void give_to(struct check_thread *t, struct check_job *j)
{
    web_again(t->web);
    t->job = j;
    j->thread = t;
    j->probe.web = t->web;
    j->job.run = on_run;
    j->job.done = on_done;
    CHECK(worker_do(t->worker, &j->job));
}

static void give_out(struct checker *c)
{
    struct check_thread *t;

    while (c->waiting && (t = free_thread(c))) {
        struct check_job *j = c->waiting;

        c->waiting = j->next;
        if (!c->waiting)
            c->last = &c->waiting;
        give_to(t, j);
    }
}

void checker_do(struct checker *c, struct check_job *j)
{
    j->next = NULL;
    *c->last = j;
    c->last = &j->next;
    give_out(c);
}

unsigned checker_recall(struct checker *c, struct check_run *run)
{
    struct check_job **at = &c->waiting;
    unsigned count = 0;

    while (*at) {
        if ((*at)->run == run) {
            *at = (*at)->next;
            count++;
        } else {
            at = &(*at)->next;
        }
    }
    c->last = at;
    for (unsigned i = 0; i < c->thread_count; i++)
        if (c->thread[i].job && c->thread[i].job->run == run)
            web_cancel(c->thread[i].web);
    return count;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* With one thread at least no job waits for ever, even when others cannot be started. */
int checker_admit(struct checker *c, struct check_run *run, struct err *err)
{
    int r;

    if (c->run_count == CHECK_RUNS_MAX)
        return err_set(err, ERR_EXHAUSTED, "%d sets of checks are under way already",
                       CHECK_RUNS_MAX);
    r = c->thread_count == 0 ? start_thread(c, err) : 0;
    if (r < 0)
        return r;
    run->next = c->runs;
    run->prev = NULL;
    if (c->runs)
        c->runs->prev = run;
    c->runs = run;
    c->run_count++;
    return 0;
}

void checker_dismiss(struct checker *c, struct check_run *run)
{
    if (run->next)
        run->next->prev = run->prev;
    if (run->prev)
        run->prev->next = run->next;
    else
        c->runs = run->next;
    c->run_count--;
}

struct loop *checker_loop(const struct checker *c)
{
    return c->loop;
}

void checker_fill(const struct checker *c, struct probe *p)
{
    const struct check_facts *facts = c->config.facts;
    struct selector selector;

    p->commands = c->config.commands;
    p->id = c->config.id ? c->config.id : "here";
    p->folder = c->config.folder ? c->config.folder : "/";
    if (p->check.kind == PLAN_CHECK_NODES && facts &&
        selector_parse(str_of(p->check.target), &selector, NULL) == 0)
        p->nodes = facts->nodes(facts->ctx, &selector);
}

const char *checker_home(const struct checker *c)
{
    return c->home;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void find_home(struct checker *c)
{
    struct passwd entry, *found = NULL;
    char text[4096];

    if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) != 0 || !found ||
        !str_fmt(c->home, sizeof c->home, "HOME=%s", found->pw_dir))
        str_fmt(c->home, sizeof c->home, "HOME=/");
}

struct checker *checker_new(const struct checker_config *config, struct loop *l)
{
    struct checker *c = xnew(struct checker);

    CHECK(config->threads <= CHECK_THREADS_MAX);
    web_start();
    c->config = *config;
    if (c->config.threads == 0)
        c->config.threads = THREADS_DEFAULT;
    c->loop = l;
    c->last = &c->waiting;
    find_home(c);
    return c;
}

void checker_free(struct checker *c)
{
    if (!c)
        return;
    for (struct check_run *r = c->runs, *next; r; r = next) {
        next = r->next;
        check_stop(r);
    }
    for (unsigned i = 0; i < c->thread_count; i++)
        worker_free(c->thread[i].worker);
    CHECK(c->run_count == 0);
    for (unsigned i = 0; i < c->thread_count; i++)
        web_free(c->thread[i].web);
    free(c);
    web_end();
}
