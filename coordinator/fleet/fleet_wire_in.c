/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/fleet/fleet_wire.h"
#include "coordinator/fleet/fleet_wire_compare.h"

void fleet_wire_text(const char *from, char *ret_dst, size_t size)
{
    size_t n = strnlen(from, size - 1);
    struct str s = {from, n};
    size_t bad = 0;

    /* A cut may split a character: what is left of it goes, too. */
    if (!str_utf8_valid(s, &bad) && from[n] != '\0' && n - bad < 4)
        n = bad;
    bool valid = str_is_line((struct str){from, n}, NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        bool shown = c >= 0x20 && c != 0x7f && (c < 0x80 || valid);

        ret_dst[i] = shown ? from[i] : '?';
    }
    ret_dst[n] = '\0';
}

int fleet_wire_word(const char *what, const char *from, char *ret_dst, size_t size, struct err *err)
{
    struct str s = str_of(from);
    char shown[SHOW_SIZE];

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return err_set(err, ERR_INVALID, "%s %s is not printable ASCII", what,
                           ids_show(s, shown));
    }
    if (!str_copy(s, ret_dst, size))
        return err_set(err, ERR_INVALID, "%s %s is longer than %zu bytes", what, ids_show(s, shown),
                       size - 1);
    return 0;
}

int fleet_wire_labels(Switchyard__V1__Label *const *label, size_t count, struct labels *ret,
                      struct err *err)
{
    int r = 0;

    if (count > LABELS_MAX)
        return err_set(err, ERR_INVALID, "%zu labels, at most %d are allowed", count, LABELS_MAX);
    for (size_t i = 0; i < count && r == 0; i++)
        r = labels_add(ret, str_of(label[i]->key), str_of(label[i]->value), err);
    return r;
}

int fleet_wire_hello(const Switchyard__V1__Hello *h, struct fleet_node *ret, struct err *err)
{
    int r = name_parse_node(str_of(h->node), &ret->name, err);

    if (r == 0)
        r = fleet_wire_labels(h->labels, h->n_labels, &ret->labels, err);
    if (r == 0)
        r = fleet_wire_word("boot id", h->boot, ret->boot, sizeof(ret->boot), err);
    if (r == 0 && ret->boot[0] == '\0')
        r = err_set(err, ERR_INVALID, "no boot id");
    if (r == 0)
        r = fleet_wire_word("version", h->version, ret->version, sizeof(ret->version), err);
    if (r == 0)
        r = fleet_wire_word("proxy address", h->proxy_address, ret->address, sizeof(ret->address),
                            err);
    if (r == 0)
        r = fleet_wire_word("control address", h->control_address, ret->control_address,
                            sizeof(ret->control_address), err);
    ret->dial = h->dial;
    return r < 0 ? err_ctx(err, "hello") : 0;
}

int fleet_wire_told(const Switchyard__V1__EmergencyOrder *m, struct emergency *ret, struct err *err)
{
    int r = name_parse(str_of(m->migration), "migration", &ret->migration, err);

    if (r < 0)
        return r;
    if (m->epoch == 0)
        return err_set(err, ERR_INVALID, "the order for %s has no epoch", ret->migration.s);
    ret->epoch = m->epoch;
    ret->active = m->active;
    ret->ordered_at.ns = m->ordered_at;
    fleet_wire_text(m->reason, ret->reason, sizeof(ret->reason));
    fleet_wire_text(m->operator_, ret->operator_name, sizeof(ret->operator_name));
    return 0;
}

int fleet_wire_orders(const Switchyard__V1__Hello *h, struct emergency **ret, struct err *err)
{
    CLEANUP(xfreep) struct emergency *order = NULL;

    *ret = NULL;
    if (h->n_emergencies == 0)
        return 0;
    if (h->n_emergencies > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "hello: %zu emergency orders, at most %d are allowed",
                       h->n_emergencies, RULESET_ROUTES_MAX);
    order = xcalloc(h->n_emergencies, sizeof(*order));
    for (size_t i = 0; i < h->n_emergencies; i++) {
        if (fleet_wire_told(h->emergencies[i], &order[i], err) < 0)
            return err_ctx(err, "hello: emergency order");
    }
    *ret = steal(order);
    return 0;
}

/* Bucket indexes rise, so no bucket comes twice; sums are taken as they are. */
static int take_latency(const Switchyard__V1__Histogram *m, struct hist *ret, struct err *err)
{
    if (m->n_index != m->n_count)
        return err_set(err, ERR_INVALID, "histogram with %zu indexes and %zu counts", m->n_index,
                       m->n_count);
    for (size_t i = 0; i < m->n_index; i++) {
        if (m->index[i] >= HIST_BUCKETS || (i > 0 && m->index[i] <= m->index[i - 1]))
            return err_set(err, ERR_INVALID, "histogram index %u is out of place", m->index[i]);
        ret->bucket[m->index[i]] = m->count[i];
        ret->count += m->count[i];
    }
    ret->sum_us = m->sum_us;
    return 0;
}

static int take_system(const Switchyard__V1__SystemReport *m, struct system_stats *ret,
                       struct err *err)
{
    if (!m)
        return 0;
#define X(name) ret->name = m->name;
    SYSTEM_COUNTS(X)
#undef X
    return m->latency ? take_latency(m->latency, &ret->latency, err) : 0;
}

static int take_mirror(const Switchyard__V1__MirrorReport *m, struct mirror_stats *ret,
                       struct err *err)
{
    if (!m)
        return 0;
#define X(name) ret->name = m->name;
    MIRROR_COUNTS(X)
#undef X
    return m->latency ? take_latency(m->latency, &ret->latency, err) : 0;
}

/* For people only: a cause that this version does not know is none. */
static void take_breaker_seen(const Switchyard__V1__BreakerReport *m, struct breaker_seen *ret)
{
    if (!m)
        return;
    ret->requests = m->requests;
    ret->errors = m->errors;
    ret->slow = m->slow;
    ret->since.ns = m->since_unix_ms > 0 && m->since_unix_ms < INT64_MAX / 1000000
                        ? m->since_unix_ms * 1000000
                        : 0;
    if (!breaker_cause_parse(str_of(m->cause), &ret->cause))
        ret->cause = BREAKER_CAUSE_NONE;
    ret->share_bp = m->share_bp < WEIGHT_BP_MAX ? m->share_bp : WEIGHT_BP_MAX;
    ret->held = m->held;
    ret->watching = m->watching;
    ret->order_number = m->order_number;
    ret->opened = m->opened;
}

struct node_now fleet_wire_now(const Switchyard__V1__Report *m)
{
    return (struct node_now){
        .client_connections = m->client_connections,
        .endpoints = m->endpoints,
        .endpoints_healthy =
            m->endpoints_healthy < m->endpoints ? m->endpoints_healthy : m->endpoints,
    };
}

int fleet_wire_stats(const Switchyard__V1__RouteReport *m, struct route_stats *ret, struct err *err)
{
    char shown[SHOW_SIZE];
    int r = name_parse(str_of(m->migration), "migration", &ret->migration, err);

    if (r == 0)
        r = take_system(m->legacy, &ret->system[SYSTEM_LEGACY], err);
    if (r == 0)
        r = take_system(m->new_, &ret->system[SYSTEM_NEW], err);
    ret->underway.tunnels[SYSTEM_LEGACY] = m->legacy_tunnels;
    ret->underway.tunnels[SYSTEM_NEW] = m->new_tunnels;
    ret->underway.lasting[SYSTEM_LEGACY] = m->legacy_lasting;
    ret->underway.lasting[SYSTEM_NEW] = m->new_lasting;
    if (r == 0)
        r = take_mirror(m->mirror, &ret->mirror, err);
    if (r == 0 && !breaker_state_parse(str_of(m->breaker), &ret->breaker))
        r = err_set(err, ERR_INVALID, "unknown breaker state %s",
                    ids_show(str_of(m->breaker), shown));
    take_breaker_seen(m->breaker_seen, &ret->breaker_seen);
    ret->over_budget = m->over_budget;
    fleet_wire_compared(m, ret);
    return r < 0 ? err_ctx(err, "counters of %s", ids_show(str_of(m->migration), shown)) : 0;
}

/* ---- pasts ----------------------------------------------------------------------------------- */

#define PAST_AGE_MAX dur_s(7200)

static int check_bucket(const Switchyard__V1__PastBucket *m,
                        const Switchyard__V1__PastBucket *older, struct err *err)
{
    if (m->interval_ms == 0 || dur_ms(m->interval_ms).ns > PAST_AGE_MAX.ns)
        return err_set(err, ERR_INVALID, "a bucket of %u ms", m->interval_ms);
    if (dur_ms(m->age_ms).ns > PAST_AGE_MAX.ns)
        return err_set(err, ERR_INVALID, "a bucket that is %u ms old", m->age_ms);
    if (older && m->age_ms > older->age_ms)
        return err_set(err, ERR_INVALID, "buckets are out of order: %u ms old after %u ms",
                       m->age_ms, older->age_ms);
    if (m->n_routes > RULESET_ROUTES_MAX)
        return err_set(err, ERR_INVALID, "a bucket of %zu routes, at most %d are allowed",
                       m->n_routes, RULESET_ROUTES_MAX);
    return 0;
}

static int check_past(const Switchyard__V1__Past *m, size_t *ret_stats, struct err *err)
{
    size_t stats = 0;

    if (m->n_buckets > PAST_PART_BUCKETS_MAX)
        return err_set(err, ERR_INVALID, "%zu buckets, at most %u are allowed", m->n_buckets,
                       PAST_PART_BUCKETS_MAX);
    for (size_t i = 0; i < m->n_buckets; i++) {
        if (check_bucket(m->buckets[i], i > 0 ? m->buckets[i - 1] : NULL, err) < 0)
            return -(int)ERR_INVALID;
        stats += m->buckets[i]->n_routes;
    }
    if (stats > PAST_PART_STATS_MAX)
        return err_set(err, ERR_INVALID, "counters of %zu routes, at most %u are allowed", stats,
                       PAST_PART_STATS_MAX);
    *ret_stats = stats;
    return 0;
}

/* `ret->count` counts what was read before an error, too. */
static int take_bucket(const Switchyard__V1__PastBucket *m, bool foreign, struct route_stats *stats,
                       struct fleet_bucket *ret, struct err *err)
{
    ret->age = dur_ms(m->age_ms);
    ret->interval = dur_ms(m->interval_ms);
    ret->revision = foreign ? 0 : m->revision;
    ret->route = stats;
    for (; ret->count < m->n_routes; ret->count++)
        if (fleet_wire_stats(m->routes[ret->count], &stats[ret->count], err) < 0)
            return -(int)ERR_INVALID;
    return 0;
}

void fleet_wire_past_deinit(struct fleet_past_box *b)
{
    free(b->bucket);
    free(b->stats);
}

int fleet_wire_past(const Switchyard__V1__Past *m, bool foreign, struct fleet_past_box *ret,
                    struct err *err)
{
    struct route_stats *next;
    size_t stats = 0;
    int r = check_past(m, &stats, err);

    *ret = (struct fleet_past_box){.past = {.more = m->more}};
    if (r == 0)
        r = fleet_wire_word("id", m->id, ret->past.id, sizeof(ret->past.id), err);
    if (r < 0)
        return err_ctx(err, "past");
    ret->bucket = xcalloc(m->n_buckets + 1, sizeof(*ret->bucket));
    ret->stats = next = xcalloc(stats + 1, sizeof(*ret->stats));
    for (size_t i = 0; i < m->n_buckets && r == 0; i++) {
        r = take_bucket(m->buckets[i], foreign, next, &ret->bucket[i], err);
        next += ret->bucket[i].count;
    }
    ret->past.bucket = ret->bucket;
    ret->past.count = (unsigned)m->n_buckets;
    if (r == 0)
        return 0;
    fleet_wire_past_deinit(ret);
    return err_ctx(err, "past");
}
