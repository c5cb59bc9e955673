/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that are asked what they measured before. */
#include "coordinator/core/nodes_state.h"

void nodes_set_past(struct nodes *n, struct node *node, enum past to)
{
    n->asked -= node->past == PAST_ASKED;
    n->silent -= node->past == PAST_MISSING;
    n->asked += to == PAST_ASKED;
    n->silent += to == PAST_MISSING;
    node->past = to;
}

void nodes_ask(struct nodes *n, struct node *node, mono_t now)
{
    nodes_set_past(n, node, PAST_ASKED);
    node->asked_at = now;
}

bool node_is_asked(const struct node *n)
{
    return n->past == PAST_ASKED;
}

void nodes_told(struct nodes *n, struct node *node)
{
    nodes_set_past(n, node, PAST_KNOWN);
}

void nodes_stop_waiting(struct nodes *n, dur_t patience, mono_t now)
{
    struct node *node, *next;

    if (n->asked == 0)
        return;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->past == PAST_ASKED && mono_sub(now, node->asked_at).ns >= patience.ns)
            nodes_set_past(n, node, PAST_MISSING);
    }
}

const char *nodes_asked_text(const struct nodes *n, char *dst)
{
    const char *name[1];
    unsigned total = 0;
    struct node *node, *next;

    dst[0] = '\0';
    if (n->asked == 0)
        return dst;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->past != PAST_ASKED || node->presence != CONNECTED)
            continue;
        if (total == 0 || strcmp(node->name.s, name[0]) < 0)
            name[0] = node->name.s;
        total++;
    }
    return nodes_first_text(name, total ? 1 : 0, total, dst);
}
