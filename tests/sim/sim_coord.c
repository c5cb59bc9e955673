/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_coord.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_fleet.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store_thread.h"

#define LOOK dur_s(1)

/* From the fleet's thread to the core's. */
struct mail {
    struct sim_post post;
    struct sim_coord *coord;
    struct core_node node;
    unsigned index;
    uint64_t boot;
    mono_t seen;
    struct emergency order;    /* epoch 0: none; then `node` has its name only */
    struct route_stats *stats; /* owned; NULL: `node` is meant */
    unsigned count;
    struct mail *prev, *next;
};

struct sim_coord {
    struct sim *sim;
    unsigned index;
    struct name name;
    uint64_t boots;
    bool running, ready, dying;
    bool stepping; /* the core has decided something that is not stored yet */
    struct loop *loop;
    struct store_thread *store;
    struct driver *driver;
    struct sim_fleet *fleet;
    struct mail *mails;
    mono_t mail_due;
    enum sim_crash crash_at;
    struct sim_heard heard[SIM_NODES_MAX];
    uint64_t queued_boot[SIM_NODES_MAX]; /* of what the driver was told last of a node */
    struct sim_op *taken[64];            /* and not answered */
};

/* ---- reading --------------------------------------------------------------------------------- */

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

struct store_thread *sim_coord_store(const struct sim_coord *c)
{
    return c->store;
}

void sim_coord_health(const struct sim_coord *c, struct driver_health *ret)
{
    driver_health(c->driver, ret);
}

const struct sim_heard *sim_coord_heard(const struct sim_coord *c, unsigned node)
{
    return &c->heard[node];
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct sim_op **slot_of(struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i] == op)
            return &c->taken[i];
    return NULL;
}

bool sim_coord_has(const struct sim_coord *c, const struct sim_op *op)
{
    for (size_t i = 0; i < ARRAY_LEN(c->taken); i++)
        if (c->taken[i] == op)
            return true;
    return false;
}

bool sim_coord_command(struct sim_coord *c, struct sim_op *op)
{
    struct sim_op **slot = slot_of(c, NULL);

    if (!sim_coord_accepts(c) || !slot || driver_command(c->driver, &op->command, NULL) < 0)
        return false;
    *slot = op;
    return true;
}

/* ---- the driver's ports ---------------------------------------------------------------------- */

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct sim_coord *c = ctx;

    if (c->dying)
        return;
    if (r < 0) {
        sim_say(c->sim, c->name.s, "cannot start: %s", err->msg);
        sim_coord_crash(c);
        return;
    }
    c->ready = true;
    sim_say(c->sim, c->name.s, "is up");
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct sim_coord *c = ctx;

    if (c->dying || sim_coord_crash_point(c, SIM_CRASH_COMMITTED))
        return;
    sim_fleet_publish(c->fleet, revision, route, count);
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision UNUSED,
                      uint64_t unstored_epoch UNUSED)
{
    struct sim_coord *c = ctx;
    struct sim_op *op = u->token;
    bool changed = u->save != NULL && u->refused.code == ERR_NONE;

    if (c->dying || (changed && sim_coord_crash_point(c, SIM_CRASH_PUBLISHED)))
        return;
    *slot_of(c, op) = NULL;
    op->changed = changed;
    sim_ops_answer(c->sim->ops, op, u);
}

static void on_settled(void *ctx UNUSED)
{
}

static void on_push_order(void *ctx UNUSED, const struct emergency *order UNUSED)
{
}

/* No node of the simulation keeps a past yet: what it reports counts from now on. */
static void on_ask_past(void *ctx, const struct name *node, dur_t window UNUSED)
{
    struct sim_coord *c = ctx;

    driver_past(c->driver, node, NULL, 0, false);
}

static void on_leader(void *ctx UNUSED, const struct leadership *l UNUSED)
{
}

static void on_member(void *ctx UNUSED, const struct member *m UNUSED, bool gone UNUSED)
{
}

static const struct driver_ports ports = {
    .on_ready = on_ready,
    .publish = on_publish,
    .push_order = on_push_order,
    .answer = on_answer,
    .ask_past = on_ask_past,
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

void sim_coord_start(struct sim_coord *c)
{
    struct driver_config config = {.self = {.id = c->name, .address = "sim"}};

    CHECK(!c->running);
    c->running = true;
    config.seed = ++c->boots;
    str_fmt(config.self.boot, sizeof config.self.boot, "%" PRIu64, c->boots);
    sim_loop_start(c->loop);
    c->store = sim_store_thread_new(c->sim, c->index, c->boots, c->loop);
    c->fleet = sim_fleet_new(c->sim, c);
    CHECK(driver_new(&config, c->loop, c->store, &ports, c, &c->driver, NULL) == 0);
    look(c->sim, c, c->boots);
}

static void free_mail(struct mail *m)
{
    free(m->stats);
    free(m);
}

static void lose_memory(struct sim_coord *c)
{
    while (c->mails) {
        struct mail *m = c->mails;

        DL_DELETE(c->mails, m);
        free_mail(m);
    }
    driver_free(steal(c->driver));
    sim_loop_end(c->loop);
    c->store = sim_store_thread_end(c->store);
    c->fleet = sim_fleet_free(c->fleet);
    c->crash_at = SIM_CRASH_NEVER;
    c->running = c->ready = c->dying = c->stepping = false;
    memset(c->heard, 0, sizeof c->heard);
}

static void die(struct sim_coord *c)
{
    lose_memory(c);
    sim_ops_coord_died(c->sim->ops, c);
    memset(c->taken, 0, sizeof c->taken);
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
    free(c);
    return NULL;
}

/* ---- from the streams ------------------------------------------------------------------------ */

void sim_coord_on_message(struct sim_coord *c, struct sim_stream *st, enum sim_end end UNUSED,
                          const struct sim_msg *m)
{
    sim_fleet_on_message(c->fleet, st, m);
}

void sim_coord_on_closed(struct sim_coord *c, struct sim_stream *st, enum sim_end end UNUSED)
{
    if (c->fleet)
        sim_fleet_on_closed(c->fleet, st);
}

static void run_mail(struct sim_post *p)
{
    struct mail *m = container_of(p, struct mail, post);
    struct sim_coord *c = m->coord;

    if (m->stats) {
        driver_report(c->driver, &m->node.name, m->stats, m->count);
    } else if (m->order.epoch > 0) {
        driver_order(c->driver, &m->node.name, &m->order);
    } else {
        driver_node(c->driver, &m->node, m->seen);
        c->queued_boot[m->index] = m->boot;
    }
    free_mail(m);
}

static void drop_mail(struct sim_post *p)
{
    free_mail(container_of(p, struct mail, post));
}

static void open_mail(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct mail *m = c->mails;

    if (sim_coord_boot(c) != boot)
        return;
    DL_DELETE(c->mails, m);
    sim_loop_post(c->loop, &m->post);
}

/* In order, as through one mailbox. */
static void post(struct sim_coord *c, struct mail *m)
{
    mono_t due = mono_add(c->sim->now, sim_delay(c->sim, c->sim->config.mail));

    if (mono_before(c->mail_due, due))
        c->mail_due = due;
    m->post = (struct sim_post){.run = run_mail, .drop = drop_mail};
    m->coord = c;
    DL_APPEND(c->mails, m);
    sim_after(c->sim, mono_sub(c->mail_due, c->sim->now), open_mail, c, c->boots);
}

void sim_coord_on_node(struct sim_coord *c, unsigned node, const struct core_node *n, uint64_t boot)
{
    struct mail *m = xnew(struct mail);

    m->node = *n;
    m->index = node;
    m->boot = boot;
    m->seen = sim_coord_mono(c);
    post(c, m);
}

void sim_coord_on_order(struct sim_coord *c, unsigned node, const struct emergency *order)
{
    struct mail *m = xnew(struct mail);

    m->node.name = *sim_node_name(c->sim->node[node]);
    m->order = *order;
    post(c, m);
}

void sim_coord_on_report(struct sim_coord *c, unsigned node, const struct route_stats *stats,
                         unsigned count)
{
    struct mail *m;

    if (count == 0)
        return;
    m = xnew(struct mail);
    m->node.name = *sim_node_name(c->sim->node[node]);
    m->stats = xmemdup(stats, count * sizeof *stats);
    m->count = count;
    post(c, m);
}

/* ---- seen in passing ------------------------------------------------------------------------- */

/* The linker leads these calls of the driver through here (--wrap in CMakeLists.txt). */
void __real_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u);
void __real_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u);
void __real_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u);
void __wrap_log_line(enum log_level l, enum log_event ev, const char *fmt, ...) PRINTF(3, 4);
void __wrap_log_err(enum log_level l, enum log_event ev, const struct err *err, const char *fmt,
                    ...) PRINTF(4, 5);

static void hear(struct sim_coord *c, const struct core_node *n)
{
    for (unsigned i = 0; i < c->sim->config.nodes; i++)
        if (name_eq(sim_node_name(c->sim->node[i]), &n->name))
            c->heard[i] = (struct sim_heard){n->connected, c->queued_boot[i]};
}

void __wrap_core_step(struct core *core, const struct core_event *ev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    if (ev->kind == EV_NODE)
        hear(c, ev->node);
    __real_core_step(core, ev, u);
    c->stepping = u->save != NULL;
}

void __wrap_core_commit(struct core *core, uint64_t rev, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_commit(core, rev, u);
    c->stepping = false;
}

void __wrap_core_abandon(struct core *core, const struct err *why, struct core_update *u)
{
    struct sim_coord *c = sim_loop_current();

    __real_core_abandon(core, why, u);
    c->stepping = false;
}

static void say(enum log_event ev, const struct err *err, const char *fmt, va_list ap)
{
    struct sim_coord *c = sim_loop_current();
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);

    if (!c || c->dying || ev == LOG_STAGE_MOVED || ev == LOG_TRIGGER) /* sim_check tells of moves */
        return;
    (void)!buf_vaddf(&text, fmt, ap);
    sim_say(c->sim, c->name.s, "says %s %s%s%s", log_event_name(ev), buf_text(&text),
            err ? ": " : "", err ? err->msg : "");
}

void __wrap_log_line(enum log_level l UNUSED, enum log_event ev, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, NULL, fmt, ap);
    va_end(ap);
}

void __wrap_log_err(enum log_level l UNUSED, enum log_event ev, const struct err *err,
                    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(ev, err, fmt, ap);
    va_end(ap);
}
