/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_coord.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord_state.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_jobs.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_peers.h"
#include "tests/sim/sim_store_thread.h"

#define LOOK    dur_s(1)
#define RESTART dur_s(1)

#define DISK_MAX (1u << 20)

/* ---- reading --------------------------------------------------------------------------------- */

void sim_coord_disk(struct sim_coord *c, bool full)
{
    c->disk_full = full;
}

unsigned sim_coord_index(const struct sim_coord *c)
{
    return c->index;
}

const struct name *sim_coord_name(const struct sim_coord *c)
{
    return &c->name;
}

bool sim_coord_is_running(const struct sim_coord *c)
{
    return c->running;
}

bool sim_coord_is_paused(const struct sim_coord *c)
{
    return sim_loop_is_paused(c->loop);
}

bool sim_coord_accepts(const struct sim_coord *c)
{
    return c->running && c->ready && !c->dying;
}

bool sim_coord_has_looked(const struct sim_coord *c)
{
    return sim_loop_has_looked(c->loop);
}

bool sim_coord_is_settled(const struct sim_coord *c)
{
    return sim_coord_accepts(c) && !c->mails && sim_store_thread_is_idle(c->store);
}

bool sim_coord_is_stepping(const struct sim_coord *c)
{
    return c->stepping;
}

uint64_t sim_coord_boot(const struct sim_coord *c)
{
    return c->running ? c->boots : 0;
}

const struct core *sim_coord_core(const struct sim_coord *c)
{
    return c->driver ? driver_core(c->driver) : NULL;
}

mono_t sim_coord_mono(const struct sim_coord *c)
{
    return sim_loop_mono(c->loop);
}

wall_t sim_coord_wall(const struct sim_coord *c)
{
    return sim_loop_wall(c->loop);
}

struct sim_fleet *sim_coord_fleet(const struct sim_coord *c)
{
    return c->fleet;
}

struct sim_peers *sim_coord_peers(const struct sim_coord *c)
{
    return c->peers;
}

struct sim_jobs *sim_coord_jobs(const struct sim_coord *c)
{
    return c->jobs;
}

bool sim_coord_leads(const struct sim_coord *c)
{
    return c->leader.here;
}

struct store_thread *sim_coord_store(const struct sim_coord *c)
{
    return c->store;
}

void sim_coord_health(const struct sim_coord *c, struct driver_health *ret)
{
    loop_update_now(c->loop);
    driver_health(c->driver, ret);
}

const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node)
{
    return &c->heard[node];
}

/* ---- the driver's ports ---------------------------------------------------------------------- */

/* A supervisor has it started again. */
static void start_again(struct sim *s UNUSED, void *who, uint64_t boots)
{
    struct sim_coord *c = who;

    if (!c->running && c->boots == boots)
        sim_coord_start(c);
}

void sim_coord_left(void *ctx)
{
    struct sim_coord *c = ctx;

    sim_coord_crash(c);
    sim_after(c->sim, RESTART, start_again, c, c->boots);
}

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    if (r < 0) {
        sim_say(c->sim, c->name.s, "cannot start: %s", err->msg);
        sim_coord_crash(c);
        sim_after(c->sim, RESTART, start_again, c, c->boots);
        return;
    }
    c->ready = true;
    sim_say(c->sim, c->name.s, "is up");
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct sim_coord *c = ctx;
    struct sha256 sum;

    if (c->dying || sim_coord_crash_point(c, SIM_CRASH_COMMITTED))
        return;
    sim_fleet_publish(c->fleet, revision, route, count);
    sim_fleet_sum(c->fleet, &sum);
    sim_check_published(c->sim->check, c, revision, &sum);
}

static void on_push_order(void *ctx, const struct emergency *order)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    sim_say(c->sim, c->name.s, "pushes order %" PRIu64 " of %s", order->epoch, order->migration.s);
    sim_fleet_push_order(c->fleet, order);
    sim_peers_push_order(c->peers, order);
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision,
                      uint64_t unstored_epoch)
{
    struct sim_coord *c = ctx;
    struct sim_answer a = {.refused = u->refused,
                           .changed = u->save != NULL && u->refused.code == ERR_NONE,
                           .revision = revision,
                           .unstored_epoch = unstored_epoch};

    if (c->dying || (a.changed && sim_coord_crash_point(c, SIM_CRASH_PUBLISHED)))
        return;
    if (u->change)
        CHECK(str_fmt(a.summary, sizeof a.summary, "%s", u->change->summary));
    sim_coord_answered(c, u->token, &a);
}

/* The node's stream may be here or at a peer. */
static void on_ask_past(void *ctx, const struct name *node, dur_t window)
{
    struct sim_coord *c = ctx;

    for (unsigned i = 0; i < c->sim->config.nodes && !c->dying; i++) {
        if (!name_eq(sim_node_name(c->sim->node[i]), node))
            continue;
        if (c->known[i].holder == c->index)
            (void)sim_fleet_ask_past(c->fleet, i, c->index, window);
        else
            sim_peers_ask_past(c->peers, c->known[i].holder, i, window);
    }
}

static void on_leader(void *ctx, const struct leadership *l)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    if (l->here)
        sim_say(c->sim, c->name.s, "leads, term %" PRIu64, l->term);
    else if (l->leader.id.s[0])
        sim_say(c->sim, c->name.s, "follows %s", l->leader.id.s);
    else
        sim_say(c->sim, c->name.s, "knows no leader");
    c->leader = *l;
    sim_fleet_set_term(c->fleet, l->term);
}

static void on_member(void *ctx, const struct member *m, bool gone)
{
    struct sim_coord *c = ctx;

    for (unsigned i = 0; i < c->sim->config.coordinators && !c->dying; i++)
        if (i != c->index && name_eq(sim_coord_name(c->sim->coord[i]), &m->id))
            sim_peers_set(c->peers, i, !gone);
}

static void on_settled(void *ctx UNUSED)
{
}

static void on_run_job(void *ctx, const struct core_job *job)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    sim_check_job(c->sim->check, c, job);
    sim_jobs_run(c->jobs, job);
}

static void on_stop_job(void *ctx, uint64_t id)
{
    struct sim_coord *c = ctx;

    if (!c->dying)
        sim_jobs_stop(c->jobs, id);
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

/* ---- life ------------------------------------------------------------------------------------ */

static void look(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;

    if (sim_coord_boot(c) != boot)
        return;
    if (!sim_coord_is_paused(c))
        sim_fleet_look(c->fleet);
    sim_after(s, LOOK, look, c, boot);
}

static void start_driver(struct sim_coord *c)
{
    struct driver_config config = {.core = {.node_grace = dur_s(0)},
                                   .self = {.id = c->name, .since = sim_coord_wall(c)},
                                   .lease_ttl = c->sim->config.lease_ttl,
                                   .journal = c->name.s};

    str_fmt(config.self.address, sizeof config.self.address, "%s:1", c->name.s);
    str_fmt(config.self.boot, sizeof config.self.boot, "%s-%" PRIu64, c->name.s, c->boots);
    str_fmt(config.self.version, sizeof config.self.version, "0");
    sim_loop_enter(c->loop);
    CHECK(driver_new(&config, c->loop, c->store, &ports, c, &c->driver, NULL) == 0);
    sim_loop_enter(NULL);
}

void sim_coord_start(struct sim_coord *c)
{
    CHECK(!c->running);
    c->running = true;
    c->boots++;
    sim_loop_start(c->loop);
    c->store = sim_store_thread_new(c->sim, c->index, c->boots, c->loop);
    c->fleet = sim_fleet_new(c->sim, c);
    c->peers = sim_peers_new(c->sim, c);
    c->jobs = sim_jobs_new(c->sim, c);
    start_driver(c);
    look(c->sim, c, c->boots);
}

static void lose_memory(struct sim_coord *c)
{
    sim_coord_drop_mails(c);
    c->dying = true;
    c->store = sim_store_thread_end(c->store);
    driver_free(steal(c->driver));
    sim_loop_end(c->loop);
    c->fleet = sim_fleet_free(c->fleet);
    c->peers = sim_peers_free(c->peers);
    c->jobs = sim_jobs_free(c->jobs);
    c->leader = (struct leadership){.here = false};
    memset(c->known, 0, sizeof c->known);
    c->crash_at = SIM_CRASH_NEVER;
    c->running = c->ready = c->dying = c->stepping = false;
    memset(c->heard, 0, sizeof c->heard);
}

static void die(struct sim_coord *c)
{
    lose_memory(c);
    sim_ops_coord_died(c->sim->ops, c);
    memset(c->taken, 0, sizeof c->taken);
    memset(c->forwarded, 0, sizeof c->forwarded);
    sim_net_died(c->sim->net, sim_host_coord(c->index));
    sim_net_stop(c->sim->net, sim_host_coord(c->index), false);
    sim_check_coord_died(c->sim->check, c);
}

/* A process that dies in its turn does nothing any more, and its memory goes when the turn ends. */
void sim_coord_crash(struct sim_coord *c)
{
    if (!c->running || c->dying)
        return;
    sim_say(c->sim, c->name.s, "dies");
    if (sim_loop_in_turn(c->loop)) {
        c->dying = true;
        sim_loop_break(c->loop);
    } else {
        die(c);
    }
}

static void after_turn(void *ctx)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        die(c);
    else
        sim_check_turn(c->sim->check, c);
}

void sim_coord_crash_at(struct sim_coord *c, enum sim_crash where)
{
    c->crash_at = where;
}

bool sim_coord_crash_point(struct sim_coord *c, enum sim_crash here)
{
    if (here == SIM_CRASH_NEVER || c->crash_at != here || !c->running || c->dying)
        return false;
    sim_coord_crash(c);
    return true;
}

void sim_coord_pause(struct sim_coord *c, bool paused)
{
    if (!c->running || paused == sim_coord_is_paused(c))
        return;
    sim_say(c->sim, c->name.s, "%s", paused ? "is stopped" : "goes on");
    sim_loop_pause(c->loop, paused);
    sim_net_stop(c->sim->net, sim_host_coord(c->index), paused);
    if (!paused)
        sim_store_thread_resume(c->store);
}

void sim_coord_jump(struct sim_coord *c, dur_t by)
{
    sim_loop_jump(c->loop, by);
}

struct sim_coord *sim_coord_new(struct sim *s, unsigned index)
{
    struct sim_coord *c = xnew(struct sim_coord);

    c->sim = s;
    c->index = index;
    str_fmt(c->name.s, sizeof c->name.s, "c%u", index + 1);
    buf_init(&c->disk, DISK_MAX);
    c->loop = sim_loop_new(s, after_turn, c);
    return c;
}

struct sim_coord *sim_coord_free(struct sim_coord *c)
{
    if (!c)
        return NULL;
    if (c->running)
        lose_memory(c);
    sim_loop_free(c->loop);
    buf_deinit(&c->disk);
    free(c);
    return NULL;
}
