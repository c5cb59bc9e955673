/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: jobs run in order on another thread, results come back on the loop's, the limit holds,
 * and freeing the worker finishes what was accepted. */
#include "common/loop/worker.h"

#include <pthread.h>
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>

#include <cmocka.h>

struct sum {
    struct worker_job job;
    struct loop *loop;
    struct worker *frees; /* freed by `done` */
    pthread_t ran_on;
    unsigned in;
    unsigned out;
    unsigned done;
};

static unsigned running_total; /* worker's thread only */
static unsigned done_total;

static void run_sum(struct worker_job *j)
{
    struct sum *s = container_of(j, struct sum, job);

    running_total += s->in;
    s->out = running_total;
    s->ran_on = pthread_self();
}

static void done_sum(struct worker_job *j)
{
    struct sum *s = container_of(j, struct sum, job);

    s->done++;
    done_total++;
    if (s->frees)
        worker_free(s->frees);
    if (s->loop)
        loop_stop(s->loop);
}

static struct sum new_sum(unsigned in)
{
    return (struct sum){.job = {.run = run_sum, .done = done_sum}, .in = in};
}

static struct worker *new_worker(struct loop **ret_loop, unsigned max)
{
    struct worker *w = NULL;

    running_total = done_total = 0;
    assert_int_equal(loop_new(clock_system, ret_loop, NULL), 0);
    assert_int_equal(worker_new(*ret_loop, "test", max, &w, NULL), 0);
    return w;
}

static void results_come_back_on_the_loop_in_order(void **state UNUSED)
{
    struct loop *l;
    struct worker *w = new_worker(&l, 8);
    struct sum jobs[3] = {new_sum(1), new_sum(10), new_sum(100)};

    jobs[2].loop = l;
    for (unsigned i = 0; i < 3; i++)
        assert_true(worker_do(w, &jobs[i].job));
    assert_int_equal(done_total, 0);
    loop_run(l);
    assert_int_equal(jobs[0].out, 1);
    assert_int_equal(jobs[1].out, 11);
    assert_int_equal(jobs[2].out, 111);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
    }
    worker_free(w);
    loop_free(l);
}

static void the_limit_counts_until_the_result_is_delivered(void **state UNUSED)
{
    struct loop *l;
    struct worker *w = new_worker(&l, 2);
    struct sum jobs[3] = {new_sum(1), new_sum(1), new_sum(1)};

    jobs[1].loop = l;
    assert_true(worker_do(w, &jobs[0].job));
    assert_true(worker_do(w, &jobs[1].job));
    assert_false(worker_do(w, &jobs[2].job));
    loop_run(l);
    assert_true(worker_do(w, &jobs[2].job));
    worker_free(w);
    assert_int_equal(done_total, 3);
    loop_free(l);
}

static void freeing_finishes_what_was_accepted(void **state UNUSED)
{
    enum { JOBS = 100 };
    static struct sum jobs[JOBS];
    struct loop *l;
    struct worker *w = new_worker(&l, JOBS);

    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = new_sum(1);
        assert_true(worker_do(w, &jobs[i].job));
    }
    worker_free(w);
    assert_int_equal(done_total, JOBS);
    assert_int_equal(jobs[JOBS - 1].out, JOBS);
    worker_free(NULL);
    loop_free(l);
}

static void a_result_may_free_the_worker(void **state UNUSED)
{
    struct loop *l;
    struct worker *w = new_worker(&l, 4);
    struct sum jobs[3] = {new_sum(1), new_sum(1), new_sum(1)};

    jobs[0].frees = w;
    jobs[0].loop = l;
    for (unsigned i = 0; i < 3; i++)
        assert_true(worker_do(w, &jobs[i].job));
    loop_run(l);
    assert_int_equal(done_total, 3);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_back_on_the_loop_in_order),
        cmocka_unit_test(the_limit_counts_until_the_result_is_delivered),
        cmocka_unit_test(freeing_finishes_what_was_accepted),
        cmocka_unit_test(a_result_may_free_the_worker),
    };

    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
