/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/service/events_service.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/model/event_tally.h"
#include "coordinator/service/service_state.h"
#include "operator.pb-c.h"

#define FOLLOWERS_MAX 1000u
#define ENCODED_KEPT  64u
_Static_assert(EVENT_KIND_COUNT <= 64, "kinds are bits");

struct follower {
    struct service *service;
    struct rpc_stream *stream;
    struct name migration; /* "": all of them */
    uint64_t kinds;        /* bits */
    bool asked, follow;
    bool full;   /* on_writable() goes on */
    bool ending; /* nothing more is sent */
    struct event_place after;
    struct event_tally *passed; /* owned */
    struct follower *prev, *next;
};

struct events_encoded {
    struct event_place at;
    struct rpc_msg *msg; /* counted */
};

/* ---- one event ------------------------------------------------------------------------------- */

static struct rpc_msg *encode(const struct view_event *e, uint64_t lost)
{
    Switchyard__V1__Event m = SWITCHYARD__V1__EVENT__INIT;
    char time[WALL_TEXT_MAX];

    m.revision = e->at.revision;
    m.sequence = e->at.sequence;
    m.kind = rpc_lend(e->event->kind);
    m.migration = rpc_lend(e->at.migration.s);
    m.time = rpc_lend(wall_text(e->event->time, time));
    m.operator_ = rpc_lend(e->event->operator_name);
    m.stage = rpc_lend(e->event->stage);
    m.node = rpc_lend(e->event->node);
    m.text = rpc_lend(e->event->text);
    m.lost = lost;
    return rpc_msg_encode(&m.base);
}

/* Encoded once for all who are told of it at about the same time. */
static struct rpc_msg *shared(struct events_service *e, const struct view_event *event)
{
    struct events_encoded *place;

    if (!e->encoded)
        e->encoded = xcalloc(ENCODED_KEPT, sizeof(*e->encoded));
    place = &e->encoded[event->at.sequence % ENCODED_KEPT];
    if (!place->msg || event_place_cmp(&place->at, &event->at) != 0) {
        rpc_msg_unref(place->msg);
        *place = (struct events_encoded){event->at, encode(event, 0)};
    }
    return rpc_msg_ref(place->msg);
}

/* ---- one follower ---------------------------------------------------------------------------- */

static bool is_asked_for(const struct follower *f, const struct view_event *e)
{
    enum event_kind kind;

    if (!event_kind_parse(str_of(e->event->kind), &kind))
        return f->kinds == UINT64_MAX;
    return f->kinds & (UINT64_C(1) << kind);
}

static int send(struct follower *f, const struct view_event *e, uint64_t lost)
{
    CLEANUP(rpc_msg_unrefp)
    struct rpc_msg *m = lost ? encode(e, lost) : shared(&f->service->events, e);

    return rpc_stream_send(f->stream, m, NULL);
}

/* What was lost is told with the next event that is asked for. */
static int pass(struct follower *f, const struct view_event *e)
{
    bool asked_for = is_asked_for(f, e);
    int r = asked_for ? send(f, e, event_tally_lost(f->passed, &e->at, e->oldest)) : 0;

    if (r < 0)
        return r;
    f->after = e->at;
    event_tally_pass(&f->passed, &e->at, e->oldest, asked_for);
    return 0;
}

static void end(struct follower *f, const struct err *why)
{
    if (!f->ending)
        rpc_stream_finish(f->stream, why);
    f->ending = true;
}

/* Until there is nothing more, or the stream is full. */
static void feed(struct follower *f)
{
    struct service *s = f->service;
    struct service_facts facts;
    struct view_event e;

    if (!f->asked || f->full || f->ending)
        return;
    s->host.facts(s->host.ctx, &facts);
    while (view_next_event(core_of(s), &f->after, facts.complete, f->migration.s, &e)) {
        if (pass(f, &e) < 0) {
            f->full = true;
            return;
        }
    }
    if (!f->follow)
        end(f, NULL);
}

/* ---- the request ----------------------------------------------------------------------------- */

static int unknown_kind(const char *word, struct err *err)
{
    const char *names[EVENT_KIND_COUNT + 1] = {NULL};
    const char *nearest;

    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
        names[i] = event_kind_name((enum event_kind)i);
    err_set(err, ERR_INVALID, "there are no events of kind \"%.64s\"", word);
    nearest = str_nearest(str_of(word), names);
    return nearest ? err_hint(err, "did you mean \"%s\"?", nearest)
                   : err_hint(err, "docs/reference/events.md lists them");
}

static int take_kinds(const Switchyard__V1__EventsRequest *m, struct follower *f, struct err *err)
{
    enum event_kind kind;

    f->kinds = m->n_kinds ? 0 : UINT64_MAX;
    for (size_t i = 0; i < m->n_kinds; i++) {
        if (!event_kind_parse(str_of(m->kinds[i]), &kind))
            return unknown_kind(m->kinds[i], err);
        f->kinds |= UINT64_C(1) << kind;
    }
    return 0;
}

/* A deleted one is known as long as it has events. */
static int take_migration(const char *name, struct follower *f, struct err *err)
{
    const struct event_place first = {.revision = 0};
    struct service *s = f->service;
    struct view_status ignored;
    struct view_event e;
    int r;

    if (!name[0])
        return 0;
    r = name_parse(str_of(name), "migration's name", &f->migration, err);
    if (r < 0 || view_next_event(core_of(s), &first, UINT64_MAX, name, &e))
        return r;
    return view_status(core_of(s), name, loop_wall(s->loop), loop_now(s->loop), &ignored, err);
}

static void on_message(struct rpc_stream *stream UNUSED, const ProtobufCMessage *m, void *ctx)
{
    const Switchyard__V1__EventsRequest *request = (const Switchyard__V1__EventsRequest *)m;
    struct follower *f = ctx;
    struct err err;
    int r;

    if (f->asked || f->ending)
        return;
    r = take_kinds(request, f, &err);
    if (r == 0)
        r = take_migration(request->migration, f, &err);
    if (r < 0)
        return end(f, &err);
    f->asked = true;
    f->follow = request->follow;
    f->after = event_place_end(request->since_revision);
    feed(f);
}

static void on_writable(struct rpc_stream *stream UNUSED, void *ctx)
{
    struct follower *f = ctx;

    f->full = false;
    feed(f);
}

static void on_closed(struct rpc_stream *stream UNUSED, const struct err *status UNUSED, void *ctx)
{
    struct follower *f = ctx;
    struct events_service *e = &f->service->events;

    event_tally_free(f->passed);
    DL_DELETE(e->followers, f);
    e->count--;
    free(f);
}

const struct rpc_stream_events events_stream = {
    .on_message = on_message,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

int events_open(void *ctx, struct rpc_stream *stream, void **ret_ctx, struct err *err)
{
    struct service *s = ctx;
    struct follower *f;

    if (s->stopping)
        return err_set(err, ERR_UNAVAILABLE, "this coordinator stops");
    if (s->events.count >= FOLLOWERS_MAX)
        return err_set(err, ERR_EXHAUSTED, "%u callers follow the events already", s->events.count);
    f = xnew(struct follower);
    f->service = s;
    f->stream = stream;
    DL_APPEND(s->events.followers, f);
    s->events.count++;
    *ret_ctx = f;
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void events_service_look(struct service *s)
{
    struct events_service *e = &s->events;
    struct follower *f, *next;
    struct service_facts facts;
    uint64_t newest;

    if (!e->followers)
        return;
    newest = view_events_rev(core_of(s));
    s->host.facts(s->host.ctx, &facts);
    if (newest > facts.complete)
        newest = facts.complete;
    if (newest == e->shown)
        return;
    e->shown = newest;
    DL_FOREACH_SAFE (e->followers, f, next)
        feed(f);
}

void events_service_stop(struct service *s)
{
    struct follower *f, *next;
    struct err why;

    err_set(&why, ERR_UNAVAILABLE, "this coordinator stops");
    err_hint(&why, "go on at another one, from the last revision");
    DL_FOREACH_SAFE (s->events.followers, f, next)
        end(f, &why);
}

void events_service_deinit(struct service *s)
{
    CHECK(!s->events.followers);
    for (unsigned i = 0; s->events.encoded && i < ENCODED_KEPT; i++)
        rpc_msg_unref(s->events.encoded[i].msg);
    free(s->events.encoded);
}
