/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node_call.h"

#include "common/base/mem.h"
#include "sidecar.pb-c.h"

/* ---- where ----------------------------------------------------------------------------------- */

static int ask_nodes(struct cli *c, ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;

    return cli_call(c, "ListNodes", &request.base, dur_ms(0), ret, err);
}

static bool answers_itself(const Switchyard__V1__NodeSummary *n)
{
    return n->control_address[0] && strlen(n->control_address) < ENDPOINT_SIZE &&
           strlen(n->name) < NAME_SIZE;
}

static void take(const Switchyard__V1__NodeSummary *n, struct fleet_entry *ret)
{
    str_fmt(ret->name, sizeof ret->name, "%s", n->name);
    str_fmt(ret->address, sizeof ret->address, "%s", n->control_address);
}

static int ask_for(struct cli *c, const char *name, struct fleet_entry *ret, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Nodes *nodes;
    int r = ask_nodes(c, &reply, err);

    if (r < 0)
        return r;
    nodes = (const Switchyard__V1__Nodes *)reply;
    for (size_t i = 0; i < nodes->n_nodes; i++) {
        if (strcmp(nodes->nodes[i]->name, name) != 0 || !answers_itself(nodes->nodes[i]))
            continue;
        take(nodes->nodes[i], ret);
        return 0;
    }
    err_set(err, ERR_NOT_FOUND, "no address is known of a node \"%s\"", name);
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
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Nodes *nodes;
    int r = ask_nodes(c, &reply, err);

    if (r < 0)
        return r;
    nodes = (const Switchyard__V1__Nodes *)reply;
    for (size_t i = 0; i < nodes->n_nodes; i++) {
        if (!answers_itself(nodes->nodes[i]) || strcmp(nodes->nodes[i]->state, "gone") == 0)
            continue;
        take(nodes->nodes[i], ret);
        return 0;
    }
    err_set(err, ERR_NOT_FOUND, "no node is connected that can be asked itself");
    return err_hint(err, "`switchyard get nodes` lists them");
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asked {
    bool done;
    ProtobufCMessage *reply; /* a copy */
    struct err status;
};

/* The reply is borrowed from the library. */
static ProtobufCMessage *copy_of(const ProtobufCMessage *reply)
{
    size_t n = protobuf_c_message_get_packed_size(reply);
    CLEANUP(xfreep) uint8_t *bytes = xalloc(n + 1);

    protobuf_c_message_pack(reply, bytes);
    return protobuf_c_message_unpack(reply->descriptor, NULL, n, bytes);
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct asked *a = ctx;

    a->done = true;
    a->status = *status;
    if (reply)
        a->reply = copy_of(reply);
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
