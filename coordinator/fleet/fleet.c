/* SPDX-License-Identifier: Apache-2.0 */
/* The core's side of the fleet. The loop of the fleet is made here and handed to its thread; before
 * that and after the join this side may touch everything. */
#include "coordinator/fleet/fleet.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_state.h"
#include "fleet.pb-c.h"

#define REPORT_SILENCE_S 10
#define AHEAD_WAIT_S     3

/* Batches; the fleet keeps what does not fit. */
#define NODES_MAX_WAITING    64u
#define MEASURED_MAX_WAITING 8192u
/* An errand is run in microseconds, and a publication follows a stored transaction: a fleet thread
 * that leaves this many has stopped turning, and a coordinator that cannot push must not go on
 * answering. */
#define ERRANDS_MAX_WAITING 4096u
#define ASKS_MAX_WAITING    (4u * FLEET_NODES_MAX)

/* What the core's side has for the fleet's thread to do. */
struct errand {
    struct mail mail;
    void (*run)(struct fleet *f, struct errand *e);
};

static void on_errand(void *ctx, struct mail *mail)
{
    struct errand *e = container_of(mail, struct errand, mail);

    e->run(ctx, e);
    free(e);
}

static void drop_errand(void *ctx UNUSED, struct mail *mail)
{
    free(container_of(mail, struct errand, mail));
}

static void send_errand(struct fleet *f, struct errand *e,
                        void (*run)(struct fleet *, struct errand *))
{
    e->run = run;
    CHECK(mailbox_post(f->errands, &e->mail));
}

struct publication {
    struct errand errand;
    uint64_t revision;
    unsigned count;
    struct fleet_route route[];
};

static void run_publication(struct fleet *f, struct errand *e)
{
    struct publication *p = container_of(e, struct publication, errand);

    fleet_set_apply(f->set, p->revision, p->route, p->count);
    for (unsigned i = 0; i < p->count; i++)
        if (p->route[i].has_emergency)
            fleet_order_published(f, &p->route[i].emergency);
    fleet_stream_push_soon(f);
}

void fleet_publish(struct fleet *f, uint64_t revision, const struct fleet_route *routes,
                   unsigned count)
{
    struct publication *p = xalloc(sizeof(*p) + count * sizeof(p->route[0]));

    p->revision = revision;
    p->count = count;
    if (count > 0)
        memcpy(p->route, routes, count * sizeof(p->route[0]));
    send_errand(f, &p->errand, run_publication);
}

struct new_term {
    struct errand errand;
    uint64_t term;
};

static void run_new_term(struct fleet *f, struct errand *e)
{
    fleet_set_rise(f->set, container_of(e, struct new_term, errand)->term);
}

void fleet_set_term(struct fleet *f, uint64_t term)
{
    struct new_term *t = xnew(struct new_term);

    t->term = term;
    send_errand(f, &t->errand, run_new_term);
}

struct pushed_order {
    struct errand errand;
    struct emergency order;
};

static void run_pushed_order(struct fleet *f, struct errand *e)
{
    fleet_order_push(f, &container_of(e, struct pushed_order, errand)->order);
}

void fleet_push_order(struct fleet *f, const struct emergency *order)
{
    struct pushed_order *p = xnew(struct pushed_order);

    p->order = *order;
    send_errand(f, &p->errand, run_pushed_order);
}

struct refusal {
    struct errand errand;
    struct name node;
    char boot[NAME_SIZE];
    char why[TEXT_SIZE];
};

static void run_refusal(struct fleet *f, struct errand *e)
{
    struct refusal *r = container_of(e, struct refusal, errand);

    fleet_stream_refuse(f, &r->node, r->boot, r->why);
}

void fleet_refuse(struct fleet *f, const struct name *node, const char *boot, const char *why)
{
    struct refusal *r = xnew(struct refusal);

    r->node = *node;
    str_fmt(r->boot, sizeof(r->boot), "%s", boot);
    str_fmt(r->why, sizeof(r->why), "%s", why);
    send_errand(f, &r->errand, run_refusal);
}

struct dismissal {
    struct errand errand;
    const char *why;
};

static void run_dismissal(struct fleet *f, struct errand *e)
{
    fleet_stream_dismiss(f, container_of(e, struct dismissal, errand)->why);
}

void fleet_dismiss(struct fleet *f, const char *why)
{
    struct dismissal *d = xnew(struct dismissal);

    d->why = why;
    send_errand(f, &d->errand, run_dismissal);
}

/* A coordinator that starts asks all nodes at once: those wait in a box of their own, so that they
 * never stand in a publication's way. */
void fleet_ask_past(struct fleet *f, const struct name *node, const char *id, dur_t window)
{
    struct past_ask *a = xnew(struct past_ask);

    a->node = *node;
    str_fmt(a->id, sizeof(a->id), "%s", id);
    a->window = window;
    if (!mailbox_post(f->asks, &a->mail))
        free(a);
}

uint64_t fleet_reports_dropped(const struct fleet *f)
{
    return atomic_load(&f->reports_dropped);
}

static int open_mailboxes(struct fleet *f, struct loop *core_loop, struct err *err)
{
    int r = mailbox_new(f->loop, ERRANDS_MAX_WAITING, on_errand, f, &f->errands, err);

    if (r == 0)
        r = mailbox_new(f->loop, ASKS_MAX_WAITING, fleet_past_ask, f, &f->asks, err);
    if (r == 0)
        r = mailbox_new(core_loop, NODES_MAX_WAITING, fleet_member_deliver, f, &f->nodes, err);
    if (r == 0)
        r = mailbox_new(core_loop, MEASURED_MAX_WAITING, fleet_measured_deliver, f, &f->measured,
                        err);
    return r;
}

int fleet_new(const struct fleet_config *config, struct loop *core_loop,
              const struct fleet_events *events, void *ctx, struct fleet **ret, struct err *err)
{
    CLEANUP(fleet_freep) struct fleet *f = xnew(struct fleet);
    int r;

    f->config = *config;
    if (f->config.report_silence.ns == 0)
        f->config.report_silence = dur_s(REPORT_SILENCE_S);
    if (f->config.ahead_wait.ns == 0)
        f->config.ahead_wait = dur_s(AHEAD_WAIT_S);
    f->events = events;
    f->events_ctx = ctx;
    f->set = fleet_set_new(config->incarnation, config->term);
    r = loop_new(clock_system, &f->loop, err);
    if (r == 0)
        r = open_mailboxes(f, core_loop, err);
    if (r < 0)
        return err_ctx(err, "set up the fleet");
    fleet_stream_watch_silence(f);
    *ret = steal(f);
    return 0;
}

int fleet_serve(struct fleet *f, struct rpc_server *server, struct err *err)
{
    int r =
        rpc_server_add(server, &switchyard__v1__fleet__descriptor, fleet_methods, f->loop, f, err);

    if (r == 0)
        r = loop_thread_start(f->loop, "fleet", &f->thread, err);
    return r;
}

static void close_mailbox(struct mailbox *m, mailbox_fn drop)
{
    if (m)
        mailbox_close(m, drop);
    mailbox_unref(m);
}

void fleet_stop(struct fleet *f)
{
    if (f)
        loop_thread_join(steal(f->thread));
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    fleet_stop(f);
    CHECK(!f->streams); /* the server stops before the fleet does */
    close_mailbox(f->errands, drop_errand);
    close_mailbox(f->asks, fleet_past_drop_ask);
    close_mailbox(f->nodes, fleet_member_drop);
    close_mailbox(f->measured, fleet_measured_drop);
    fleet_past_free(f);
    fleet_order_free(f);
    fleet_member_free_all(f);
    if (f->loop) {
        timer_cancel(&f->silence);
        loop_undefer(&f->push);
    }
    loop_free(f->loop);
    fleet_set_free(f->set);
    free(f);
}
