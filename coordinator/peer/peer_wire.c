/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/peer/peer_wire.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/wire/report_wire.h"
#include "coordinator/fleet/fleet_wire.h"

/* ---- to a peer ------------------------------------------------------------------------------- */

/* A list of `n` messages; one more, so that an empty list is not NULL. */
#define NEW_LIST(a, n, type) ((type **)arena_alloc((a), ((n) + 1) * sizeof(type *)))

/* The messages of a list, one block for all: list[i] points to its own. */
#define NEW_LIST_OF(a, n, type)                                   \
    ({                                                            \
        type **list_ = NEW_LIST((a), (n), type);                  \
        type *item_ = arena_alloc((a), ((n) + 1) * sizeof(type)); \
        for (unsigned i_ = 0; list_ && item_ && i_ < (n); i_++)   \
            list_[i_] = &item_[i_];                               \
        item_ ? list_ : NULL;                                     \
    })

static bool add_labels(struct arena *a, const struct labels *l, Switchyard__V1__PeerNode *m)
{
    struct label next = {.key = NULL};

    m->labels = NEW_LIST_OF(a, l->count, Switchyard__V1__Label);
    if (!m->labels)
        return false;
    for (; labels_next(l, &next); m->n_labels++) {
        Switchyard__V1__Label *label = m->labels[m->n_labels];

        switchyard__v1__label__init(label);
        label->key = rpc_lend(next.key);
        label->value = rpc_lend(next.value);
    }
    return true;
}

static bool add_orders(struct arena *a, struct emergency *order, unsigned count,
                       Switchyard__V1__PeerNode *m)
{
    m->emergencies = NEW_LIST_OF(a, count, Switchyard__V1__EmergencyOrder);
    if (!m->emergencies)
        return false;
    for (; m->n_emergencies < count; m->n_emergencies++)
        fleet_wire_order(&order[m->n_emergencies], m->emergencies[m->n_emergencies]);
    return true;
}

Switchyard__V1__PeerNode *peer_wire_node(struct arena *a, struct fleet_node *n,
                                         struct emergency *order, unsigned count)
{
    Switchyard__V1__PeerNode *m = arena_new(a, Switchyard__V1__PeerNode);

    if (!m)
        return NULL;
    switchyard__v1__peer_node__init(m);
    m->node = n->name.s;
    m->boot = n->boot;
    m->dial = n->dial;
    m->connected = n->connected;
    m->same_incarnation = n->same_incarnation;
    m->revision = n->serving_rev;
    m->connected_at = n->connected_at.ns;
    m->proxy_address = n->address;
    m->control_address = n->control_address;
    m->version = n->version;
    m->last_refusal = n->last_refusal;
    m->why_gone = n->why_gone;
    return add_labels(a, &n->labels, m) && add_orders(a, order, count, m) ? m : NULL;
}

Switchyard__V1__PeerReport *peer_wire_report(struct arena *a, const struct fleet_report *r)
{
    Switchyard__V1__PeerReport *m = arena_new(a, Switchyard__V1__PeerReport);
    Switchyard__V1__Report *report = arena_new(a, Switchyard__V1__Report);

    if (!m || !report)
        return NULL;
    switchyard__v1__peer_report__init(m);
    switchyard__v1__report__init(report);
    m->node = arena_strdup(a, str_of(r->node.s));
    m->report = report;
    report->client_connections = r->now.client_connections;
    report->endpoints = r->now.endpoints;
    report->endpoints_healthy = r->now.endpoints_healthy;
    report->routes = report_wire_routes(a, r->route, r->count);
    report->n_routes = r->count;
    return m->node && report->routes ? m : NULL;
}

static bool fill_bucket(struct arena *a, const struct fleet_bucket *b,
                        Switchyard__V1__PastBucket *m)
{
    switchyard__v1__past_bucket__init(m);
    m->age_ms = (uint32_t)dur_to_ms(b->age);
    m->interval_ms = (uint32_t)dur_to_ms(b->interval);
    m->revision = b->revision;
    m->routes = report_wire_routes(a, b->route, b->count);
    m->n_routes = b->count;
    return m->routes != NULL;
}

Switchyard__V1__PeerPast *peer_wire_past(struct arena *a, const struct fleet_past *h)
{
    Switchyard__V1__PeerPast *m = arena_new(a, Switchyard__V1__PeerPast);
    Switchyard__V1__Past *past = arena_new(a, Switchyard__V1__Past);

    if (!m || !past)
        return NULL;
    switchyard__v1__peer_past__init(m);
    switchyard__v1__past__init(past);
    m->node = arena_strdup(a, str_of(h->node.s));
    m->past = past;
    past->id = arena_strdup(a, str_of(h->id));
    past->more = h->more;
    past->buckets = NEW_LIST_OF(a, h->count, Switchyard__V1__PastBucket);
    if (!m->node || !past->id || !past->buckets)
        return NULL;
    for (; past->n_buckets < h->count; past->n_buckets++) {
        if (!fill_bucket(a, &h->bucket[past->n_buckets], past->buckets[past->n_buckets]))
            return NULL;
    }
    return m;
}

/* ---- from a peer ----------------------------------------------------------------------------- */

int peer_wire_take_hello(const Switchyard__V1__PeerHello *m, struct peers_config *ret,
                         struct err *err)
{
    int r = name_parse_node(str_of(m->coordinator), &ret->id, err);

    if (r == 0)
        r = fleet_wire_word("boot id", m->boot, ret->boot, sizeof(ret->boot), err);
    if (r == 0)
        r = fleet_wire_word("incarnation", m->incarnation, ret->incarnation,
                            sizeof(ret->incarnation), err);
    if (r == 0)
        r = fleet_wire_word("version", m->version, ret->version, sizeof(ret->version), err);
    return r < 0 ? err_ctx(err, "hello of a coordinator") : 0;
}

static int take_orders(const Switchyard__V1__PeerNode *m, struct fleet_node *ret, struct err *err)
{
    CLEANUP(xfreep) struct emergency *order = NULL;

    if (m->n_emergencies == 0)
        return 0;
    if (m->n_emergencies > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "%zu emergency orders, at most %d are allowed",
                       m->n_emergencies, RULESET_ROUTES_MAX);
    order = xcalloc(m->n_emergencies, sizeof(*order));
    for (size_t i = 0; i < m->n_emergencies; i++) {
        if (fleet_wire_told(m->emergencies[i], &order[i], err) < 0)
            return err_ctx(err, "emergency order");
    }
    ret->emergency_count = (unsigned)m->n_emergencies;
    ret->emergency = steal(order);
    return 0;
}

static int take_words(const Switchyard__V1__PeerNode *m, struct fleet_node *ret, struct err *err)
{
    int r = fleet_wire_word("boot id", m->boot, ret->boot, sizeof(ret->boot), err);

    if (r == 0)
        r = fleet_wire_word("version", m->version, ret->version, sizeof(ret->version), err);
    if (r == 0)
        r = fleet_wire_word("proxy address", m->proxy_address, ret->address, sizeof(ret->address),
                            err);
    if (r == 0)
        r = fleet_wire_word("control address", m->control_address, ret->control_address,
                            sizeof(ret->control_address), err);
    return r;
}

int peer_wire_take_node(const Switchyard__V1__PeerNode *m, struct fleet_node *ret, struct err *err)
{
    char shown[SHOW_SIZE];
    int r = name_parse_node(str_of(m->node), &ret->name, err);

    if (r == 0)
        r = fleet_wire_labels(m->labels, m->n_labels, &ret->labels, err);
    if (r == 0)
        r = take_words(m, ret, err);
    if (r == 0)
        r = take_orders(m, ret, err);
    if (r < 0)
        return err_ctx(err, "node %s", ids_show(str_of(m->node), shown));
    ret->dial = m->dial;
    ret->connected = m->connected;
    ret->same_incarnation = m->same_incarnation;
    ret->serving_rev = m->revision;
    ret->connected_at.ns = m->connected_at;
    fleet_wire_text(m->last_refusal, ret->last_refusal, sizeof(ret->last_refusal));
    fleet_wire_text(m->why_gone, ret->why_gone, sizeof(ret->why_gone));
    return 0;
}

int peer_wire_take_report(const Switchyard__V1__PeerReport *m, struct fleet_report *ret,
                          struct err *err)
{
    CLEANUP(xfreep) struct route_stats *route = NULL;
    int r = name_parse_node(str_of(m->node), &ret->node, err);

    if (r < 0)
        return r;
    if (!m->report || m->report->n_routes > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "node %s: no report, or one of more than %d routes",
                       ret->node.s, RULESET_ROUTES_MAX);
    route = xcalloc(m->report->n_routes + 1, sizeof(*route));
    for (size_t i = 0; i < m->report->n_routes; i++) {
        if (fleet_wire_stats(m->report->routes[i], &route[i], err) < 0)
            return err_ctx(err, "node %s", ret->node.s);
    }
    ret->now = fleet_wire_now(m->report);
    ret->count = (unsigned)m->report->n_routes;
    ret->route = steal(route);
    return 0;
}
