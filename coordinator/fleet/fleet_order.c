/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that no publication carries yet: a coordinator whose store does not answer pushes them as
 * messages of their own. They are kept for nodes that connect later, until a publication has them.
 */
#include <stdlib.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/fleet/fleet_state.h"
#include "coordinator/fleet/fleet_wire.h"

struct pushed {
    struct name migration;
    uint64_t epoch;
    struct rpc_msg *message; /* owned */
    UT_hash_handle hh;       /* by migration */
};

static void drop(struct fleet *f, struct pushed *p)
{
    HASH_DEL(f->pushed, p);
    rpc_msg_unref(p->message);
    free(p);
}

void fleet_order_free(struct fleet *f)
{
    struct pushed *p, *next;

    HASH_ITER (hh, f->pushed, p, next)
        drop(f, p);
}

void fleet_order_published(struct fleet *f, const struct emergency *order)
{
    struct pushed *p;

    HASH_FIND_STR(f->pushed, order->migration.s, p);
    if (p && p->epoch <= order->epoch)
        drop(f, p);
}

static struct rpc_msg *encode(const struct emergency *order)
{
    struct emergency copy = *order; /* generated messages take pointers that could be written to */
    Switchyard__V1__CoordinatorMessage m = SWITCHYARD__V1__COORDINATOR_MESSAGE__INIT;
    Switchyard__V1__EmergencyOrder o;

    fleet_wire_order(&copy, &o);
    m.kind_case = SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_ORDER;
    m.order = &o;
    return rpc_msg_encode(&m.base);
}

static struct pushed *keep(struct fleet *f, const struct emergency *order)
{
    struct pushed *p;

    HASH_FIND_STR(f->pushed, order->migration.s, p);
    if (!p) {
        p = xnew(struct pushed);
        p->migration = order->migration;
        HASH_ADD_STR(f->pushed, migration.s, p);
    }
    rpc_msg_unref(p->message);
    p->epoch = order->epoch;
    p->message = encode(order);
    return p;
}

static bool is_news(struct fleet *f, const struct emergency *order)
{
    struct pushed *p;

    HASH_FIND_STR(f->pushed, order->migration.s, p);
    return order->epoch > fleet_set_epoch(f->set, &order->migration) &&
           (!p || order->epoch > p->epoch);
}

void fleet_order_push(struct fleet *f, const struct emergency *order)
{
    struct fleet_member *m, *next;
    struct pushed *p;

    if (!is_news(f, order))
        return;
    p = keep(f, order);
    HASH_ITER (hh, f->members, m, next)
        if (m->stream)
            fleet_stream_send(m->stream, p->message);
}

void fleet_order_tell(struct fleet_stream *s)
{
    struct pushed *p, *next;

    HASH_ITER (hh, s->fleet->pushed, p, next)
        fleet_stream_send(s, p->message);
}
