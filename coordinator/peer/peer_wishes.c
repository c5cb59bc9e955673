/* SPDX-License-Identifier: Apache-2.0 */
/* What we want from the nodes of a peer: their pasts, and the end of those that have the name of
 * another one. */
#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "coordinator/peer/peer_state.h"

#define REFUSALS_MAX 64u
#define WISHES_MAX   1024u /* in one message */

struct wishes {
    Switchyard__V1__PeerReply m;
    Switchyard__V1__PeerPastWanted past[WISHES_MAX], *pasts[WISHES_MAX];
    Switchyard__V1__PastWanted wanted[WISHES_MAX];
    Switchyard__V1__PeerRefusal refusal[REFUSALS_MAX], *refusals[REFUSALS_MAX];
};

static void add_wish(struct wishes *w, struct incoming *in, struct their_node *n)
{
    size_t i = w->m.n_pasts++;

    switchyard__v1__past_wanted__init(&w->wanted[i]);
    w->wanted[i].id = in->peers->config.id.s;
    w->wanted[i].max_age_s = (uint32_t)(n->window.ns / dur_s(1).ns);
    switchyard__v1__peer_past_wanted__init(&w->past[i]);
    w->past[i].node = n->name.s;
    w->past[i].wanted = &w->wanted[i];
    w->pasts[i] = &w->past[i];
}

static void add_refusal(struct wishes *w, struct refusal *r)
{
    size_t i = w->m.n_refusals++;

    switchyard__v1__peer_refusal__init(&w->refusal[i]);
    w->refusal[i].node = r->node.s;
    w->refusal[i].boot = r->boot;
    w->refusal[i].reason = r->why;
    w->refusals[i] = &w->refusal[i];
}

static void fill(struct wishes *w, struct incoming *in)
{
    struct their_node *n;
    struct refusal *r;

    switchyard__v1__peer_reply__init(&w->m);
    w->m.pasts = w->pasts;
    w->m.refusals = w->refusals;
    DL_FOREACH (in->asked, n) {
        if (w->m.n_pasts == WISHES_MAX)
            break;
        add_wish(w, in, n);
    }
    LL_FOREACH (in->refusals, r)
        add_refusal(w, r);
}

void incoming_unask(struct incoming *in, struct their_node *n)
{
    if (!n->is_asked)
        return;
    DL_DELETE(in->asked, n);
    n->is_asked = false;
}

static void drop_refusals(struct incoming *in)
{
    while (in->refusals) {
        struct refusal *r = in->refusals;

        LL_DELETE(in->refusals, r);
        free(r);
    }
    in->refusal_count = 0;
}

int incoming_reply(struct incoming *in, const Switchyard__V1__PeerReply *m)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *encoded = rpc_msg_encode(&m->base);

    return rpc_stream_send(in->stream, encoded, NULL);
}

/* What does not fit into the stream's queue goes with on_writable(). */
void incoming_send_wishes(struct incoming *in)
{
    struct wishes *w = xnew(struct wishes);

    while (!in->ending && (in->asked || in->refusals)) {
        fill(w, in);
        if (incoming_reply(in, &w->m) < 0)
            break;
        for (size_t i = 0; i < w->m.n_pasts; i++)
            incoming_unask(in, in->asked);
        drop_refusals(in);
    }
    free(w);
}

static void on_flush(struct loop_deferred *d)
{
    incoming_send_wishes(container_of(d, struct incoming, flush));
}

void incoming_ask(struct incoming *in, const struct name *node, dur_t window)
{
    struct their_node *n;

    HASH_FIND_STR(in->nodes, node->s, n);
    if (!n)
        return;
    incoming_unask(in, n);
    n->window = window;
    n->is_asked = true;
    DL_APPEND(in->asked, n);
    loop_defer(in->peers->loop, &in->flush, on_flush);
}

void incoming_refuse(struct incoming *in, const struct name *node, const char *boot,
                     const char *why)
{
    struct refusal *r;

    if (in->refusal_count == REFUSALS_MAX)
        return; /* its next news has the same answer */
    r = xnew(struct refusal);
    r->node = *node;
    str_fmt(r->boot, sizeof(r->boot), "%s", boot);
    str_fmt(r->why, sizeof(r->why), "%s", why);
    LL_APPEND(in->refusals, r);
    in->refusal_count++;
    loop_defer(in->peers->loop, &in->flush, on_flush);
}

void incoming_drop_wishes(struct incoming *in)
{
    drop_refusals(in);
    while (in->asked)
        incoming_unask(in, in->asked);
    loop_undefer(&in->flush);
}
