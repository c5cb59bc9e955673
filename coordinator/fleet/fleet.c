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

/* Batches; the fleet keeps what does not fit. */
#define NODES_MAX_WAITING   64u
#define REPORTS_MAX_WAITING 8192u
/* A publication is taken in microseconds and follows a stored transaction: a fleet thread that
 * leaves this many has stopped turning, and a coordinator that cannot push must not go on
 * answering. */
#define PUBLICATIONS_MAX_WAITING 4096u

struct publication {
    struct mail mail;
    bool dismiss; /* the last one: no routes, the streams end */
    uint64_t revision;
    unsigned count;
    struct fleet_route route[];
};

static void on_publication(void *ctx, struct mail *mail)
{
    struct fleet *f = ctx;
    struct publication *p = container_of(mail, struct publication, mail);

    if (p->dismiss) {
        fleet_stream_dismiss(f);
    } else {
        fleet_set_apply(f->set, p->revision, p->route, p->count);
        fleet_stream_push_soon(f);
    }
    free(p);
}

static void drop_publication(void *ctx UNUSED, struct mail *mail)
{
    free(container_of(mail, struct publication, mail));
}

void fleet_publish(struct fleet *f, uint64_t revision, const struct fleet_route *routes,
                   unsigned count)
{
    struct publication *p = xalloc(sizeof(*p) + count * sizeof(p->route[0]));

    p->revision = revision;
    p->count = count;
    if (count > 0)
        memcpy(p->route, routes, count * sizeof(p->route[0]));
    CHECK(mailbox_post(f->publications, &p->mail));
}

void fleet_dismiss(struct fleet *f)
{
    struct publication *p = xnew(struct publication);

    p->dismiss = true;
    CHECK(mailbox_post(f->publications, &p->mail));
}

uint64_t fleet_reports_dropped(const struct fleet *f)
{
    return atomic_load(&f->reports_dropped);
}

static int open_mailboxes(struct fleet *f, struct loop *core_loop, struct err *err)
{
    int r =
        mailbox_new(f->loop, PUBLICATIONS_MAX_WAITING, on_publication, f, &f->publications, err);

    if (r == 0)
        r = mailbox_new(core_loop, NODES_MAX_WAITING, fleet_member_deliver, f, &f->nodes, err);
    if (r == 0)
        r = mailbox_new(core_loop, REPORTS_MAX_WAITING, fleet_stream_deliver_report, f, &f->reports,
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
    close_mailbox(f->publications, drop_publication);
    close_mailbox(f->nodes, fleet_member_drop);
    close_mailbox(f->reports, fleet_stream_drop_report);
    fleet_member_free_all(f);
    if (f->loop) {
        timer_cancel(&f->silence);
        loop_undefer(&f->push);
    }
    loop_free(f->loop);
    fleet_set_free(f->set);
    free(f);
}
