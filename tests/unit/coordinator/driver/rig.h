/* SPDX-License-Identifier: Apache-2.0 */
/* A driver with a store, and what its ports were told. */
#pragma once

#include "coordinator/driver/driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/model/plan.h"
#include "coordinator/core/core_view.h"
#include "coordinator/store/store_mem.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define PLAN_KEY       "/switchyard/v1/plans/app"
#define EMERGENCY_KEYS "/switchyard/v1/emergency/"

/* One coordinator: a driver, with the store in memory unless another one was set. */
struct fixture {
    struct loop *loop;
    struct store *store; /* owned by the thread */
    struct store_thread *thread;
    struct driver *driver;
    struct driver_config config;
    struct plan *plan;
    struct core_command commands[CMD_COUNT];
    void *extra; /* the test program's own */

    bool ready;
    unsigned leaders; /* on_leader() was called */
    struct leadership leadership;
    unsigned member_count; /* the others that are there */
    struct member member;  /* told of last */
    unsigned pushed_count;
    struct emergency pushed; /* the last */
    uint64_t unstored_epoch; /* of the last answer */
    bool left;
    struct err not_ready;
    unsigned settled;
    char trace[512]; /* "publish app rev=1 stored; answer apply none; ..." */
    unsigned answers;
    struct err answer;            /* the last */
    char summary[TEXT_SIZE];      /* of its first change */
    uint64_t revision;            /* of the last answer */
    struct fleet_route published; /* the last */
    uint64_t published_rev;
};

static void note(struct fixture *f, const char *fmt, ...) PRINTF(2, 3);

static void note(struct fixture *f, const char *fmt, ...)
{
    size_t n = strlen(f->trace);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->trace + n, sizeof(f->trace) - n, fmt, ap);
    va_end(ap);
}

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct fixture *f = ctx;

    f->ready = true;
    if (r < 0)
        f->not_ready = *err;
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct fixture *f = ctx;
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(STORE_VALUE_MAX);

    f->published_rev = revision;
    if (count == 0)
        return;
    f->published = route[count - 1];
    bool stored = store_get(f->store, STR(PLAN_KEY), &value, NULL, NULL) == 0;
    note(f, "publish %s%s; ", route[0].route.migration.s, stored ? " stored" : "");
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision,
                      uint64_t unstored_epoch)
{
    struct fixture *f = ctx;
    const struct core_command *c = u->token;

    f->answers++;
    f->unstored_epoch = unstored_epoch;
    f->answer = u->refused;
    str_fmt(f->summary, sizeof(f->summary), "%s", u->change ? u->change->summary : "");
    f->revision = revision;
    note(f, "answer %s %s; ", core_command_name(c->kind), err_text(u->refused.code));
}

static void on_settled(void *ctx)
{
    struct fixture *f = ctx;

    f->settled++;
}

static void on_leader(void *ctx, const struct leadership *l)
{
    struct fixture *f = ctx;

    f->leaders++;
    f->leadership = *l;
}

static void on_member(void *ctx, const struct member *m, bool gone)
{
    struct fixture *f = ctx;

    f->member = *m;
    if (gone)
        f->member_count--;
    else
        f->member_count++;
}

static void on_push_order(void *ctx, const struct emergency *order)
{
    struct fixture *f = ctx;

    f->pushed_count++;
    f->pushed = *order;
    note(f, "push %s; ", order->migration.s);
}

static void on_ask_past(void *ctx, const struct name *node, dur_t window UNUSED)
{
    note(ctx, "ask %s; ", node->s);
}

static void on_run_job(void *ctx, const struct core_job *job)
{
    note(ctx, "run %d of %s; ", (int)job->kind, job->migration.s);
}

static void on_stop_job(void *ctx, uint64_t id)
{
    note(ctx, "stop %u; ", (unsigned)id);
}

static const struct driver_ports ports = {
    .on_ready = on_ready,
    .publish = on_publish,
    .push_order = on_push_order,
    .answer = on_answer,
    .ask_past = on_ask_past,
    .run_job = on_run_job,
    .stop_job = on_stop_job,
    .on_leader = on_leader,
    .on_member = on_member,
    .on_settled = on_settled,
};

static struct plan *make_plan(void)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(64u << 10);
    struct plan *plan;
    struct err err;

    assert_ok(plan_default("app", "http://127.0.0.1:8000", "http://127.0.0.1:8001", &text, &err),
              &err);
    assert_ok(plan_parse(buf_view(&text), "test", &plan, &err), &err);
    return plan;
}

/* Until it is ready or says why not. */
static UNUSED void start_driver(struct fixture *f)
{
    struct err err;

    if (!f->thread)
        assert_ok(store_thread_new(f->loop, f->store, &f->thread, &err), &err);
    f->ready = false;
    assert_ok(driver_new(&f->config, f->loop, f->thread, &ports, f, &f->driver, &err), &err);
    WAIT_FOR(f->loop, f->ready);
}

static UNUSED void start_leader(struct fixture *f)
{
    start_driver(f);
    if (f->not_ready.code != ERR_NONE)
        fail_msg("not ready: %s", f->not_ready.msg);
    WAIT_FOR(f->loop, f->leadership.here);
}

static UNUSED void on_left(void *ctx)
{
    struct fixture *f = ctx;

    f->left = true;
}

static UNUSED void leave(struct fixture *f)
{
    f->left = false;
    driver_leave(f->driver, dur_s(5), on_left, f);
    WAIT_FOR(f->loop, f->left);
}

static UNUSED void tell_nobody(void *ctx UNUSED, int r UNUSED,
                               const struct store_list *changes UNUSED,
                               const struct err *err UNUSED)
{
}

/* In order, and the store's thread stays. What it has yet to tell the driver, the end of its own
 * lease for one, must find it no more: another watch takes the place of the driver's. */
static UNUSED void stop_driver(struct fixture *f)
{
    struct err err;

    leave(f);
    assert_ok(store_thread_watch(f->thread, STR(STORE_ROOT), 0, tell_nobody, NULL, &err), &err);
    driver_free(steal(f->driver));
}

static UNUSED void init_fixture(struct fixture *f, const char *id, uint64_t seed)
{
    f->config = (struct driver_config){
        .core = {.startup_grace = dur_ms(1)},
        .self = {.address = "127.0.0.1:7400", .version = "0"},
        .seed = seed,
    };
    str_fmt(f->config.self.id.s, NAME_SIZE, "%s", id);
    str_fmt(f->config.self.boot, NAME_SIZE, "boot-%llu", (unsigned long long)seed);
    f->plan = make_plan();
}

static UNUSED void deinit_fixture(struct fixture *f)
{
    store_thread_free(f->thread);
    driver_free(f->driver);
    plan_free(f->plan);
}

static UNUSED int setup_stopped(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(store_mem_new(&f->store, &err), &err);
    init_fixture(f, "c1", 1);
    *state = f;
    return 0;
}

static UNUSED int setup(void **state)
{
    setup_stopped(state);
    start_leader(*state);
    return 0;
}

static UNUSED int teardown(void **state)
{
    struct fixture *f = *state;

    deinit_fixture(f);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

static UNUSED struct core_command *command(struct fixture *f, enum core_command_kind kind)
{
    struct core_command *c = &f->commands[kind];

    *c = (struct core_command){
        .kind = kind,
        .migration = "app",
        .operator_name = "tester",
        .reason = "a test",
        .plan = f->plan,
        .token = c,
    };
    return c;
}

static UNUSED void submit(struct fixture *f, enum core_command_kind kind)
{
    struct err err;

    assert_ok(driver_command(f->driver, command(f, kind), &err), &err);
}

static UNUSED enum err_code run(struct fixture *f, enum core_command_kind kind)
{
    unsigned before = f->answers;

    submit(f, kind);
    WAIT_FOR(f->loop, f->answers > before);
    return f->answer.code;
}

static UNUSED unsigned stage_of(struct fixture *f)
{
    struct view_status s;
    wall_t now = clock_system->wall(clock_system);
    mono_t mono = clock_system->mono(clock_system);

    if (view_status(driver_core(f->driver), "app", now, mono, &s, NULL) < 0)
        return 99;
    return s.rollout->stage;
}

static UNUSED struct driver_health health(struct fixture *f)
{
    struct driver_health h;

    driver_health(f->driver, &h);
    return h;
}

static UNUSED struct err store_error(struct fixture *f)
{
    return health(f).store;
}
