/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <signal.h>

#include "common/base/mem.h"
#include "common/loop/signals.h"
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

int cli_call(struct cli *c, const char *method, const ProtobufCMessage *request, dur_t extra,
             ProtobufCMessage **ret_reply, struct err *err)
{
    struct str rest = str_of(c->endpoints), item;
    dur_t deadline = dur_ns(c->timeout.ns + extra.ns);
    char endpoint[ENDPOINT_SIZE];
    int r = err_set(err, ERR_INVALID, "no coordinator is given");

    while (rest.n > 0) {
        str_cut(rest, ',', &item, &rest);
        if (!str_copy(str_trim(item), endpoint, sizeof endpoint))
            return err_set(err, ERR_INVALID, "the coordinator address \"%.*s\" is too long",
                           (int)item.n, item.p);
        r = call_one(c, endpoint, method, request, deadline, ret_reply, err);
        if (r != -ERR_UNAVAILABLE)
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

/* ---- waiting
 * ------------------------------------------------------------------------------------------ */

static const int stop_signals[] = {SIGINT, SIGTERM, 0};

struct idle {
    struct timer timer;
    bool over, stopped;
};

static void on_idle_over(struct timer *t)
{
    container_of(t, struct idle, timer)->over = true;
}

static void on_idle_signal(void *ctx, int signo)
{
    struct idle *idle = ctx;

    (void)signo;
    idle->stopped = true;
}

bool cli_idle(struct cli *c, dur_t d)
{
    CLEANUP(signals_freep) struct signals *signals = NULL;
    struct idle idle = {0};

    signals_block(stop_signals);
    if (signals_new(c->loop, stop_signals, on_idle_signal, &idle, &signals, NULL) < 0)
        return true;
    loop_update_now(c->loop);
    timer_set(c->loop, &idle.timer, d, on_idle_over, "watch");
    while (!idle.over && !idle.stopped)
        loop_turn(c->loop, dur_s(1));
    timer_cancel(&idle.timer);
    return idle.stopped;
}
