/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/report_wire.h"

#include "common/rpc/rpc.h"

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
#define X(name) m->name = s->name;
    SYSTEM_COUNTS(X)
#undef X
    m->latency = latency(a, &s->latency);
    return m->latency != NULL;
}

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
#define X(name) m->name = s->name;
    MIRROR_COUNTS(X)
#undef X
    m->latency = latency(a, &s->latency);
    return m->latency != NULL;
}

/* Absent when nothing was compared. */
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
    m->discrepancies = arena_alloc(a, s->discrepancy_count * sizeof(Switchyard__V1__Discrepancy *));
    for (unsigned i = 0; m->discrepancies && i < s->discrepancy_count; i++) {
        Switchyard__V1__Discrepancy *d = arena_new(a, Switchyard__V1__Discrepancy);

        if (!d || !fill_discrepancy(a, &s->discrepancy[i], d))
            return false;
        m->discrepancies[m->n_discrepancies++] = d;
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

Switchyard__V1__RouteReport *report_wire_route(struct arena *a, const struct route_stats *s)
{
    Switchyard__V1__RouteReport *m = arena_new(a, Switchyard__V1__RouteReport);

    if (!m)
        return NULL;
    switchyard__v1__route_report__init(m);
    m->migration = arena_strdup(a, str_of(s->migration.s));
    m->breaker = rpc_lend(breaker_state_name(s->breaker));
    m->over_budget = s->over_budget;
    m->legacy_tunnels = s->underway.tunnels[SYSTEM_LEGACY];
    m->new_tunnels = s->underway.tunnels[SYSTEM_NEW];
    m->legacy_lasting = s->underway.lasting[SYSTEM_LEGACY];
    m->new_lasting = s->underway.lasting[SYSTEM_NEW];
    if (!m->migration || !add_system(a, &s->system[SYSTEM_LEGACY], &m->legacy) ||
        !add_system(a, &s->system[SYSTEM_NEW], &m->new_) ||
        !add_mirror(a, &s->mirror, &m->mirror) || !add_compared(a, &s->compare, &m->compare) ||
        !add_discrepancies(a, s, m) || !add_breaker(a, s, &m->breaker_seen))
        return NULL;
    return m;
}

Switchyard__V1__RouteReport **report_wire_routes(struct arena *a, const struct route_stats *s,
                                                 size_t count)
{
    Switchyard__V1__RouteReport **list =
        arena_alloc(a, (count + 1) * sizeof(Switchyard__V1__RouteReport *));

    for (size_t i = 0; list && i < count; i++) {
        list[i] = report_wire_route(a, &s[i]);
        if (!list[i])
            return NULL;
    }
    return list;
}
