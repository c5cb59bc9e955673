/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/migration.h"

#include "common/base/mem.h"

#define STAGES_TEXT_MAX 160

int migration_status(struct cli *c, const char *name, ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__StatusRequest request = SWITCHYARD__V1__STATUS_REQUEST__INIT;
    const Switchyard__V1__Status *s;
    int r;

    request.migration = rpc_lend(name);
    r = cli_call(c, "GetStatus", &request.base, dur_ms(0), ret, err);
    if (r < 0)
        return r;
    s = (const Switchyard__V1__Status *)*ret;
    if (s->breaker && s->convergence && s->gate && s->trigger && s->emergency)
        return 0;
    err_set(err, ERR_CORRUPT, "the coordinator's answer lacks a part of the status");
    return err_hint(err, "are the CLI and all coordinators of one version?");
}

int migration_plan(struct cli *c, const char *name, struct plan **ret,
                   ProtobufCMessage **ret_document, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    CLEANUP(json_freep) struct json *document = NULL;
    Switchyard__V1__PlanRequest request = SWITCHYARD__V1__PLAN_REQUEST__INIT;
    const Switchyard__V1__PlanDocument *m;
    int r;

    request.migration = rpc_lend(name);
    r = cli_call(c, "GetPlan", &request.base, dur_ms(0), &reply, err);
    if (r < 0)
        return r;
    m = (const Switchyard__V1__PlanDocument *)reply;
    r = json_parse((struct str){(const char *)m->document.data, m->document.len}, &document, err);
    if (r == 0)
        r = plan_load(document, ret, err);
    if (r < 0)
        return err_ctx(err, "the coordinator's plan %s", name);
    if (ret_document) {
        *ret_document = reply;
        reply = NULL;
    }
    return 0;
}

/* "its stages: 1 shadow, 2 canary-10, ..., as far as a line goes" */
static int unknown_stage(const Switchyard__V1__Status *status, const char *name, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf list = BUF_INIT(STAGES_TEXT_MAX);
    CLEANUP(xfreep) const char **names = xcalloc(status->n_plan + 1, sizeof *names);
    const char *near;
    bool all = true;

    for (size_t i = 0; i < status->n_plan; i++) {
        names[i] = status->plan[i]->name;
        all = all && buf_addf(&list, "%zu %s, ", i + 1, names[i]);
    }
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_INVALID, "%s has no stage \"%.64s\"", status->migration, name);
    if (near)
        return err_hint(err, "did you mean %s?", near);
    return err_hint(err, "its stages: %s%s0 is before the first", buf_text(&list),
                    all ? "" : "..., ");
}

int migration_stage(struct cli *c, const char *name, const char *stage, uint32_t *ret,
                    struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Status *status;
    uint64_t number;
    int r;

    if (str_to_u64(str_of(stage), UINT32_MAX, &number)) {
        *ret = (uint32_t)number;
        return 0;
    }
    r = migration_status(c, name, &reply, err);
    if (r < 0)
        return r;
    status = (const Switchyard__V1__Status *)reply;
    for (size_t i = 0; i < status->n_plan; i++)
        if (strcmp(status->plan[i]->name, stage) == 0) {
            *ret = (uint32_t)i + 1;
            return 0;
        }
    return unknown_stage(status, stage, err);
}
