/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/laggards.h"

#include <inttypes.h>

static bool is_in(const Switchyard__V1__NodeSummary *n, const char *state)
{
    return strcmp(n->state, state) == 0;
}

void laggards_node(struct buf *b, const Switchyard__V1__NodeSummary *n, uint64_t target)
{
    if (is_in(n, "gone"))
        buf_addf(b, "is gone; it served revision %" PRIu64 " when it left", n->revision);
    else if (n->revision == 0)
        buf_addf(b, "serves no decision of this store yet");
    else if (is_in(n, "stale"))
        buf_addf(b, "serves revision %" PRIu64 " of another store, not %" PRIu64 " of this one",
                 n->revision, target);
    else if (n->revision >= target)
        buf_addf(b, "serves it by now");
    else
        buf_addf(b, "serves revision %" PRIu64 " instead of %" PRIu64, n->revision, target);
    if (is_in(n, "quarantined"))
        buf_addf(b, "; in quarantine");
    if (n->last_refusal[0])
        buf_addf(b, "; refused: %s", n->last_refusal);
}

static void describe(struct buf *b, const char *name, const Switchyard__V1__Nodes *nodes)
{
    buf_addf(b, "%s", name);
    for (size_t i = 0; nodes && i < nodes->n_nodes; i++) {
        if (strcmp(nodes->nodes[i]->name, name) != 0)
            continue;
        buf_addf(b, ": ");
        laggards_node(b, nodes->nodes[i], nodes->revision);
        break;
    }
    buf_addf(b, "\n");
}

void laggards_describe(struct cli *c, const Switchyard__V1__Convergence *lagging, struct buf *b)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;

    if (cli_call(c, "ListNodes", &request.base, dur_ms(0), &reply, NULL) < 0)
        reply = NULL;
    for (size_t i = 0; i < lagging->n_laggards; i++)
        describe(b, lagging->laggards[i], (const Switchyard__V1__Nodes *)reply);
    if (lagging->lagging > lagging->n_laggards)
        buf_addf(b, "and %zu more\n", lagging->lagging - lagging->n_laggards);
}
