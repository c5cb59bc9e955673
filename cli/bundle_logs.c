/* SPDX-License-Identifier: Apache-2.0 */
/* The last log lines of coordinators and nodes. */
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/log_ask.h"
#include "cli/redact.h"

#define NODES_MAX 16u
#define LINES_MAX (256u << 10) /* what is redacted can be longer than it was */
#define SOCKET    "unix:"

void bundle_add_log(struct bundle *b, const char *path, const struct fleet_entry *node)
{
    CLEANUP(buf_deinitp) struct buf shown = BUF_INIT(LINES_MAX);
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const Switchyard__V1__Log *m;
    struct err why;

    if (!node && b->silent)
        return bundle_miss(b, path, "not asked for: no coordinator answers");
    if (log_ask(b->cli, node, &reply, &why) < 0)
        return bundle_miss(b, path, why.msg);
    m = (const Switchyard__V1__Log *)reply;
    redact_text((struct str){(const char *)m->lines.data, m->lines.len}, &shown);
    bundle_add_text(b, path, buf_text(&shown));
}

/* A socket of another machine's cannot be asked from here. */
static bool may_be_asked(const Switchyard__V1__NodeSummary *n)
{
    const char *address = n->control_address;

    if (!address[0] || strlen(address) >= ENDPOINT_SIZE || strlen(n->name) >= NAME_SIZE)
        return false;
    return !str_starts(str_of(address), STR(SOCKET)) ||
           access(address + sizeof SOCKET - 1, W_OK) == 0;
}

/* Those with trouble first. */
static void add_some(struct bundle *b, const Switchyard__V1__Nodes *nodes, bool well,
                     unsigned *count)
{
    char path[NAME_SIZE + 32];

    for (size_t i = 0; i < nodes->n_nodes && *count < NODES_MAX; i++) {
        const Switchyard__V1__NodeSummary *n = nodes->nodes[i];
        struct fleet_entry node;

        if ((strcmp(n->state, "serving") == 0) != well || strcmp(n->state, "gone") == 0 ||
            !may_be_asked(n))
            continue;
        str_fmt(node.name, sizeof node.name, "%s", n->name);
        str_fmt(node.address, sizeof node.address, "%s", n->control_address);
        str_fmt(path, sizeof path, "nodes/%s.log", n->name);
        bundle_add_log(b, path, &node);
        ++*count;
    }
}

void bundle_add_node_logs(struct bundle *b, const Switchyard__V1__Nodes *nodes)
{
    unsigned count = 0;

    add_some(b, nodes, false, &count);
    add_some(b, nodes, true, &count);
}
