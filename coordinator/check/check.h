/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out what plans ask about the world (common/model/plan_check.h), and runs their hooks. On a
 * few threads of its own, as many as there was ever need for, since databases and commands may take
 * as long as they like: each one ends at its timeout, whatever it does. Answers come on the loop.
 * Nothing here decides.
 *
 * A command is a process group of its own, with a small environment, in the data directory; at its
 * timeout, or when it is given up, the group gets SIGTERM and two seconds later SIGKILL; what it
 * leaves in the group when it ends is killed. Of its output the last CHECK_OUTPUT_SIZE - 1 bytes
 * are kept. owner: the loop. */
#pragma once

#include "common/loop/loop.h"
#include "common/model/plan.h"

#define CHECK_RUNS_MAX    256 /* at a time; more are refused with EXHAUSTED */
#define CHECK_THREADS_MAX 64

struct checker;
struct check_run; /* some checks or hooks, under way */

/* What only this process can tell; called on the loop when a run begins. */
struct check_facts {
    void *ctx;
    /* NODES: connected nodes that match. */
    unsigned (*nodes)(void *ctx, const struct selector *s);
};

/* Borrowed. */
struct checker_config {
    bool commands;  /* may plans run programs here? Else COMMAND checks and hooks end UNKNOWN, and
                       say how to allow them */
    const char *id; /* of this coordinator, for that sentence */
    const char *folder; /* where commands run; NULL: / */
    unsigned threads;   /* default 8, at most CHECK_THREADS_MAX: so many at a time, others wait */
    const struct check_facts *facts;
};

struct checker *checker_new(const struct checker_config *config, struct loop *l) MUST_CHECK;
/* Ends what is under way; no callback comes after. Tolerates NULL. */
void checker_free(struct checker *c);

/* All of them are told of, in the plan's order; valid during the call. */
typedef void (*check_done_fn)(void *ctx, const struct check_result *result, unsigned count);

/* Run all checks, at least one, each with its own timeout, several at a time. What is needed of
 * `plan` is copied. `fn` exactly once, later, unless it is stopped; *ret is gone after it. */
int check_begin(struct checker *c, const struct plan *plan, const struct plan_check *check,
                unsigned count, check_done_fn fn, void *ctx, struct check_run **ret,
                struct err *err) MUST_CHECK;
/* Run the hooks one after the other until one fails; results of those that were begun. A scale
 * hook's capacity is asked each second until it passes, and is a result of its own. */
int check_begin_hooks(struct checker *c, const struct plan *plan, const struct plan_hook *hook,
                      unsigned count, check_done_fn fn, void *ctx, struct check_run **ret,
                      struct err *err) MUST_CHECK;
/* Nobody waits for it: commands are ended, and fn is not called. */
void check_stop(struct check_run *run);

/* Everything passed? `ret_text` of TEXT_SIZE bytes says what did not: failures first, by name. */
enum check_outcome check_verdict(const struct check_result *result, unsigned count, char *ret_text);
