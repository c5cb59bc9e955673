/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/node_metrics.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/model/mirror_rows.h"
#include "sidecar/certificates.h"
#include "sidecar/proxy/proxy.h"

struct total {
    uint64_t requests, errors, timeouts, connect_errors, overloads;
    uint64_t tunnels_opened;
    uint64_t tunnels; /* now */
    uint64_t lasting; /* now */
    uint64_t bytes_in, bytes_out;
    struct metric_hist latency;
};

/* A migration since the start, or since its route came. */
struct row {
    struct row *prev, *next;
    struct name migration;
    struct total total[SYSTEM_COUNT];
    uint64_t fallbacks;
    uint64_t over_budget;
    struct mirror_stats mirror;
    enum breaker_state breaker;
    bool served;
};

struct node_metrics {
    struct row *rows; /* utlist */
};

struct node_metrics *node_metrics_new(void)
{
    return xnew(struct node_metrics);
}

static void drop_row(struct node_metrics *n, struct row *r)
{
    DL_DELETE(n->rows, r);
    xfreep(&r);
}

struct node_metrics *node_metrics_free(struct node_metrics *n)
{
    if (!n)
        return NULL;
    while (n->rows)
        drop_row(n, n->rows);
    xfreep(&n);
    return NULL;
}

/* ---- counting -------------------------------------------------------------------------------- */

static struct row *get_row(struct node_metrics *n, const struct name *migration)
{
    struct row *r;

    DL_FOREACH (n->rows, r) {
        if (name_eq(&r->migration, migration))
            return r;
    }
    r = xnew(struct row);
    r->migration = *migration;
    DL_APPEND(n->rows, r);
    return r;
}

static void add_system(struct total *t, const struct system_stats *s)
{
    t->requests += s->requests;
    t->errors += s->errors;
    t->timeouts += s->timeouts;
    t->connect_errors += s->connect_errors;
    t->overloads += s->overloads;
    t->tunnels_opened += s->tunnels;
    t->bytes_in += s->bytes_in;
    t->bytes_out += s->bytes_out;
    metric_hist_add(&t->latency, &s->latency);
}

void node_metrics_add(struct node_metrics *n, const struct route_stats *stats, size_t count)
{
    struct row *r, *next;

    DL_FOREACH (n->rows, r)
        r->served = false;
    for (size_t i = 0; i < count; i++) {
        r = get_row(n, &stats[i].migration);
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            add_system(&r->total[s], &stats[i].system[s]);
            r->total[s].tunnels = stats[i].underway.tunnels[s];
            r->total[s].lasting = stats[i].underway.lasting[s];
        }
        r->fallbacks += stats[i].system[SYSTEM_NEW].fallbacks;
        r->over_budget += stats[i].over_budget;
        mirror_stats_merge(&r->mirror, &stats[i].mirror);
        r->breaker = stats[i].breaker;
        r->served = true;
    }
    DL_FOREACH_SAFE (n->rows, r, next) {
        if (!r->served)
            drop_row(n, r);
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

#define OF_SYSTEM "migration=\"%s\",system=\"%s\""

static void counters(struct metrics *m, const struct node_metrics *n, enum metric family,
                     size_t offset)
{
    const struct row *r;

    metrics_family(m, family);
    DL_FOREACH (n->rows, r) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            const char *total = (const char *)&r->total[s];

            metrics_count(m, *(const uint64_t *)(const void *)(total + offset), OF_SYSTEM,
                          r->migration.s, system_name((enum system)s));
        }
    }
}

static void bytes(struct metrics *m, const struct node_metrics *n)
{
    const struct row *r;

    metrics_family(m, METRIC_BYTES);
    DL_FOREACH (n->rows, r) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
            const char *system = system_name((enum system)s);

            metrics_count(m, r->total[s].bytes_in, OF_SYSTEM ",direction=\"in\"", r->migration.s,
                          system);
            metrics_count(m, r->total[s].bytes_out, OF_SYSTEM ",direction=\"out\"", r->migration.s,
                          system);
        }
    }
}

static void latencies(struct metrics *m, const struct node_metrics *n)
{
    const struct row *r;

    metrics_family(m, METRIC_LATENCY);
    DL_FOREACH (n->rows, r) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            metrics_hist(m, &r->total[s].latency, OF_SYSTEM, r->migration.s,
                         system_name((enum system)s));
    }
}

static void of_new(struct metrics *m, const struct node_metrics *n)
{
    const struct row *r;

    metrics_family(m, METRIC_FALLBACKS);
    DL_FOREACH (n->rows, r)
        metrics_count(m, r->fallbacks, "migration=\"%s\"", r->migration.s);
    metrics_family(m, METRIC_OVER_BUDGET);
    DL_FOREACH (n->rows, r)
        metrics_count(m, r->over_budget, "migration=\"%s\"", r->migration.s);
    metrics_family(m, METRIC_BREAKER);
    DL_FOREACH (n->rows, r) {
        for (unsigned s = 0; s < BREAKER_STATE_COUNT; s++)
            metrics_count(m, r->breaker == s, "migration=\"%s\",state=\"%s\"", r->migration.s,
                          breaker_state_name((enum breaker_state)s));
    }
}

static void copies(struct metrics *m, const struct node_metrics *n)
{
    const struct row *r;

    metrics_family(m, METRIC_MIRROR_COPIES);
    DL_FOREACH (n->rows, r)
        mirror_rows_results(m, r->migration.s, &r->mirror);
    metrics_family(m, METRIC_MIRROR_DROPPED);
    DL_FOREACH (n->rows, r)
        mirror_rows_reasons(m, r->migration.s, &r->mirror);
    metrics_family(m, METRIC_MIRROR_BYTES);
    DL_FOREACH (n->rows, r) {
        metrics_count(m, r->mirror.sent_bytes, "migration=\"%s\",direction=\"%s\"", r->migration.s,
                      "sent");
        metrics_count(m, r->mirror.received_bytes, "migration=\"%s\",direction=\"%s\"",
                      r->migration.s, "received");
    }
}

static void routes(struct metrics *m, const struct ruleset *set)
{
    metrics_family(m, METRIC_WEIGHT);
    for (unsigned i = 0; set && i < set->count; i++)
        metrics_value(m, set->entry[i].route.weight_bp / 10000.0, "migration=\"%s\"",
                      set->entry[i].route.migration.s);
    metrics_family(m, METRIC_MIRROR_SHARE);
    for (unsigned i = 0; set && i < set->count; i++)
        metrics_value(m, set->entry[i].route.mirror.share_bp / 10000.0, "migration=\"%s\"",
                      set->entry[i].route.migration.s);
    metrics_family(m, METRIC_EMERGENCY);
    for (unsigned i = 0; set && i < set->count; i++)
        metrics_count(m, set->entry[i].emergency.active, "migration=\"%s\"",
                      set->entry[i].route.migration.s);
}

typedef unsigned endpoint_counts[SYSTEM_COUNT][ENDPOINT_STATE_COUNT];

static void count_endpoint(void *ctx, const struct proxy_endpoint *e)
{
    endpoint_counts *counts = ctx;

    (*counts)[e->system][e->state]++;
}

static void endpoints(struct metrics *m, struct proxy *proxy, const struct name *migration)
{
    endpoint_counts counts = {{0}};

    proxy_endpoints(proxy, migration->s, count_endpoint, &counts);
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        for (int state = 0; state < ENDPOINT_STATE_COUNT; state++)
            metrics_count(m, counts[s][state], OF_SYSTEM ",state=\"%s\"", migration->s,
                          system_name((enum system)s), sm_state_name(&endpoint_machine, state));
}

static void health(struct metrics *m, const struct node_facts *f)
{
    metrics_family(m, METRIC_ENDPOINTS);
    for (unsigned i = 0; f->proxy && f->served && i < f->served->count; i++)
        endpoints(m, f->proxy, &f->served->entry[i].route.migration);
}

static void one(struct metrics *m, enum metric family, double value)
{
    metrics_family(m, family);
    metrics_value(m, value, "%s", "");
}

static const char *const protocols[CLIENT_PROTOCOLS] = {
    [CLIENT_HTTP1] = "http1",
    [CLIENT_HTTP2] = "http2",
};

static void node(struct metrics *m, const struct node_facts *f)
{
    metrics_family(m, METRIC_BUILD);
    metrics_count(m, 1, "program=\"sidecar\",version=\"%s\"", SWITCHYARD_VERSION);
    one(m, METRIC_CLIENTS, f->clients);
    metrics_family(m, METRIC_CLIENT_REQUESTS);
    for (unsigned i = 0; f->proxy && i < CLIENT_PROTOCOLS; i++)
        metrics_count(m, proxy_requests(f->proxy, i), "protocol=\"%s\"", protocols[i]);
    metrics_family(m, METRIC_UPSTREAMS);
    metrics_count(m, f->busy, "state=\"%s\"", "busy");
    metrics_count(m, f->idle, "state=\"%s\"", "idle");
    one(m, METRIC_POOLS, f->pools);
    one(m, METRIC_REVISION, (double)f->revision);
    one(m, METRIC_SERVING_SINCE, f->served ? (double)f->serving_since.ns / 1e9 : 0);
    one(m, METRIC_STALE, f->stale);
    one(m, METRIC_SILENCE, (double)f->silence.ns / 1e9);
    one(m, METRIC_STATE_UNWRITTEN, f->unwritten);
    metrics_family(m, METRIC_ACCESS_LOST);
    metrics_count(m, f->access_lost, "%s", "");
}

bool node_metrics_page(const struct node_metrics *n, const struct node_facts *f, struct buf *ret)
{
    struct metrics m;

    metrics_begin(&m, ret);
    node(&m, f);
    counters(&m, n, METRIC_REQUESTS, offsetof(struct total, requests));
    counters(&m, n, METRIC_ERRORS, offsetof(struct total, errors));
    counters(&m, n, METRIC_TIMEOUTS, offsetof(struct total, timeouts));
    counters(&m, n, METRIC_CONNECT_ERRORS, offsetof(struct total, connect_errors));
    counters(&m, n, METRIC_OVERLOADS, offsetof(struct total, overloads));
    counters(&m, n, METRIC_TUNNELS_OPENED, offsetof(struct total, tunnels_opened));
    counters(&m, n, METRIC_TUNNELS, offsetof(struct total, tunnels));
    counters(&m, n, METRIC_LASTING, offsetof(struct total, lasting));
    bytes(&m, n);
    of_new(&m, n);
    copies(&m, n);
    latencies(&m, n);
    routes(&m, f->served);
    health(&m, f);
    certificates_metrics(&m, f->tls);
    return metrics_end(&m);
}
