/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's core alone: reports that it folds in a second of one processor's work, the
 * memory that it takes with many nodes and migrations and a day of samples, and the work of a
 * promote through a fleet in clusters. Prints a name and a number a line. What the driver does is
 * played: what is to be saved is stored at once. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "coordinator/core/core_view.h"

#define NODES      10000u
#define MIGRATIONS 100u
#define CLUSTERS   5u
#define WAVE_NODES 1000u
#define REPORTS    400000u
#define DAY_S      86400

struct bench {
    struct core *core;
    struct core_update u;
    wall_t now;
    mono_t mono;
    uint64_t rev;
    struct rng rng;
    struct name node[NODES];
};

static void step(struct bench *b, struct core_event *ev)
{
    ev->now = b->now;
    ev->mono = b->mono;
    core_step(b->core, ev, &b->u);
    if (b->u.save)
        core_commit(b->core, ++b->rev, &b->u);
}

static void pass(struct bench *b, dur_t d)
{
    b->now = wall_add(b->now, d);
    b->mono = mono_add(b->mono, d);
}

static double resident_mb(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long size, resident;

    CHECK(f && fscanf(f, "%lu %lu", &size, &resident) == 2);
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Of this process, whoever else wants the processor. */
static double work_ms(void)
{
    struct rusage use;

    CHECK(getrusage(RUSAGE_SELF, &use) == 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

/* ---- what there is --------------------------------------------------------------------------- */

static struct bench *bench_new(void)
{
    struct core_config config = {.startup_grace = dur_ms(1)};
    struct bench *b = xnew(struct bench);
    struct err err;

    b->now = (wall_t){INT64_C(1795255200) * 1000000000};
    b->mono = (mono_t){1000000000000};
    b->core = core_new(&config, b->now, b->mono);
    CHECK(core_loaded(b->core, "bench", 0, &err) == 0);
    core_lead(b->core, true);
    core_update_init(&b->u);
    rng_seed(&b->rng, 1);
    return b;
}

static void bench_free(struct bench *b)
{
    core_update_deinit(&b->u);
    core_free(b->core);
    free(b);
}

static void serve(struct bench *b, unsigned nodes)
{
    struct core_node n = {.connected = true, .serving_rev = core_revision(b->core)};
    char labels[64];

    for (unsigned i = 0; i < nodes; i++) {
        str_fmt(b->node[i].s, sizeof b->node[i].s, "node-%05u", i);
        str_fmt(labels, sizeof labels, "cluster=c%u,zone=z%u", i % CLUSTERS, i % 3);
        CHECK(labels_parse(str_of(labels), &n.labels, NULL) == 0);
        n.name = b->node[i];
        step(b, &(struct core_event){.kind = EV_NODE, .node = &n});
        step(b, &(struct core_event){.kind = EV_PAST, .past = {.node = &n.name}});
    }
}

static void command(struct bench *b, struct core_command cmd)
{
    cmd.operator_name = "bench";
    cmd.reason = "measuring";
    step(b, &(struct core_event){.kind = EV_COMMAND, .command = &cmd});
    if (b->u.refused.code != ERR_NONE) {
        fprintf(stderr, "%s\n", b->u.refused.msg);
        exit(2);
    }
}

static void apply(struct bench *b, const char *name)
{
    char text[2048];
    struct plan *plan;
    struct err err;

    str_fmt(text, sizeof text,
            "apiVersion: switchyard/v1\nkind: Migration\nmetadata: {name: %s}\nspec:\n"
            "  systems:\n    legacy: {endpoints: [\"http://10.0.0.1:1\"]}\n"
            "    new: {endpoints: [\"http://10.0.0.2:1\"]}\n"
            "  routing: {key: \"header:X-User\", path: /%s}\n"
            "  triggers: {errorRate: 5%%, errorRatio: 3, p99: 2s, latencyRatio: 3, window: 60s}\n"
            "  stages:\n"
            "    - {name: first, weight: 0, approval: manual}\n"
            "    - name: half\n      weight: 50\n      approval: manual\n"
            "      gate: {errorRate: 1%%, p99: 1s, for: 30m}\n"
            "    - name: all\n      weight: 100\n      approval: manual\n"
            "      waves: [{select: cluster=c0}, {select: cluster=c1}, {select: cluster=c2}, "
            "{select: cluster=c3}, {select: \"*\"}]\n",
            name, name);
    if (plan_parse(str_of(text), "plan", &plan, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
    command(b, (struct core_command){.kind = CMD_APPLY, .migration = name, .plan = plan});
    plan_free(plan);
}

/* Latencies from some milliseconds to seconds, as of many nodes at once. */
static struct system_stats traffic(struct bench *b, unsigned requests)
{
    struct system_stats s = {.requests = requests};

    for (unsigned i = 0; i < requests; i++)
        hist_add(&s.latency, 3000 + (uint64_t)(rng_unit(&b->rng) * rng_unit(&b->rng) *
                                               rng_unit(&b->rng) * 900000));
    return s;
}

static void report(struct bench *b, unsigned node, const struct route_stats *route)
{
    step(b, &(struct core_event){.kind = EV_REPORT,
                                 .report = {.node = &b->node[node], .route = route, .count = 1}});
}

/* ---- the figures ----------------------------------------------------------------------------- */

static void name_of(unsigned i, struct name *ret)
{
    str_fmt(ret->s, sizeof ret->s, "m-%03u", i);
}

/* As they come: each node's once a second, of one migration after the other. */
static void measure_reports(struct bench *b)
{
    struct route_stats route = {.breaker = BREAKER_CLOSED};
    double begin;

    route.system[SYSTEM_LEGACY] = traffic(b, 50);
    route.system[SYSTEM_NEW] = traffic(b, 50);
    begin = work_ms();
    for (unsigned i = 0; i < REPORTS; i++) {
        name_of(i % MIGRATIONS, &route.migration);
        report(b, i % NODES, &route);
        pass(b, dur_ns(INT64_C(1000000000) / NODES));
    }
    printf("reports_per_second %.0f\n", REPORTS / (work_ms() - begin) * 1000);
}

/* As dense as it is kept: seconds at the end, ten seconds, minutes, and ten minutes before. */
static void live_a_day(struct bench *b)
{
    struct route_stats route = {.breaker = BREAKER_CLOSED};
    int64_t left = DAY_S;

    route.system[SYSTEM_LEGACY] = traffic(b, 5000);
    route.system[SYSTEM_NEW] = traffic(b, 5000);
    while (left > 0) {
        int64_t pause = left > 6 * 3600 ? 60 : left > 3600 ? 30 : left > 130 ? 10 : 1;

        for (unsigned i = 0; i < MIGRATIONS; i++) {
            name_of(i, &route.migration);
            report(b, (unsigned)left % NODES, &route);
        }
        pass(b, dur_s(pause));
        left -= pause;
    }
}

static void measure_memory(void)
{
    double before = resident_mb();
    struct bench *b = bench_new();
    struct name name;

    serve(b, NODES);
    for (unsigned i = 0; i < MIGRATIONS; i++) {
        name_of(i, &name);
        apply(b, name.s);
        command(b, (struct core_command){.kind = CMD_START, .migration = name.s});
    }
    serve(b, NODES);
    for (unsigned i = 0; i < MIGRATIONS; i++) {
        name_of(i, &name);
        command(b, (struct core_command){
                       .kind = CMD_SET_WEIGHT, .migration = name.s, .weight_bp = 5000});
    }
    serve(b, NODES);
    measure_reports(b);
    live_a_day(b);
    printf("memory_mb %.0f\n", resident_mb() - before);
    bench_free(b);
}

static enum rollout_phase phase_of(const struct bench *b)
{
    static struct view_status s;
    struct err err;

    CHECK(view_status(b->core, "m-000", b->now, b->mono, &s, &err) == 0);
    return s.rollout->phase;
}

/* Until the stage is served by all: its nodes acknowledge each decision, wave after wave. */
static unsigned settle(struct bench *b)
{
    unsigned decisions = 0;
    uint64_t served = 0;
    struct route route;

    for (unsigned turn = 0; turn < 100; turn++) {
        enum rollout_phase phase = phase_of(b);

        if (phase == PHASE_READY || phase == PHASE_COMPLETED)
            break;
        if (core_revision(b->core) > served) {
            served = core_revision(b->core);
            CHECK(core_compile(b->core, "m-000", &route));
            serve(b, WAVE_NODES);
            decisions++;
        }
        pass(b, dur_s(1));
        step(b, &(struct core_event){.kind = EV_TICK});
    }
    return decisions;
}

static void measure_promote(void)
{
    struct bench *b = bench_new();
    unsigned decisions;
    double begin;

    serve(b, WAVE_NODES);
    apply(b, "m-000");
    command(b, (struct core_command){.kind = CMD_START, .migration = "m-000"});
    settle(b);
    begin = work_ms();
    command(b, (struct core_command){.kind = CMD_PROMOTE, .migration = "m-000", .to_stage = 3});
    decisions = settle(b);
    printf("promote_ms %.1f\n", work_ms() - begin);
    CHECK(decisions == CLUSTERS && phase_of(b) == PHASE_COMPLETED);
    bench_free(b);
}

int main(void)
{
    measure_promote();
    measure_memory();
    return 0;
}
