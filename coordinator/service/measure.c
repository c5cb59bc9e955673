/* SPDX-License-Identifier: Apache-2.0 */
/* What others measured goes to the coordinator that leads, since it judges: here, or handed on,
 * once. Nothing of it is stored. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "coordinator/service/convert.h"
#include "coordinator/service/service_state.h"
#include "operator.pb-c.h"
#include "peer.pb-c.h"

#define HANDED_S 10

static int look_for(const struct service *s, const char *migration, struct err *err)
{
    CLEANUP(xfreep) struct view_status *exists = xnew(struct view_status);

    return view_status(core_of(s), migration, loop_wall(s->loop), loop_now(s->loop), exists, err);
}

static int take(struct service *s, const Switchyard__V1__MeasureRequest *m,
                const struct core_measure *told, struct err *err)
{
    int r = look_for(s, told->migration, err);

    if (r < 0)
        return r;
    s->host.measure(s->host.ctx, told);
    log_line(LOG_DEBUG, LOG_MEASURED, "migration=%s name=%s value=%g source=%s", told->migration,
             core_measure_name(told->kind), told->value, LOGQ(m->source));
    return 0;
}

static void on_handed(void *ctx, const uint8_t *bytes UNUSED, size_t size UNUSED,
                      const struct err *status)
{
    Switchyard__V1__MeasureReply reply = SWITCHYARD__V1__MEASURE_REPLY__INIT;
    struct rpc_call *call = ctx;

    if (status->code != ERR_NONE)
        rpc_call_fail(call, status);
    else
        rpc_call_reply(call, &reply.base);
}

void measure_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    Switchyard__V1__MeasureReply reply = SWITCHYARD__V1__MEASURE_REPLY__INIT;
    struct service *s = ctx;
    struct core_measure told;
    struct service_facts f;
    struct err err;
    int r = convert_measure(req, &told, &err);

    s->host.facts(s->host.ctx, &f);
    if (r == 0 && !f.leads) {
        r = s->host.hand_on(s->host.ctx, "Measure", req, dur_s(HANDED_S), on_handed, call, &err);
        if (r == 0)
            return;
    } else if (r == 0) {
        r = take(s, (const Switchyard__V1__MeasureRequest *)req, &told, &err);
    }
    if (r < 0)
        rpc_call_fail(call, &err);
    else
        rpc_call_reply(call, &reply.base);
}

void measure_forwarded(struct service *s, struct rpc_call *call, const ProtobufCMessage *req)
{
    Switchyard__V1__ForwardReply reply = SWITCHYARD__V1__FORWARD_REPLY__INIT;
    struct core_measure told;
    struct service_facts f;
    struct err err;
    int r = convert_measure(req, &told, &err);

    s->host.facts(s->host.ctx, &f);
    if (r == 0 && !f.leads) {
        r = err_set(&err, ERR_UNAVAILABLE, "this coordinator does not lead any more");
        err_hint(&err, "try again in a moment");
    }
    if (r == 0)
        r = take(s, (const Switchyard__V1__MeasureRequest *)req, &told, &err);
    if (r < 0)
        rpc_call_fail(call, &err);
    else
        rpc_call_reply(call, &reply.base);
}
