/* SPDX-License-Identifier: Apache-2.0 */
/* The events that are kept, as one document. */
#include "cli/bundle.h"
#include "common/loop/timer.h"

struct gathering {
    struct json *list; /* owned */
    struct rpc_stream *stream;
    struct timer patience;
    struct err status;
};

static void on_event(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    json_append(((struct gathering *)ctx)->list, cli_message_json(m));
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct gathering *g = ctx;

    g->stream = NULL;
    g->status = *status;
}

static const struct rpc_stream_events stream_events = {.on_message = on_event,
                                                       .on_closed = on_closed};

static void on_patience(struct timer *t)
{
    rpc_stream_cancel(container_of(t, struct gathering, patience)->stream);
}

/* What comes within --timeout. */
static int gather(struct cli *c, struct gathering *g, struct err *err)
{
    Switchyard__V1__EventsRequest request = SWITCHYARD__V1__EVENTS_REQUEST__INIT;
    struct rpc_client_config config = {.target = c->answered, .connect_timeout = dur_s(2)};
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = rpc_msg_encode(&request.base);
    int r = rpc_client_new(&config, c->loop, &client, err);

    if (r < 0)
        return r;
    g->stream =
        rpc_client_open(client, &switchyard__v1__operator__descriptor, "Events", &stream_events, g);
    timer_set(c->loop, &g->patience, c->timeout, on_patience, "diag.events");
    r = rpc_stream_send(g->stream, m, err);
    if (r == 0)
        rpc_stream_half_close(g->stream);
    while (g->stream)
        loop_turn(c->loop, dur_s(1));
    timer_cancel(&g->patience);
    return r < 0 || g->status.code == ERR_NONE ? r : err_copy(err, &g->status);
}

/* The coordinator that answered last is asked. */
void bundle_add_events(struct bundle *b, const char *path)
{
    struct gathering g = {.list = json_array()};
    struct err why;

    if (b->silent || !b->cli->answered[0])
        bundle_miss(b, path, "not asked for: no coordinator answers");
    else if (gather(b->cli, &g, &why) < 0)
        bundle_miss(b, path, why.msg);
    if (json_count(g.list) > 0)
        bundle_add_json(b, path, g.list);
    else
        json_free(g.list);
}
