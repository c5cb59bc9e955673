/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's pages: /healthz, /readyz and /metrics. All of it is looked up when it is asked
 * for. */
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/model/mirror_rows.h"
#include "common/pages/pages.h"
#include "coordinator/coordinator_state.h"

static void one(struct metrics *m, enum metric family, double value)
{
    metrics_family(m, family);
    metrics_value(m, value, "%s", "");
}

/* ---- the parts ------------------------------------------------------------------------------- */

static void self(struct metrics *m, const struct coordinator *c)
{
    struct service_facts f;
    struct driver_health h;

    c->host.facts(c->host.ctx, &f);
    driver_health(c->driver, &h);
    metrics_family(m, METRIC_BUILD);
    metrics_count(m, 1, "program=\"coordinator\",version=\"%s\"", SWITCHYARD_VERSION);
    one(m, METRIC_LEADER, f.leads);
    one(m, METRIC_TERM, (double)f.term);
    one(m, METRIC_REVISION, (double)f.revision);
    one(m, METRIC_STORE_UP, f.store.code == ERR_NONE);
    metrics_family(m, METRIC_STORE_ERRORS);
    metrics_count(m, h.store_errors, "%s", "");
    one(m, METRIC_UNSTORED_ORDERS, f.unstored);
    metrics_family(m, METRIC_REPORTS_DROPPED);
    metrics_count(m, f.reports_dropped, "%s", "");
    metrics_family(m, METRIC_COMMANDS);
    metrics_count(m, c->commands_done, "result=\"%s\"", "done");
    metrics_count(m, c->commands_refused, "result=\"%s\"", "refused");
}

static void nodes(struct metrics *m, const struct coordinator *c, const struct core *core)
{
    unsigned n[NODE_STATE_COUNT];

    registry_count_states(c->registry, core_revision(core), n);
    metrics_family(m, METRIC_NODES);
    for (unsigned s = 0; s < NODE_STATE_COUNT; s++)
        metrics_count(m, n[s], "state=\"%s\"", node_state_name((enum node_state)s));
}

/* ---- migrations ------------------------------------------------------------------------------ */

struct facts {
    const char *name;
    enum rollout_phase phase;
    uint32_t weight_bp, mirror_bp;
    const struct mirror_stats *mirrored; /* borrowed; NULL: no copies */
    unsigned lagging, open_breakers;
    double fan_out_ms; /* <0: nodes lag */
};

static unsigned look(const struct coordinator *c, const struct core *core, struct facts *ret)
{
    CLEANUP(xfreep) struct view_status *s = xnew(struct view_status);
    unsigned count = 0;

    for (const char *name = ""; (name = core_next_migration(core, name)) != NULL;) {
        struct view_measured measured;

        if (view_status(core, name, loop_wall(c->loop), loop_now(c->loop), s, NULL) < 0)
            continue;
        view_measured(core, name, &measured);
        ret[count++] = (struct facts){
            .name = name,
            .phase = s->rollout->phase,
            .weight_bp = s->effective_weight_bp,
            .mirror_bp = s->mirror.share_bp,
            .mirrored = s->mirrored,
            .lagging = s->convergence.lagging,
            .open_breakers = s->breaker_open_nodes,
            .fan_out_ms = measured.all,
        };
    }
    return count;
}

static void phases(struct metrics *m, const struct facts *f, unsigned count)
{
    unsigned n[PHASE_COUNT] = {0};

    for (unsigned i = 0; i < count; i++)
        n[f[i].phase]++;
    metrics_family(m, METRIC_MIGRATIONS);
    for (unsigned p = 0; p < PHASE_COUNT; p++)
        metrics_count(m, n[p], "phase=\"%s\"", phase_name((enum rollout_phase)p));
}

#define OF_MIGRATION "migration=\"%s\""

static void copies(struct metrics *m, const struct facts *f, unsigned count)
{
    metrics_family(m, METRIC_ROLLOUT_MIRROR);
    for (unsigned i = 0; i < count; i++)
        metrics_value(m, f[i].mirror_bp / 10000.0, OF_MIGRATION, f[i].name);
    metrics_family(m, METRIC_ROLLOUT_COPIES);
    for (unsigned i = 0; i < count; i++) {
        if (f[i].mirrored)
            mirror_rows_results(m, f[i].name, f[i].mirrored);
    }
    metrics_family(m, METRIC_ROLLOUT_DROPPED);
    for (unsigned i = 0; i < count; i++) {
        if (f[i].mirrored)
            mirror_rows_reasons(m, f[i].name, f[i].mirrored);
    }
}

static void migrations(struct metrics *m, const struct coordinator *c, const struct core *core)
{
    unsigned max = core_migrations(core);
    CLEANUP(xfreep) struct facts *f = xcalloc(max + 1, sizeof *f);
    unsigned count = look(c, core, f);

    phases(m, f, count);
    metrics_family(m, METRIC_ROLLOUT_WEIGHT);
    for (unsigned i = 0; i < count; i++)
        metrics_value(m, f[i].weight_bp / 10000.0, OF_MIGRATION, f[i].name);
    copies(m, f, count);
    metrics_family(m, METRIC_LAGGING);
    for (unsigned i = 0; i < count; i++)
        metrics_count(m, f[i].lagging, OF_MIGRATION, f[i].name);
    metrics_family(m, METRIC_OPEN_BREAKERS);
    for (unsigned i = 0; i < count; i++)
        metrics_count(m, f[i].open_breakers, OF_MIGRATION, f[i].name);
    metrics_family(m, METRIC_FAN_OUT);
    for (unsigned i = 0; i < count; i++) {
        if (f[i].fan_out_ms >= 0)
            metrics_value(m, f[i].fan_out_ms / 1e3, OF_MIGRATION, f[i].name);
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

static bool tell_metrics(void *ctx, struct buf *ret)
{
    struct coordinator *c = ctx;
    const struct core *core = driver_core(c->driver);
    struct metrics m;

    metrics_begin(&m, ret);
    self(&m, c);
    if (core) {
        nodes(&m, c, core);
        migrations(&m, c, core);
    }
    return metrics_end(&m);
}

static bool is_alive(void *ctx UNUSED)
{
    return true;
}

static bool is_ready(void *ctx)
{
    const struct coordinator *c = ctx;
    struct driver_health h;

    driver_health(c->driver, &h);
    return driver_core(c->driver) && h.store.code == ERR_NONE;
}

static const struct page all[] = {
    {.path = STR("/healthz"), .is_fine = is_alive, .fine = "alive"},
    {.path = STR("/readyz"),
     .is_fine = is_ready,
     .fine = "the store works",
     .not_fine = "the store cannot be used"},
    {.path = STR("/metrics"), .type = PAGES_METRICS, .tell = tell_metrics},
};

int coordinator_open_pages(struct coordinator *c, struct err *err)
{
    c->host = host_of(c);
    if (!c->config.admin)
        return 0;
    return pages_new(c->config.admin, c->loop, all, ARRAY_LEN(all), c, &c->pages, err);
}
