/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/order_call.h"

#include "common/base/mem.h"

struct call {
    bool done;
    Switchyard__V1__OrderResult *answer;
    struct err status;
};

/* The reply is borrowed from the library; a copy outlives the connection. */
static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct call *call = ctx;

    call->done = true;
    call->status = *status;
    if (reply) {
        size_t n = protobuf_c_message_get_packed_size(reply);
        CLEANUP(xfreep) uint8_t *bytes = xalloc(n + 1);

        protobuf_c_message_pack(reply, bytes);
        call->answer = switchyard__v1__order_result__unpack(NULL, n, bytes);
    }
}

int order_call(struct loop *l, const char *target, const Switchyard__V1__OrderRequest *request,
               dur_t deadline, Switchyard__V1__OrderResult **ret, struct err *err)
{
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    struct rpc_client_config config = {.target = target};
    struct call call = {0};
    int r = rpc_client_new(&config, l, &client, err);

    if (r < 0)
        return r;
    rpc_client_call(client, &switchyard__v1__sidecar__descriptor, "Order", &request->base, deadline,
                    on_reply, &call);
    while (!call.done)
        loop_turn(l, dur_s(1));
    if (call.status.code != ERR_NONE)
        return err_copy(err, &call.status);
    *ret = call.answer;
    return 0;
}

void order_answer_free(Switchyard__V1__OrderResult *m)
{
    if (m)
        switchyard__v1__order_result__free_unpacked(m, NULL);
}
