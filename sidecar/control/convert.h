/* SPDX-License-Identifier: Apache-2.0 */
/* Fleet protocol to model and back: the only place in the sidecar that knows both. Pure but for
 * memory. Everything received is checked: texts against their sizes, counts, enums; a value outside
 * is told with the field's name. */
#pragma once

#include "common/model/stats.h"
#include "common/rpc/rpc.h"
#include "fleet.pb-c.h"
#include "sidecar/agent/agent.h"

/* An update with the memory its arrays live in. */
struct update_box {
    struct agent_update update; /* borrows from here and from the message */
    struct agent_route *upsert; /* owned */
    struct name *remove;        /* owned */
    struct emergency *order;    /* owned */
    struct err flaw;            /* update.flaw is its message */
};

/* `m` and `ret` are borrowed and must outlive the update. Cannot fail: where the routes are not
 * readable the update has a flaw and no routes, and holds the orders that are readable all the
 * same, because "legacy, now" must not wait for a newer sidecar. */
void update_box_init(const Switchyard__V1__Update *m, struct update_box *ret);
void update_box_deinit(struct update_box *b);

/* A text into `to` of `size` bytes, a system; INVALID names `what` it is. */
int convert_text(const char *what, const char *from, char *to, size_t size,
                 struct err *err) MUST_CHECK;
int convert_system(const char *what, Switchyard__V1__System m, enum system *ret,
                   struct err *err) MUST_CHECK;

/* An agent_route_fn: an encoded Route. */
int convert_route(struct str rule, struct route *ret, struct err *err) MUST_CHECK;

/* An order that came; a text too long is cut. INVALID without an epoch. */
int convert_take_order(const Switchyard__V1__EmergencyOrder *m, struct emergency *ret,
                       struct err *err) MUST_CHECK;
/* An order as a message that borrows its texts. */
void convert_order(const struct emergency *o, Switchyard__V1__EmergencyOrder *ret);
/* Orders for Hello; `unwritten`: those that are active are not on disk. Free with
 * convert_orders_free(). */
Switchyard__V1__EmergencyOrder **convert_orders(const struct epochs *epochs, bool unwritten);
void convert_orders_free(Switchyard__V1__EmergencyOrder **orders, unsigned count);
