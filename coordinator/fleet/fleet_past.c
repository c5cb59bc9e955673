/* SPDX-License-Identifier: Apache-2.0 */
/* Asking nodes for what they measured before. A coordinator that takes over asks all of them: few
 * are asked at a time, the others wait their turn, so that what comes fits into memory. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "coordinator/fleet/fleet_state.h"
#include "coordinator/fleet/fleet_wire.h"

#define OUT_MAX 8u
/* A node that is slower with the next part than this gives way to others. */
#define PATIENCE dur_s(2)
/* More than a node keeps, in whatever parts. */
#define PARTS_MAX 256u

static void end(struct fleet *f, struct past_ask *a)
{
    DL_DELETE(f->asked, a);
    f->asked_count--;
    free(a);
}

static bool send(struct fleet_stream *s, const struct past_ask *a)
{
    Switchyard__V1__CoordinatorMessage m = SWITCHYARD__V1__COORDINATOR_MESSAGE__INIT;
    Switchyard__V1__PastWanted w = SWITCHYARD__V1__PAST_WANTED__INIT;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *message = NULL;

    w.id = (char *)(uintptr_t)a->id;
    w.max_age_s = (uint32_t)(dur_to_ms(a->window) / 1000);
    m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_PAST_WANTED;
    m.past_wanted = &w;
    message = rpc_msg_encode(&m.base);
    return rpc_stream_send(s->rpc, message, NULL) == 0;
}

/* Nothing comes from a node that is gone or does not read: who asked finds that out by itself. */
static void ask(struct fleet *f, struct past_ask *a)
{
    struct fleet_member *m = fleet_member_find(f, a->node.s);

    if (!m || !m->stream || !send(m->stream, a)) {
        free(a);
        return;
    }
    a->stream = m->stream;
    a->since = loop_now(f->loop);
    DL_APPEND(f->asked, a);
    f->asked_count++;
}

static void ask_next(struct fleet *f)
{
    while (f->asking && f->asked_count < OUT_MAX) {
        struct past_ask *a = f->asking;

        DL_DELETE(f->asking, a);
        ask(f, a);
    }
}

void fleet_past_ask(void *ctx, struct mail *mail)
{
    struct fleet *f = ctx;
    struct past_ask *a = container_of(mail, struct past_ask, mail);

    DL_APPEND(f->asking, a);
    ask_next(f);
}

void fleet_past_drop_ask(void *ctx UNUSED, struct mail *mail)
{
    free(container_of(mail, struct past_ask, mail));
}

static struct past_ask *find(struct fleet_stream *s, const char *id)
{
    struct past_ask *a;

    DL_FOREACH (s->fleet->asked, a)
        if (a->stream == s && strcmp(a->id, id) == 0)
            return a;
    return NULL;
}

int fleet_past_come(struct fleet_stream *s, const Switchyard__V1__Past *m, struct err *err)
{
    struct fleet *f = s->fleet;
    struct past_ask *a = find(s, m->id);
    bool dropped = false;
    int r = 0;

    if (!a)
        return 0; /* not asked for, or too late */
    a->since = loop_now(f->loop);
    if (++a->parts > PARTS_MAX)
        r = err_set(err, ERR_INVALID, "a past of more than %u parts", PARTS_MAX);
    if (r == 0)
        r = fleet_measured_past(f, s->member, !s->same_store, m, &dropped, err);
    if (r < 0 || dropped || !m->more) {
        end(f, a);
        ask_next(f);
    }
    return r;
}

void fleet_past_left(struct fleet_stream *s)
{
    struct past_ask *a, *next;

    DL_FOREACH_SAFE (s->fleet->asked, a, next)
        if (a->stream == s)
            end(s->fleet, a);
    ask_next(s->fleet);
}

void fleet_past_look(struct fleet *f)
{
    mono_t now = loop_now(f->loop);
    struct past_ask *a, *next;

    DL_FOREACH_SAFE (f->asked, a, next)
        if (mono_sub(now, a->since).ns > PATIENCE.ns)
            end(f, a);
    ask_next(f);
}

void fleet_past_free(struct fleet *f)
{
    struct past_ask *a, *next;

    DL_FOREACH_SAFE (f->asked, a, next)
        end(f, a);
    DL_FOREACH_SAFE (f->asking, a, next) {
        DL_DELETE(f->asking, a);
        free(a);
    }
}
