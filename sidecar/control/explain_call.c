/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/explain_call.h"

#include "common/wire/explain_wire.h"
#include "sidecar/control/convert.h"

/* The node keeps what it serves; what it was chosen from stands in the rule's bytes. */
static int find_route(const struct order_service_config *c, const char *migration,
                      struct route *ret, struct emergency *ret_order, struct err *err)
{
    const struct ruleset *set = agent_served(c->agent);
    const struct ruleset_entry *e = set ? ruleset_find(set, migration) : NULL;

    if (!set)
        return err_set(err, ERR_REFUSED, "this node serves no rule set yet");
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "this node has no route for a migration \"%s\"",
                       migration);
    *ret_order = e->emergency;
    return convert_route(e->rule, ret, err);
}

static int tell(const struct order_service_config *c, const struct explain_request *q,
                struct explanation *ret, struct err *err)
{
    struct emergency order;
    struct route route;
    struct name node;
    struct explain_question question = {.route = &route,
                                        .emergency = &order,
                                        .node = &node,
                                        .labels = c->labels,
                                        .key = q->key,
                                        .breaker = c->breaker(c->ctx, q->migration.s)};
    int r = name_parse_node(str_of(c->node), &node, err);

    if (r == 0 && q->node.s[0] && !name_eq(&q->node, &node))
        r = err_set(err, ERR_NOT_FOUND, "this is node %s, not %s", c->node, q->node.s);
    if (r == 0)
        r = find_route(c, q->migration.s, &route, &order, err);
    if (r == 0)
        explain(&question, ret);
    return r;
}

void explain_call(const struct order_service_config *c, struct rpc_call *call,
                  const ProtobufCMessage *request)
{
    struct explain_request q;
    struct explanation x;
    struct explain_answer a;
    struct err err;

    if (explain_request_read((const Switchyard__V1__ExplainRequest *)request, &q, &err) < 0 ||
        tell(c, &q, &x, &err) < 0) {
        rpc_call_fail(call, &err);
        return;
    }
    explain_answer_init(&a, &x, c->node, agent_position_serving(c->agent).revision);
    a.m.stale = agent_link(c->agent) == LINK_STALE;
    rpc_call_reply(call, &a.m.base);
}
