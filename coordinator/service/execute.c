/* SPDX-License-Identifier: Apache-2.0 */
/* A command's call waits in an execution until the core's answer comes, or the leader's.
 *
 *   leading, or emergency ──► submit ──────────► service_answer()
 *   else, if from a caller ─► hand_on ─► on_handed ─► landing, until this core has seen it, so that
 *                                                     the caller's next read shows what was done
 *   else, from a peer ──────► UNAVAILABLE: a call is handed on once */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/service/convert.h"
#include "coordinator/service/service_state.h"
#include "operator.pb-c.h"
#include "peer.pb-c.h"

/* Callers without a deadline have this one. */
#define DEADLINE_MAX_S 60
/* The watch needs milliseconds; what was done is told in any case. */
#define LANDING_MAX_MS 1000

/* The core's token. Its strings are the request's. */
struct execution {
    struct service *service;
    struct rpc_call *call;
    struct convert_command command;
    struct name from;              /* the coordinator that handed it on; "": the caller's own */
    ProtobufCMessage *own_request; /* of one that came as bytes; owned */
    mono_t taken;
    ProtobufCMessage *result; /* landing: of the leader; owned */
    uint64_t revision;
    struct timer patience;
    struct execution *prev, *next;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void log_answer(const struct execution *e, const struct err *why, bool dry_run)
{
    const struct core_command *c = &e->command.core;
    const char *kind = core_command_name(c->kind);
    const char *through = e->from.s[0] ? " through=" : "";

    if (why->code != ERR_NONE)
        log_err(LOG_WARN, LOG_ANSWER_FAILED, why,
                "command=%s migration=%s operator=%s request=%s%s%s", kind, LOGQ(c->migration),
                LOGQ(c->operator_name), LOGQ(c->request), through, e->from.s);
    else
        log_line(LOG_INFO, LOG_COMMAND,
                 "command=%s migration=%s operator=%s reason=%s request=%s%s%s dry_run=%s", kind,
                 LOGQ(c->migration), LOGQ(c->operator_name), LOGQ(c->reason), LOGQ(c->request),
                 through, e->from.s, dry_run ? "true" : "false");
}

static void end_execution(struct execution *e)
{
    convert_command_deinit(&e->command);
    if (e->own_request)
        protobuf_c_message_free_unpacked(e->own_request, NULL);
    if (e->result)
        protobuf_c_message_free_unpacked(e->result, NULL);
    free(e);
}

static void refuse(struct execution *e, const struct err *why)
{
    log_answer(e, why, false);
    rpc_call_fail(e->call, why);
    end_execution(e);
}

/* To a peer the reply goes as bytes. */
static void reply(struct execution *e, const ProtobufCMessage *result)
{
    Switchyard__V1__ForwardReply wrapped = SWITCHYARD__V1__FORWARD_REPLY__INIT;
    CLEANUP(xfreep) uint8_t *bytes = NULL;

    if (!e->from.s[0])
        return rpc_call_reply(e->call, result);
    bytes = xalloc(protobuf_c_message_get_packed_size(result) + 1);
    wrapped.message.len = protobuf_c_message_pack(result, bytes);
    wrapped.message.data = bytes;
    rpc_call_reply(e->call, &wrapped.base);
}

void service_answer(struct service *s UNUSED, const struct core_update *u, uint64_t revision,
                    uint64_t unstored_epoch)
{
    struct execution *e = u->token;
    struct arena a;

    if (u->refused.code != ERR_NONE)
        return refuse(e, &u->refused);
    log_answer(e, &u->refused, u->dry_run);
    arena_init(&a, CONVERT_REPLY_MAX);
    reply(e, convert_result(&a, u, revision, unstored_epoch));
    arena_deinit(&a);
    end_execution(e);
}

/* ---- handed on ------------------------------------------------------------------------------- */

static uint64_t revision_here(const struct service *s)
{
    struct service_facts f;

    s->host.facts(s->host.ctx, &f);
    return f.revision;
}

static void land(struct execution *e)
{
    timer_cancel(&e->patience);
    DL_DELETE(e->service->landing, e);
    rpc_call_reply(e->call, e->result);
    end_execution(e);
}

static void on_patience(struct timer *t)
{
    land(container_of(t, struct execution, patience));
}

void execute_answer_landed(struct service *s, bool all)
{
    uint64_t here = s->landing ? revision_here(s) : 0;
    struct execution *e, *next;

    DL_FOREACH_SAFE (s->landing, e, next) {
        if (all || e->revision <= here)
            land(e);
    }
}

static void on_handed(void *ctx, const uint8_t *bytes, size_t size, const struct err *status)
{
    struct execution *e = ctx;
    struct service *s = e->service;
    const Switchyard__V1__CommandResult *m;
    struct err err;

    if (status->code != ERR_NONE)
        return refuse(e, status);
    e->result =
        protobuf_c_message_unpack(&switchyard__v1__command_result__descriptor, NULL, size, bytes);
    if (!e->result) {
        err_set(&err, ERR_UNKNOWN_OUTCOME, "the leader's answer is not understood");
        err_hint(&err, "look at `switchyard history`; are all coordinators of one version?");
        return refuse(e, &err);
    }
    m = (const Switchyard__V1__CommandResult *)e->result;
    e->revision = m->revision;
    if (!m->dry_run)
        s->host.ordered(s->host.ctx, m->revision, e->taken);
    DL_APPEND(s->landing, e);
    timer_set(s->loop, &e->patience, dur_ms(LANDING_MAX_MS), on_patience, "service.landing");
    execute_answer_landed(s, s->stopping);
}

static dur_t time_left(const struct execution *e)
{
    dur_t left = mono_sub(rpc_call_deadline(e->call), loop_now(e->service->loop));

    if (left.ns > dur_s(DEADLINE_MAX_S).ns)
        return dur_s(DEADLINE_MAX_S);
    return left.ns > dur_ms(1).ns ? left : dur_ms(1);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Better now than in the middle of a rollout. With several coordinators another one may come to
 * lead, which is set otherwise; then the check or hook says so. */
static int check_programs(const struct core_command *c, const struct service_facts *f,
                          struct err *err)
{
    char where[TEXT_SIZE];

    if (c->kind != CMD_APPLY || f->commands || !plan_runs_programs(c->plan, where))
        return 0;
    err_set(err, ERR_REFUSED, "%s runs a program, which coordinator %s does not allow", where,
            f->leader.s);
    return err_hint(err, "start every coordinator with --allow-commands, or take it out");
}

/* The outcome comes by service_answer() or on_handed(). */
static int carry_out(struct execution *e, const ProtobufCMessage *req, struct err *err)
{
    struct service *s = e->service;
    struct service_facts f;

    s->host.facts(s->host.ctx, &f);
    if (f.leads || e->from.s[0] || e->command.core.kind == CMD_EMERGENCY) {
        int r = check_programs(&e->command.core, &f, err);

        return r < 0 ? r : s->host.submit(s->host.ctx, &e->command.core, err);
    }
    return s->host.hand_on(s->host.ctx, "Execute", req, time_left(e), on_handed, e, err);
}

static void begin(struct execution *e, const ProtobufCMessage *req)
{
    struct err err;

    e->taken = loop_now(e->service->loop);
    if (convert_command(req, &e->command, &err) < 0) {
        rpc_call_fail(e->call, &err);
        return end_execution(e);
    }
    e->command.core.token = e;
    if (carry_out(e, req, &err) < 0)
        refuse(e, &err);
}

static struct execution *new_execution(struct service *s, struct rpc_call *call)
{
    struct execution *e = xnew(struct execution);

    e->service = s;
    e->call = call;
    return e;
}

void execute_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    begin(new_execution(ctx, call), req);
}

static const ProtobufCMessageDescriptor *request_of(const char *method)
{
    if (strcmp(method, "Execute") == 0)
        return &switchyard__v1__command__descriptor;
    return strcmp(method, "Measure") == 0 ? &switchyard__v1__measure_request__descriptor : NULL;
}

void service_forwarded(struct service *s, struct rpc_call *call, const char *from,
                       const char *method, const uint8_t *message, size_t size)
{
    const ProtobufCMessageDescriptor *kind = request_of(method);
    ProtobufCMessage *req = kind ? protobuf_c_message_unpack(kind, NULL, size, message) : NULL;
    struct execution *e;
    struct err err;

    if (!req) {
        err_set(&err, ERR_UNSUPPORTED, "coordinator %s handed on what is not understood here",
                from);
        err_hint(&err, "are all coordinators of one version?");
        return rpc_call_fail(call, &err);
    }
    if (kind == &switchyard__v1__measure_request__descriptor) {
        measure_forwarded(s, call, req);
        return protobuf_c_message_free_unpacked(req, NULL);
    }
    e = new_execution(s, call);
    e->own_request = req;
    CHECK(str_copy(str_of(from), e->from.s, sizeof(e->from.s)));
    begin(e, req);
}
