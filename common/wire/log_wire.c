/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/log_wire.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/log_ring.h"
#include "operator.pb-c.h"

#define OPERATOR_MAX 256u

void log_on_get(void *ctx UNUSED, struct rpc_call *call, const ProtobufCMessage *req UNUSED)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(LOG_RING_BYTES);
    Switchyard__V1__Log reply = SWITCHYARD__V1__LOG__INIT;

    CHECK(log_ring_read(&lines));
    reply.level = rpc_lend(log_level_name(log_get_level()));
    reply.lines.data = (uint8_t *)lines.data;
    reply.lines.len = lines.len;
    rpc_call_reply(call, &reply.base);
}

static int take_level(const Switchyard__V1__LogLevel *m, enum log_level *ret, struct err *err)
{
    if (!m->operator_[0] || strlen(m->operator_) > OPERATOR_MAX)
        return err_set(err, ERR_INVALID, "who asks for it? The operator has to be named");
    if (!log_level_parse(m->level, ret))
        return err_set(err, ERR_INVALID, "%s is none of error, warn, info, debug, trace",
                       log_quote(m->level));
    return 0;
}

void log_on_set_level(void *ctx UNUSED, struct rpc_call *call, const ProtobufCMessage *req)
{
    const Switchyard__V1__LogLevel *m = (const Switchyard__V1__LogLevel *)req;
    Switchyard__V1__LogLevel reply = SWITCHYARD__V1__LOG_LEVEL__INIT;
    enum log_level level, was = log_get_level();
    struct err err;

    if (take_level(m, &level, &err) < 0)
        return rpc_call_fail(call, &err);
    log_set_level(level < LOG_INFO ? LOG_INFO : level);
    log_line(LOG_INFO, LOG_LOG_LEVEL, "from=%s to=%s operator=%s", log_level_name(was),
             log_level_name(level), LOGQ(m->operator_));
    log_set_level(level);
    reply.level = rpc_lend(log_level_name(was));
    rpc_call_reply(call, &reply.base);
}
