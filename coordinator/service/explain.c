/* SPDX-License-Identifier: Apache-2.0 */
/* Why a key goes where it goes, as a node with these labels decides it. Any coordinator answers. */
#include "common/base/mem.h"
#include "common/wire/explain_wire.h"
#include "coordinator/service/service_state.h"

static int no_node(const struct service *s, const char *name, struct err *err)
{
    const char **names = xcalloc(registry_count(s->registry) + 1, sizeof *names);
    const struct registry_node *n = NULL;
    const char *near;
    unsigned count = 0;

    while ((n = registry_next(s->registry, n)))
        names[count++] = n->node.name.s;
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_NOT_FOUND, "no node \"%s\" is known", name);
    if (near)
        err_hint(err, "did you mean %s?", near);
    else
        err_hint(err, "`switchyard get nodes` lists them; or give labels instead");
    xfreep(&names);
    return -ERR_NOT_FOUND;
}

/* A node that is named has the labels that it is known with. */
static int find_labels(const struct service *s, struct explain_request *q, struct err *err)
{
    const struct registry_node *n;

    if (q->node.s[0] == '\0')
        return 0;
    n = registry_find(s->registry, q->node.s);
    if (!n)
        return no_node(s, q->node.s, err);
    q->labels = n->node.labels;
    return 0;
}

/* What nodes obey counts, in the store or not. */
static void find_order(const struct service *s, const char *migration, struct emergency *ret)
{
    struct emergency unstored;

    *ret = (struct emergency){.epoch = 0};
    (void)!core_emergency(core_of(s), migration, ret);
    if (s->host.unstored_order(s->host.ctx, migration, &unstored))
        *ret = unstored;
}

static int tell(const struct service *s, struct explain_request *q, struct explanation *ret,
                struct err *err)
{
    struct emergency order;
    struct route route;
    struct explain_question question = {.route = &route,
                                        .emergency = &order,
                                        .node = &q->node,
                                        .labels = &q->labels,
                                        .key = q->key,
                                        .breaker = BREAKER_CLOSED};
    int r = find_labels(s, q, err);

    if (r < 0)
        return r;
    if (!core_compile(core_of(s), q->migration.s, &route)) {
        err_set(err, ERR_NOT_FOUND, "there is no migration \"%s\"", q->migration.s);
        return err_hint(err, "`switchyard get plans` lists them");
    }
    question.breaker_unknown = route.breaker.errors > 0;
    if (!question.breaker_unknown)
        question.breaker = BREAKER_DISABLED;
    find_order(s, q->migration.s, &order);
    explain(&question, ret);
    return 0;
}

void explain_on_call(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    const struct service *s = ctx;
    struct explain_request q;
    struct explanation x;
    struct explain_answer a;
    struct err err;

    if (explain_request_read((const Switchyard__V1__ExplainRequest *)req, &q, &err) < 0 ||
        tell(s, &q, &x, &err) < 0) {
        rpc_call_fail(call, &err);
        return;
    }
    explain_answer_init(&a, &x, q.node.s, core_decision_rev(core_of(s), q.migration.s));
    rpc_call_reply(call, &a.m.base);
}
