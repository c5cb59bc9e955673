/* SPDX-License-Identifier: Apache-2.0 */
/* Runs and their jobs: what run.c, which knows what comes after what, and checker.c, which has the
 * threads, tell each other. Private to this folder. owner: the loop; a job's probe and result are
 * its thread's while it is out. */
#pragma once

#include "common/base/arena.h"
#include "common/loop/timer.h"
#include "common/loop/worker.h"
#include "coordinator/check/check.h"
#include "coordinator/check/probe.h"

#define CHECK_ENVIRONMENT 5

struct check_thread;

struct check_job {
    struct worker_job job;
    struct check_run *run;       /* borrowed: it lives longer */
    struct check_thread *thread; /* that it is out with; NULL */
    struct check_job *next;
    struct probe probe;
    struct check_result *result; /* borrowed */
};

struct check_run {
    struct checker *checker;
    struct check_run *next, *prev;
    struct arena arena; /* copies of what the plan says */
    struct check_job *job;
    struct check_result *result;
    unsigned count; /* of results that are told */
    unsigned out;   /* jobs that are with the checker */
    atomic_bool stop;
    check_done_fn fn;
    void *ctx;
    struct route_upstream upstream;
    const struct flags *flags; /* of the plan; a copy */
    const char *environment[CHECK_ENVIRONMENT];

    /* of hooks; they share one job */
    struct plan_hook *hook;
    unsigned hook_count, at;
    bool scaling; /* the capacity of hook[at] is asked */
    mono_t until; /* so long */
    struct timer again;
};

/* ---- checker.c ------------------------------------------------------------------------------- */

/* Count it; EXHAUSTED when there are too many. */
int checker_admit(struct checker *c, struct check_run *run, struct err *err) MUST_CHECK;
void checker_dismiss(struct checker *c, struct check_run *run);
/* What the checker adds to a probe: its settings, and what only the loop knows. */
void checker_fill(const struct checker *c, struct probe *p);
/* As soon as a thread is free; then run_job_done(). */
void checker_do(struct checker *c, struct check_job *j);
/* Take back those jobs of `run` that no thread has yet, and interrupt the others; how many came
 * back. */
unsigned checker_recall(struct checker *c, struct check_run *run);
struct loop *checker_loop(const struct checker *c);
const char *checker_home(const struct checker *c); /* "HOME=..." */

/* ---- run.c ----------------------------------------------------------------------------------- */

void run_job_done(struct check_run *run);
