/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet protocol's messages to and from the model: the only place of this folder that knows the
 * fields of both. What comes from a node is checked here, before anything else sees it. */
#pragma once

#include "common/base/buf.h"
#include "coordinator/fleet/fleet.h"
#include "fleet.pb-c.h"

#define FLEET_ROUTE_BYTES_MAX (64u << 10) /* more than a route at all its limits takes */

/* A valid route as the bytes that nodes keep and check, appended to `b`. `r` stays unchanged. */
void fleet_wire_route(struct route *r, struct buf *b);

/* An order as a message whose strings are borrowed from `e`. */
void fleet_wire_order(struct emergency *e, Switchyard__V1__EmergencyOrder *ret);

/* A node's first words. Sets name, boot, dial, labels, addresses, version. INVALID names the
 * field. */
int fleet_wire_hello(const Switchyard__V1__Hello *h, struct fleet_node *ret,
                     struct err *err) MUST_CHECK;
/* An order that stands at a node. */
int fleet_wire_told(const Switchyard__V1__EmergencyOrder *m, struct emergency *ret,
                    struct err *err) MUST_CHECK;
/* The orders of a Hello: an owned array of h->n_emergencies, NULL when there are none. */
int fleet_wire_orders(const Switchyard__V1__Hello *h, struct emergency **ret,
                      struct err *err) MUST_CHECK;

/* What a node is like at the end of the interval. */
struct node_now fleet_wire_now(const Switchyard__V1__Report *m);
/* One route's counters. INVALID names what cannot be. */
int fleet_wire_stats(const Switchyard__V1__RouteReport *r, struct route_stats *ret,
                     struct err *err) MUST_CHECK;

/* A word that names something: it is refused rather than repaired, because a repaired one would be
 * another one. INVALID: not printable ASCII, or longer than `size` with its NUL. */
int fleet_wire_word(const char *what, const char *from, char *ret_dst, size_t size,
                    struct err *err) MUST_CHECK;
int fleet_wire_labels(Switchyard__V1__Label *const *label, size_t count, struct labels *ret,
                      struct err *err) MUST_CHECK;

/* A past with the memory that its arrays live in. */
struct fleet_past_box {
    struct fleet_past past; /* but for the node's name */
    struct fleet_bucket *bucket;
    struct route_stats *stats;
};

/* `foreign`: the revisions are of another store's history. INVALID names what cannot be; then there
 * is nothing to free. */
int fleet_wire_past(const Switchyard__V1__Past *m, bool foreign, struct fleet_past_box *ret,
                    struct err *err) MUST_CHECK;
void fleet_wire_past_deinit(struct fleet_past_box *b);

/* Text from a node for people: cut to `size`, control characters and broken UTF-8 become '?'. */
void fleet_wire_text(const char *from, char *ret_dst, size_t size);
