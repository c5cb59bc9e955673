/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/base/mem.h"
#include "common/loop/timer.h"

/* One call in flight. */
struct call {
    bool done;
    ProtobufCMessage *reply; /* a copy; NULL on failure */
    struct err status;
};

/* Replies are borrowed from the library; a copy outlives the connection. */
static ProtobufCMessage *copy_message(const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    CLEANUP(xfreep) uint8_t *bytes = xalloc(n + 1);

    protobuf_c_message_pack(m, bytes);
    return protobuf_c_message_unpack(m->descriptor, NULL, n, bytes);
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct call *call = ctx;

    call->done = true;
    call->status = *status;
    if (reply)
        call->reply = copy_message(reply);
}

static int call_one(struct cli *c, const char *endpoint, const char *method,
                    const ProtobufCMessage *request, dur_t deadline, ProtobufCMessage **ret_reply,
                    struct err *err)
{
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    struct rpc_client_config config = {.target = endpoint};
    struct call call = {0};
    int r;

    r = rpc_client_new(&config, c->loop, &client, err);
    if (r < 0)
        return r;
    c->asked = true;
    rpc_client_call(client, &switchyard__v1__operator__descriptor, method, request, deadline,
                    on_reply, &call);
    while (!call.done)
        loop_turn(c->loop, dur_s(1));
    if (call.status.code != ERR_NONE)
        return err_copy(err, &call.status);
    *ret_reply = call.reply;
    return 0;
}

static int nobody_answers(const struct cli *c, struct err *err)
{
    struct err last = *err;

    err_set(err, ERR_UNAVAILABLE, "no coordinator answers at %s: %s", c->endpoints, last.msg);
    return err_hint(err,
                    "is switchyard-coordinator running there? Give its address with --endpoints or "
                    "SWITCHYARD_ENDPOINTS; nodes keep serving their last decision meanwhile");
}

static int too_late(const struct cli *c, const char *method, struct err *err)
{
    err_set(err, ERR_TIMEOUT, "no answer from %s within %.1f s", c->endpoints,
            (double)c->timeout.ns / 1e9);
    if (strcmp(method, "Execute") == 0)
        return err_hint(
            err,
            "the command may or may not have been carried out: look at `switchyard status` and "
            "`switchyard history` before giving it again");
    return err_hint(err, "wait longer with --timeout, or ask another coordinator with --endpoints");
}

/* May the next coordinator be asked? After a deadline only what changes nothing: the first may
 * carry out the command yet. */
static bool goes_on(int r, const char *method)
{
    return r == -ERR_UNAVAILABLE || (r == -ERR_TIMEOUT && strcmp(method, "Execute") != 0);
}

int cli_call(struct cli *c, const char *method, const ProtobufCMessage *request, dur_t extra,
             ProtobufCMessage **ret_reply, struct err *err)
{
    struct str rest = str_of(c->endpoints), item;
    dur_t deadline = dur_ns(c->timeout.ns + extra.ns);
    char endpoint[ENDPOINT_SIZE];
    int r = err_set(err, ERR_INVALID, "no coordinator is given");

    while (rest.n > 0) {
        str_cut(rest, ',', &item, &rest);
        item = str_trim(item);
        if (item.n == 0)
            continue;
        if (!str_copy(item, endpoint, sizeof endpoint))
            return err_set(err, ERR_INVALID, "the coordinator address \"%.*s\" is too long",
                           (int)item.n, item.p);
        r = call_one(c, endpoint, method, request, deadline, ret_reply, err);
        if (!goes_on(r, method))
            break;
    }
    if (r == -ERR_UNAVAILABLE)
        return nobody_answers(c, err);
    if (r == -ERR_TIMEOUT)
        return too_late(c, method, err);
    return r;
}

void cli_reply_free(ProtobufCMessage *m)
{
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct pause {
    struct timer timer;
    bool over;
};

static void on_pause_over(struct timer *t)
{
    container_of(t, struct pause, timer)->over = true;
}

void cli_pause(struct cli *c, dur_t d)
{
    struct pause pause = {0};

    loop_update_now(c->loop);
    timer_set(c->loop, &pause.timer, d, on_pause_over, "watch");
    while (!pause.over)
        loop_turn(c->loop, dur_s(1));
}

int cli_watch(struct cli *c, bool again, int (*show)(struct cli *c, void *ctx, struct err *err),
              void *ctx, struct err *err)
{
    for (;;) {
        int r = show(c, ctx, err);

        if (!again || (r < 0 && !err_retryable(err->code)))
            return r;
        if (r < 0)
            cli_complain(err);
        cli_pause(c, dur_s(1));
        if (c->output == OUTPUT_TABLE)
            cli_say("\n");
    }
}
