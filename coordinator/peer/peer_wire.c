/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/peer/peer_wire.h"

#include <stdlib.h>

#include "common/base/mem.h"
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

static unsigned buckets_in_use(const struct hist *h)
{
    unsigned n = 0;

    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        n += h->bucket[i] > 0;
    return n;
}

static Switchyard__V1__Histogram *latency(struct arena *a, const struct hist *h)
{
    Switchyard__V1__Histogram *m = arena_new(a, Switchyard__V1__Histogram);
    unsigned n = buckets_in_use(h);
    uint32_t *index = arena_alloc(a, (n + 1) * sizeof(uint32_t));
    uint32_t *count = arena_alloc(a, (n + 1) * sizeof(uint32_t));

    if (!m || !index || !count)
        return NULL;
    switchyard__v1__histogram__init(m);
    m->total = h->count;
    m->sum_us = h->sum_us;
    m->index = index;
    m->count = count;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i] == 0)
            continue;
        index[m->n_index++] = i;
        count[m->n_count++] = h->bucket[i];
    }
    return m;
}

/* Absent when nothing happened. */
static bool add_system(struct arena *a, const struct system_stats *s,
                       Switchyard__V1__SystemReport **ret)
{
    Switchyard__V1__SystemReport *m;

    if (system_stats_is_empty(s))
        return true;
    m = *ret = arena_new(a, Switchyard__V1__SystemReport);
    if (!m)
        return false;
    switchyard__v1__system_report__init(m);
    m->requests = s->requests;
    m->errors = s->errors;
    m->fallbacks = s->fallbacks;
    m->timeouts = s->timeouts;
    m->connect_errors = s->connect_errors;
    m->latency = latency(a, &s->latency);
    return m->latency != NULL;
}

/* Absent when nothing was compared. */
static bool add_mirror(struct arena *a, const struct mirror_stats *s,
                       Switchyard__V1__MirrorReport **ret)
{
    Switchyard__V1__MirrorReport *m;

    if (mirror_stats_is_empty(s))
        return true;
    m = *ret = arena_new(a, Switchyard__V1__MirrorReport);
    if (!m)
        return false;
    switchyard__v1__mirror_report__init(m);
    m->sent = s->sent;
    m->failed = s->failed;
    m->errors = s->errors;
    m->dropped = s->dropped;
    m->unsuited = s->unsuited;
    m->latency = latency(a, &s->latency);
    return m->latency != NULL;
}

static bool add_compared(struct arena *a, const struct compare_stats *s,
                         Switchyard__V1__CompareReport **ret)
{
    Switchyard__V1__CompareReport *m;

    if (compare_stats_is_empty(s))
        return true;
    m = *ret = arena_new(a, Switchyard__V1__CompareReport);
    if (!m)
        return false;
    switchyard__v1__compare_report__init(m);
    m->compared = s->compared;
    m->equal = s->equal;
    m->cosmetic = s->cosmetic;
    m->critical = s->critical;
    m->noise_compared = s->noise_compared;
    m->noise_differed = s->noise_differed;
    m->skipped = s->skipped;
    m->overhead_us = s->overhead_us;
    return true;
}

static bool fill_discrepancy(struct arena *a, const struct discrepancy *d,
                             Switchyard__V1__Discrepancy *m)
{
    switchyard__v1__discrepancy__init(m);
    m->at_unix_ms = d->at.ns / 1000000;
    m->critical = d->critical;
    m->request = arena_strdup(a, str_of(d->request));
    m->where = arena_strdup(a, str_of(d->where));
    m->legacy = arena_strdup(a, str_of(d->legacy));
    m->new_ = arena_strdup(a, str_of(d->new_value));
    return m->request && m->where && m->legacy && m->new_;
}

static bool add_discrepancies(struct arena *a, const struct route_stats *s,
                              Switchyard__V1__RouteReport *m)
{
    if (s->discrepancy_count == 0)
        return true;
    m->discrepancies = NEW_LIST_OF(a, s->discrepancy_count, Switchyard__V1__Discrepancy);
    for (unsigned i = 0; m->discrepancies && i < s->discrepancy_count; i++) {
        if (!fill_discrepancy(a, &s->discrepancy[i], m->discrepancies[i]))
            return false;
        m->n_discrepancies++;
    }
    return m->discrepancies != NULL;
}

/* Absent where there is no breaker. */
static bool add_breaker(struct arena *a, const struct route_stats *stats,
                        Switchyard__V1__BreakerReport **ret)
{
    const struct breaker_seen *s = &stats->breaker_seen;
    Switchyard__V1__BreakerReport *m;

    if (stats->breaker == BREAKER_DISABLED)
        return true;
    m = *ret = arena_new(a, Switchyard__V1__BreakerReport);
    if (!m)
        return false;
    switchyard__v1__breaker_report__init(m);
    m->requests = s->requests;
    m->errors = s->errors;
    m->slow = s->slow;
    m->since_unix_ms = s->since.ns / 1000000;
    m->cause = rpc_lend(breaker_cause_name(s->cause));
    m->share_bp = s->share_bp;
    m->held = s->held;
    m->watching = s->watching;
    m->order_number = s->order_number;
    m->opened = s->opened;
    return true;
}

static bool fill_route(struct arena *a, const struct route_stats *s, Switchyard__V1__RouteReport *m)
{
    switchyard__v1__route_report__init(m);
    m->migration = arena_strdup(a, str_of(s->migration.s));
    m->breaker = rpc_lend(breaker_state_name(s->breaker));
    m->legacy_tunnels = s->tunnels[SYSTEM_LEGACY];
    m->new_tunnels = s->tunnels[SYSTEM_NEW];
    return m->migration && add_system(a, &s->system[SYSTEM_LEGACY], &m->legacy) &&
           add_system(a, &s->system[SYSTEM_NEW], &m->new_) &&
           add_mirror(a, &s->mirror, &m->mirror) && add_compared(a, &s->compare, &m->compare) &&
           add_discrepancies(a, s, m) && add_breaker(a, s, &m->breaker_seen);
}

static Switchyard__V1__RouteReport **routes(struct arena *a, const struct route_stats *s,
                                            unsigned count)
{
    Switchyard__V1__RouteReport **list = NEW_LIST_OF(a, count, Switchyard__V1__RouteReport);

    for (unsigned i = 0; list && i < count; i++) {
        if (!fill_route(a, &s[i], list[i]))
            return NULL;
    }
    return list;
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
    report->client_connections = r->client_connections;
    report->routes = routes(a, r->route, r->count);
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
    m->routes = routes(a, b->route, b->count);
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
    ret->client_connections = m->report->client_connections;
    ret->count = (unsigned)m->report->n_routes;
    ret->route = steal(route);
    return 0;
}
