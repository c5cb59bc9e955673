/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/transfer.h"

#include "common/base/check.h"
#include "common/loop/timer.h"

#define PART_MAX (256u << 10)

struct transfer {
    struct cli *cli;
    const char *endpoint;
    struct rpc_stream *stream; /* NULL once it has ended */
    struct timer silence;
    bool silent;
    struct err status;

    struct buf *doc; /* of a backup; borrowed */

    struct str rest; /* of what is restored: not sent yet */
    const char *reason;
    bool first_sent, all_sent, answered;
    struct transfer_result result;
};

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_silence(struct timer *t)
{
    struct transfer *x = container_of(t, struct transfer, silence);

    x->silent = true;
    rpc_stream_cancel(x->stream);
}

static void something_moves(struct transfer *x)
{
    timer_set(x->cli->loop, &x->silence, x->cli->timeout, on_silence, "transfer");
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct transfer *x = ctx;

    timer_cancel(&x->silence);
    x->stream = NULL;
    x->status = *status;
    if (x->silent)
        err_set(&x->status, ERR_TIMEOUT, "%s has been silent for %.1f s", x->endpoint,
                (double)x->cli->timeout.ns / 1e9);
}

static int open_client(struct transfer *x, struct rpc_client **ret, struct err *err)
{
    struct rpc_client_config config = {.target = x->endpoint, .connect_timeout = dur_s(2)};

    x->cli->asked = true;
    return rpc_client_new(&config, x->cli->loop, ret, err);
}

static int finish(struct transfer *x, struct err *err)
{
    while (x->stream)
        loop_turn(x->cli->loop, dur_s(1));
    return x->status.code == ERR_NONE ? 0 : err_copy(err, &x->status);
}

/* ---- a backup -------------------------------------------------------------------------------- */

static void on_part(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    const Switchyard__V1__BackupPart *part = (const Switchyard__V1__BackupPart *)m;
    struct transfer *x = ctx;

    something_moves(x);
    if (!buf_add(x->doc, part->data.data, part->data.len))
        rpc_stream_cancel(s); /* no backup is that large */
}

static const struct rpc_stream_events fetch_events = {.on_message = on_part,
                                                      .on_closed = on_closed};

static int fetch_from(struct cli *c, const char *endpoint, struct buf *doc, struct err *err)
{
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = NULL;
    Switchyard__V1__BackupRequest request = SWITCHYARD__V1__BACKUP_REQUEST__INIT;
    struct transfer x = {.cli = c, .endpoint = endpoint, .doc = doc};
    int r = open_client(&x, &client, err);

    if (r < 0)
        return r;
    m = rpc_msg_encode(&request.base);
    x.stream =
        rpc_client_open(client, &switchyard__v1__operator__descriptor, "Backup", &fetch_events, &x);
    something_moves(&x);
    r = rpc_stream_send(x.stream, m, err);
    rpc_stream_half_close(x.stream);
    return finish(&x, err);
}

int transfer_fetch(struct cli *c, struct buf *doc, struct err *err)
{
    char endpoint[ENDPOINT_SIZE];
    int r = 0;

    for (unsigned i = 0; cli_endpoint(c, i, endpoint); i++) {
        buf_clear(doc);
        r = fetch_from(c, endpoint, doc, err);
        if (r == 0)
            CHECK(str_copy(str_of(endpoint), c->answered, sizeof c->answered));
        if (r == 0 || !cli_is_in_the_way(err->code))
            return r;
    }
    err_ctx(err, "no coordinator gives a backup");
    return err->hint[0] ? -(int)err->code
                        : err_hint(err,
                                   "is switchyard-coordinator running there? Give its address "
                                   "with --endpoints or SWITCHYARD_ENDPOINTS");
}

/* ---- a restore ------------------------------------------------------------------------------- */

static int send_part(struct transfer *x)
{
    Switchyard__V1__RestorePart part = SWITCHYARD__V1__RESTORE_PART__INIT;
    size_t n = x->rest.n < PART_MAX ? x->rest.n : PART_MAX;
    struct rpc_msg *m;
    int r;

    part.data = (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)x->rest.p};
    if (!x->first_sent) {
        part.operator_ = x->cli->operator_name;
        part.reason = rpc_lend(x->reason);
    }
    m = rpc_msg_encode(&part.base);
    r = rpc_stream_send(x->stream, m, NULL);
    rpc_msg_unref(m);
    if (r == 0) {
        x->first_sent = true;
        x->rest = (struct str){x->rest.p + n, x->rest.n - n};
    }
    return r;
}

/* Until the stream is full; on_writable() goes on. */
static void send_parts(struct transfer *x)
{
    something_moves(x);
    while (x->rest.n > 0)
        if (send_part(x) < 0)
            return;
    x->all_sent = true;
    rpc_stream_half_close(x->stream);
}

static void on_writable(struct rpc_stream *s UNUSED, void *ctx)
{
    send_parts(ctx);
}

static void on_result(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    const Switchyard__V1__RestoreResult *result = (const Switchyard__V1__RestoreResult *)m;
    struct transfer *x = ctx;

    x->answered = true;
    x->result.keys = result->keys;
    x->result.revision = result->revision;
    str_fmt(x->result.incarnation, sizeof x->result.incarnation, "%s", result->incarnation);
}

static const struct rpc_stream_events restore_events = {.on_message = on_result,
                                                        .on_closed = on_closed,
                                                        .on_writable = on_writable};

static int lost(const struct transfer *x, struct err *err)
{
    err_set(err, ERR_UNKNOWN_OUTCOME, "the answer was lost: %s", x->status.msg);
    return err_hint(err,
                    "it may or may not have been restored: look at `switchyard get plans` and "
                    "`switchyard health`; the same restore can be given again");
}

int transfer_restore(struct cli *c, const char *endpoint, struct str doc, const char *reason,
                     struct transfer_result *ret, struct err *err)
{
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    struct transfer x = {.cli = c, .endpoint = endpoint, .rest = doc, .reason = reason};
    int r = open_client(&x, &client, err);

    if (r < 0)
        return r;
    x.stream = rpc_client_open(client, &switchyard__v1__operator__descriptor, "Restore",
                               &restore_events, &x);
    send_parts(&x);
    r = finish(&x, err);
    if (r < 0)
        return x.all_sent && !rpc_client_reached(client) ? lost(&x, err) : r;
    if (!x.answered)
        return lost(&x, err);
    *ret = x.result;
    return 0;
}
