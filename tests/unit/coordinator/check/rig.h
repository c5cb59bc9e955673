/* SPDX-License-Identifier: Apache-2.0 */
/* A checker on a loop, and what it told last. */
#pragma once

#include "common/base/mem.h"
#include "coordinator/check/check.h"
#include "tests/lib/wait.h"

#define RESULTS_MAX 32

struct rig {
    struct loop *loop;
    struct checker *checker;
    struct check_facts facts;
    struct plan plan;
    struct check_run *run;
    struct check_result result[RESULTS_MAX];
    unsigned count;
    unsigned told; /* how often */
};

static inline unsigned rig_nodes(void *ctx UNUSED, const struct selector *s)
{
    return strcmp(s->text, "cluster=eu") == 0 ? 3 : 0;
}

static inline void rig_done(void *ctx, const struct check_result *result, unsigned count)
{
    struct rig *rig = ctx;

    assert_true(count <= RESULTS_MAX);
    memcpy(rig->result, result, count * sizeof *result);
    rig->count = count;
    rig->told++;
}

static inline void rig_open(struct rig *rig, unsigned threads, bool commands)
{
    struct checker_config config = {
        .commands = commands, .id = "c1", .threads = threads, .facts = &rig->facts};
    struct err err;

    *rig = (struct rig){.facts = {.nodes = rig_nodes}};
    str_fmt(rig->plan.name.s, sizeof rig->plan.name.s, "orders");
    assert_ok(loop_new(clock_system, &rig->loop, &err), &err);
    rig->checker = checker_new(&config, rig->loop);
}

static inline void rig_close(struct rig *rig)
{
    checker_free(rig->checker);
    loop_free(rig->loop);
}

static inline void rig_begin(struct rig *rig, const struct plan_check *check, unsigned count)
{
    struct err err;

    assert_ok(check_begin(rig->checker, &rig->plan, check, count, rig_done, rig, &rig->run, &err),
              &err);
}

/* One check to its end; its result. */
static inline const struct check_result *rig_check(struct rig *rig, struct plan_check check)
{
    unsigned before = rig->told;

    if (check.timeout.ns == 0)
        check.timeout = dur_s(20);
    str_fmt(check.name.s, sizeof check.name.s, "it");
    rig_begin(rig, &check, 1);
    WAIT_FOR(rig->loop, rig->told > before);
    assert_int_equal(rig->count, 1);
    assert_string_equal(rig->result[0].name.s, "it");
    assert_int_equal(rig->result[0].kind, check.kind);
    return rig->result;
}

/* As is said, for a reason with `part` in it. */
static inline void rig_expect(struct rig *rig, struct plan_check check, enum check_outcome want,
                              const char *part)
{
    const struct check_result *r = rig_check(rig, check);

    if (r->outcome != want)
        fail_msg("outcome %d instead of %d: %s", (int)r->outcome, (int)want, r->text);
    assert_holds(r->text, part);
}
