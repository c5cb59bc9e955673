/* SPDX-License-Identifier: Apache-2.0 */
/* Many nodes without a proxy, each on a connection of its own: they take decisions, acknowledge
 * them, report each second, and dial again when they are cut off, as sidecars do.
 *
 *   bench_nodes NODES ADDR[,ADDR...]
 *
 * Node i dials the address i first, modulo, and then the next. Whenever all of them have their
 * rules (again), a line says how long that took since the start, or since the first was cut off.
 * Runs until it is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/backoff.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/model/ids.h"
#include "tests/fleet/fake_node.h"

#define ADDRESSES_MAX 8u
#define REPORTS_MS    10 /* between two groups of nodes that report */
#define REPORT_GROUPS 100

struct player {
    struct fake_node node;
    struct fleet_bench *bench;
    char name[NAME_SIZE];
    unsigned address;
    bool reached; /* it has its rules, by this dial */
    struct backoff backoff;
    struct timer redial;
};

struct fleet_bench {
    struct loop *loop;
    char address[ADDRESSES_MAX][ENDPOINT_SIZE];
    unsigned addresses;
    struct player *player;
    unsigned count;
    unsigned reached;
    mono_t since;
    unsigned group; /* that reports next */
    struct timer report;
    struct rng rng;
};

static void dial(struct player *p)
{
    struct fleet_bench *b = p->bench;

    p->node.dial++;
    fake_node_open(&p->node, b->address[p->address % b->addresses], b->loop);
}

static void on_redial(struct timer *t)
{
    struct player *p = container_of(t, struct player, redial);

    fake_node_close(&p->node);
    p->address++;
    dial(p);
}

static void lose(struct fleet_bench *b, struct player *p)
{
    if (b->reached == b->count)
        b->since = loop_now(b->loop);
    b->reached -= p->reached;
    p->reached = false;
    p->node.revision = 0;
    p->node.closed = false;
    timer_set(b->loop, &p->redial, backoff_next(&p->backoff, &b->rng), on_redial, "bench.redial");
}

static void reach(struct fleet_bench *b, struct player *p)
{
    p->reached = true;
    backoff_reset(&p->backoff);
    if (++b->reached < b->count)
        return;
    printf("all %u have their rules after %.0f ms\n", b->count,
           (double)mono_sub(clock_system->mono(clock_system), b->since).ns / 1e6);
    fflush(stdout);
}

static void look(struct fleet_bench *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct player *p = &b->player[i];

        if (p->node.closed)
            lose(b, p);
        else if (!p->reached && p->node.revision > 0)
            reach(b, p);
    }
}

static void on_report(struct timer *t)
{
    struct fleet_bench *b = container_of(t, struct fleet_bench, report);

    timer_set(b->loop, t, dur_ms(REPORTS_MS), on_report, "bench.report");
    for (unsigned i = b->group; i < b->count; i += REPORT_GROUPS)
        if (b->player[i].reached)
            fake_node_report(&b->player[i].node, "app", 100, 0, "closed");
    b->group = (b->group + 1) % REPORT_GROUPS;
    look(b);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void take_addresses(struct fleet_bench *b, const char *list)
{
    struct str rest = str_of(list), one;

    while (rest.n > 0) {
        str_cut(rest, ',', &one, &rest);
        CHECK(b->addresses < ADDRESSES_MAX &&
              str_copy(one, b->address[b->addresses++], ENDPOINT_SIZE));
    }
    CHECK(b->addresses > 0);
}

int main(int argc, char **argv)
{
    struct fleet_bench b = {.count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0};

    if (argc != 3 || b.count == 0)
        check_die("usage: bench_nodes NODES ADDR[,ADDR...]");
    take_addresses(&b, argv[2]);
    raise_file_limit();
    rpc_start();
    rng_seed_system(&b.rng);
    CHECK(loop_new(clock_system, &b.loop, NULL) == 0);
    b.player = xcalloc(b.count, sizeof(*b.player));
    b.since = loop_now(b.loop);
    timer_set(b.loop, &b.report, dur_ms(REPORTS_MS), on_report, "bench.report");
    for (unsigned i = 0; i < b.count; i++) {
        struct player *p = &b.player[i];

        str_fmt(p->name, sizeof(p->name), "node-%u", i);
        p->node.name = p->name;
        p->node.unchecked = true;
        p->bench = &b;
        p->address = i;
        backoff_init(&p->backoff, dur_ms(100), dur_s(2));
        dial(p);
        loop_turn(b.loop, dur_ms(0));
    }
    loop_run(b.loop);
    return 1;
}
