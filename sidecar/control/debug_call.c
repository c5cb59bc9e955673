/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/debug_call.h"

#include "sidecar.pb-c.h"

#define LINES_MAX (64u << 10)

static int ask(const struct order_service_config *c, const Switchyard__V1__DebugRequest *m,
               struct buf *ret, uint64_t *ret_lost, struct err *err)
{
    struct name migration;
    int r = name_parse(str_of(m->migration), "migration name", &migration, err);

    return r < 0 ? r : c->debug(c->ctx, &migration, str_of(m->key), ret, ret_lost, err);
}

void debug_call(const struct order_service_config *c, struct rpc_call *call,
                const ProtobufCMessage *request)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(LINES_MAX);
    Switchyard__V1__DebugLines m = SWITCHYARD__V1__DEBUG_LINES__INIT;
    struct err err;

    if (ask(c, (const Switchyard__V1__DebugRequest *)request, &lines, &m.lost, &err) < 0) {
        rpc_call_fail(call, &err);
        return;
    }
    m.node = rpc_lend(c->node);
    m.lines = rpc_lend(buf_text(&lines));
    rpc_call_reply(call, &m.base);
}
