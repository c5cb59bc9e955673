/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/check/run.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* The texts of a plan are far below. */
#define ARENA_MAX    (2u << 20)
#define SCALE_PERIOD dur_s(1)

/* ---- copies ---------------------------------------------------------------------------------- */

/* What does not fit becomes NULL, and sets *fits. */
static const char *copy_text(struct arena *a, const char *s, bool *fits)
{
    const char *copy = s ? arena_strdup(a, str_of(s)) : NULL;

    *fits = *fits && (copy || !s);
    return copy;
}

static bool copy_argv(struct arena *a, const char **argv)
{
    bool fits = true;

    for (unsigned i = 0; i < PLAN_CHECK_ARGS && argv[i]; i++)
        argv[i] = copy_text(a, argv[i], &fits);
    return fits;
}

static bool copy_check(struct arena *a, struct plan_check *c)
{
    bool fits = copy_argv(a, c->argv);

    c->target = copy_text(a, c->target, &fits);
    c->query = copy_text(a, c->query, &fits);
    c->contains = copy_text(a, c->contains, &fits);
    return fits;
}

static bool copy_hook(struct arena *a, struct plan_hook *h)
{
    struct plan_check *capacity = h->capacity ? arena_new(a, struct plan_check) : NULL;

    if (h->capacity && !capacity)
        return false;
    if (capacity)
        *capacity = *h->capacity;
    h->capacity = capacity;
    return copy_argv(a, h->argv) && (!capacity || copy_check(a, capacity));
}

static bool copy_surroundings(struct check_run *run, const struct plan *plan)
{
    struct flags *flags = arena_new(&run->arena, struct flags);

    if (!flags)
        return false;
    *flags = plan->flags;
    run->flags = flags;
    run->upstream = plan->route.upstream[SYSTEM_NEW];
    run->environment[0] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    run->environment[1] = "LANG=C.UTF-8";
    run->environment[2] = checker_home(run->checker);
    run->environment[3] = arena_fmt(&run->arena, "SWITCHYARD_MIGRATION=%s", plan->name.s);
    return run->environment[3] != NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct check_run *run_free(struct check_run *run)
{
    if (!run)
        return NULL;
    timer_cancel(&run->again);
    arena_deinit(&run->arena);
    free(run->job);
    free(run->result);
    free(run);
    return NULL;
}

static void run_freep(struct check_run **run)
{
    *run = run_free(*run);
}

static struct check_run *run_new(struct checker *c, unsigned jobs, unsigned results,
                                 check_done_fn fn, void *ctx)
{
    struct check_run *run = xnew(struct check_run);

    run->checker = c;
    run->fn = fn;
    run->ctx = ctx;
    atomic_init(&run->stop, false);
    arena_init(&run->arena, ARENA_MAX);
    run->job = xcalloc(jobs, sizeof(*run->job));
    run->result = xcalloc(results, sizeof(*run->result));
    return run;
}

static void end_run(struct check_run *run)
{
    checker_dismiss(run->checker, run);
    run_free(run);
}

static void tell(struct check_run *run)
{
    run->fn(run->ctx, run->result, run->count);
    end_run(run);
}

void check_stop(struct check_run *run)
{
    atomic_store(&run->stop, true);
    timer_cancel(&run->again);
    run->out -= checker_recall(run->checker, run);
    if (run->out == 0)
        end_run(run);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static const char *missing_flag(const struct check_run *run, const struct plan_check *c)
{
    for (unsigned i = 0; c->argv[i]; i++)
        if (!flags_find(run->flags, c->argv[i]))
            return c->argv[i];
    return NULL;
}

static void begin_job(struct check_run *run, struct check_job *j, const struct plan_check *check,
                      struct check_result *result)
{
    j->run = run;
    j->result = result;
    j->probe = (struct probe){.check = *check,
                              .stop = &run->stop,
                              .upstream = &run->upstream,
                              .environment = run->environment};
    if (check->kind == PLAN_CHECK_FLAGS)
        j->probe.missing = missing_flag(run, check);
    checker_fill(run->checker, &j->probe);
    run->out++;
    checker_do(run->checker, j);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void begin_hook(struct check_run *run)
{
    const struct plan_hook *h = &run->hook[run->at];
    struct plan_check command = {
        .name = h->name, .kind = PLAN_CHECK_COMMAND, .timeout = h->timeout};

    memcpy(command.argv, h->argv, sizeof command.argv);
    loop_update_now(checker_loop(run->checker));
    run->until = mono_add(loop_now(checker_loop(run->checker)), h->timeout);
    run->scaling = false;
    begin_job(run, run->job, &command, &run->result[run->count]);
}

static void ask_capacity(struct check_run *run)
{
    run->scaling = true;
    begin_job(run, run->job, run->hook[run->at].capacity, &run->result[run->count]);
}

static void on_again(struct timer *t)
{
    ask_capacity(container_of(t, struct check_run, again));
}

static void on_hook_done(struct check_run *run)
{
    const struct plan_hook *h = &run->hook[run->at];
    bool passed = run->result[run->count].outcome == CHECK_PASSED;

    if (run->scaling && !passed && mono_before(loop_now(checker_loop(run->checker)), run->until)) {
        timer_set(checker_loop(run->checker), &run->again, SCALE_PERIOD, on_again, "scale");
        return;
    }
    run->count++;
    if (!passed)
        return tell(run);
    if (!run->scaling && h->capacity)
        return ask_capacity(run);
    if (++run->at == run->hook_count)
        return tell(run);
    begin_hook(run);
}

/* ---- the contract ---------------------------------------------------------------------------- */

void run_job_done(struct check_run *run)
{
    run->out--;
    if (atomic_load(&run->stop)) {
        if (run->out == 0)
            end_run(run);
    } else if (run->hook) {
        on_hook_done(run);
    } else if (run->out == 0) {
        tell(run);
    }
}

int check_begin(struct checker *c, const struct plan *plan, const struct plan_check *check,
                unsigned count, check_done_fn fn, void *ctx, struct check_run **ret,
                struct err *err)
{
    CLEANUP(run_freep) struct check_run *run = run_new(c, count, count, fn, ctx);
    bool fits = copy_surroundings(run, plan);
    int r;

    CHECK(count > 0);
    for (unsigned i = 0; i < count && fits; i++) {
        run->job[i].probe.check = check[i];
        fits = copy_check(&run->arena, &run->job[i].probe.check);
    }
    if (!fits)
        return err_set(err, ERR_EXHAUSTED, "the checks are larger than %u bytes", ARENA_MAX);
    r = checker_admit(c, run, err);
    if (r < 0)
        return r;
    run->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct plan_check copied = run->job[i].probe.check;

        begin_job(run, &run->job[i], &copied, &run->result[i]);
    }
    *ret = steal(run);
    return 0;
}

int check_begin_hooks(struct checker *c, const struct plan *plan, const struct plan_hook *hook,
                      unsigned count, check_done_fn fn, void *ctx, struct check_run **ret,
                      struct err *err)
{
    CLEANUP(run_freep) struct check_run *run = run_new(c, 1, count * 2, fn, ctx);
    bool fits = copy_surroundings(run, plan);
    int r;

    CHECK(count > 0);
    run->hook_count = count;
    run->hook = arena_alloc(&run->arena, count * sizeof(*hook));
    fits = fits && run->hook;
    for (unsigned i = 0; i < count && fits; i++) {
        run->hook[i] = hook[i];
        fits = copy_hook(&run->arena, &run->hook[i]);
    }
    if (!fits)
        return err_set(err, ERR_EXHAUSTED, "the hooks are larger than %u bytes", ARENA_MAX);
    r = checker_admit(c, run, err);
    if (r < 0)
        return r;
    begin_hook(run);
    *ret = steal(run);
    return 0;
}
