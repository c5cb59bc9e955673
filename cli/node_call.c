/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_call.h"

#include "common/base/mem.h"
#include "sidecar.pb-c.h"

/* ---- where ----------------------------------------------------------------------------------- */

/* `name` NULL: any that is connected. */
static bool is_meant(const Switchyard__V1__NodeSummary *n, const char *name)
{
    if (!n->control_address[0] || strlen(n->control_address) >= ENDPOINT_SIZE ||
        strlen(n->name) >= NAME_SIZE)
        return false; /* it does not answer itself */
    return name ? strcmp(n->name, name) == 0 : strcmp(n->state, "gone") != 0;
}

static int ask_for(struct cli *c, const char *name, struct fleet_entry *ret, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;
    const Switchyard__V1__Nodes *nodes;
    int r = cli_call(c, "ListNodes", &request.base, dur_ms(0), &reply, err);

    if (r < 0)
        return r;
    nodes = (const Switchyard__V1__Nodes *)reply;
    for (size_t i = 0; i < nodes->n_nodes; i++) {
        const Switchyard__V1__NodeSummary *n = nodes->nodes[i];

        if (!is_meant(n, name))
            continue;
        str_fmt(ret->name, sizeof ret->name, "%s", n->name);
        str_fmt(ret->address, sizeof ret->address, "%s", n->control_address);
        return 0;
    }
    if (name)
        err_set(err, ERR_NOT_FOUND, "no address is known of a node \"%s\"", name);
    else
        err_set(err, ERR_NOT_FOUND, "no node is connected that can be asked itself");
    return err_hint(err, "`switchyard get nodes` lists them");
}

int node_find(struct cli *c, const char *name, struct fleet_entry *ret, struct err *err)
{
    CLEANUP(fleet_list_deinit) struct fleet_list known = {.count = 0};
    const struct fleet_entry *e = NULL;

    if (fleet_list_known(c, &known, NULL) == 0)
        e = fleet_list_find(&known, name);
    if (!e)
        return ask_for(c, name, ret, err);
    *ret = *e;
    return 0;
}

int node_find_any(struct cli *c, struct fleet_entry *ret, struct err *err)
{
    return ask_for(c, NULL, ret, err);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asked {
    bool done;
    ProtobufCMessage *reply; /* a copy */
    struct err status;
};

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct asked *a = ctx;

    a->done = true;
    a->status = *status;
    if (reply)
        a->reply = cli_reply_copy(reply);
}

int node_call(struct cli *c, const struct fleet_entry *node, const char *method,
              const ProtobufCMessage *request, dur_t extra, ProtobufCMessage **ret_reply,
              struct err *err)
{
    struct rpc_client_config config = {.target = node->address, .own_connection = true};
    struct rpc_client *client;
    struct asked a = {.done = false};
    int r = rpc_client_new(&config, c->loop, &client, err);

    if (r < 0)
        return r;
    c->asked = true;
    rpc_client_call(client, &switchyard__v1__sidecar__descriptor, method, request,
                    (dur_t){c->timeout.ns + extra.ns}, on_reply, &a);
    while (!a.done)
        loop_turn(c->loop, dur_ms(100));
    rpc_client_free(client);
    *ret_reply = a.reply;
    if (a.reply)
        return 0;
    err_copy(err, &a.status);
    return err_ctx(err, "node %s at %s", node->name, node->address);
}
