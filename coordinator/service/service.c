/* SPDX-License-Identifier: Apache-2.0 */
/* Reads are answered at once, by any coordinator, from what it knows. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/wire/log_wire.h"
#include "coordinator/core/days.h"
#include "coordinator/service/convert.h"
#include "coordinator/service/service_state.h"
#include "operator.pb-c.h"

/* ---- reads ----------------------------------------------------------------------------------- */

/* Answers in the arena, or <0. */
typedef int (*read_fn)(struct service *s, const struct convert_query *q, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err);

static void answer_read(struct service *s, struct rpc_call *call, const ProtobufCMessage *req,
                        read_fn read)
{
    const ProtobufCMessage *reply = NULL;
    struct convert_query q;
    struct arena a;
    struct err err;
    int r = convert_query(req, &q, &err);

    arena_init(&a, CONVERT_REPLY_MAX);
    if (r == 0)
        r = read(s, &q, &a, &reply, &err);
    if (r < 0)
        rpc_call_fail(call, &err);
    else
        rpc_call_reply(call, reply);
    arena_deinit(&a);
}

static uint64_t term_of(const struct service *s)
{
    struct service_facts f;

    s->host.facts(s->host.ctx, &f);
    return f.term;
}

/* What nodes obey counts, in the store or not. */
static int look_at(struct service *s, const char *migration, struct arena *a,
                   struct view_status *ret, struct err *err)
{
    struct emergency *order = arena_new(a, struct emergency);
    int r = view_status(core_of(s), migration, loop_wall(s->loop), loop_now(s->loop), ret, err);

    CHECK(order);
    if (r < 0 || !s->host.unstored_order(s->host.ctx, ret->rollout->migration.s, order))
        return r;
    ret->emergency = order;
    ret->effective_weight_bp = 0;
    str_fmt(ret->suggested_command, sizeof(ret->suggested_command), "switchyard health");
    return 0;
}

/* Every migration, in the arena. */
static struct view_status *look_at_all(struct service *s, struct arena *a, unsigned *ret_count)
{
    const struct core *c = core_of(s);
    struct view_status *v = arena_alloc(a, core_migrations(c) * sizeof(*v));

    CHECK(v);
    *ret_count = 0;
    for (const char *m = ""; (m = core_next_migration(c, m));)
        CHECK(look_at(s, m, a, &v[(*ret_count)++], NULL) == 0);
    return v;
}

static void spread_of(const struct service *s, const struct view_status *v, struct arena *a,
                      struct spread *ret)
{
    struct route *route = arena_new(a, struct route);

    CHECK(route && core_compile(core_of(s), v->plan->name.s, route));
    spread_count(s->registry, v, route, a, ret);
}

static int read_status(struct service *s, const struct convert_query *q, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err)
{
    struct spread spread;
    struct view_status v;
    struct view_work work;
    int r = look_at(s, q->migration, a, &v, err);

    if (r < 0)
        return r;
    spread_of(s, &v, a, &spread);
    view_work(core_of(s), v.plan->name.s, &work);
    *ret = convert_status(a, &v, &spread, &work, term_of(s));
    return r;
}

static int read_plan(struct service *s, const struct convert_query *q, struct arena *a,
                     const ProtobufCMessage **ret, struct err *err)
{
    struct view_by_hand by_hand[VIEW_BY_HAND_MAX];
    struct view_status v;
    int r = look_at(s, q->migration, a, &v, err);

    if (r == 0)
        *ret = convert_plan(a, &v, by_hand, view_by_hand(core_of(s), q->migration, by_hand));
    return r;
}

static int read_stats(struct service *s, const struct convert_query *q, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err)
{
    struct view_stats v;
    int r = view_stats(core_of(s), q->migration, q->window, loop_now(s->loop), &v, err);

    if (r == 0)
        *ret = convert_stats(a, q->migration, &v);
    return r;
}

static int read_discrepancies(struct service *s, const struct convert_query *q, struct arena *a,
                              const ProtobufCMessage **ret, struct err *err)
{
    const struct compared_example *example[COMPARED_EXAMPLES_MAX];
    struct view_compared v;
    unsigned count, kept = 0;
    int r = view_compared(core_of(s), q->migration, q->window, loop_now(s->loop), &v, err);

    if (r < 0)
        return r;
    count = view_discrepancies(core_of(s), q->migration, example, COMPARED_EXAMPLES_MAX);
    for (unsigned i = 0; i < count && kept < q->limit; i++)
        if (example[i]->what.critical || !q->critical_only)
            example[kept++] = example[i];
    *ret = convert_discrepancies(a, q->migration, &v, example, kept);
    return 0;
}

static int read_history(struct service *s, const struct convert_query *q, struct arena *a,
                        const ProtobufCMessage **ret, struct err *err)
{
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    struct view_status exists;
    int r =
        view_status(core_of(s), q->migration, loop_wall(s->loop), loop_now(s->loop), &exists, err);

    if (r == 0)
        *ret = convert_history(a, entry, view_history(core_of(s), q->migration, entry, q->limit));
    return r;
}

static int read_health(struct service *s, const struct convert_query *q UNUSED, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err UNUSED)
{
    struct service_coordinator c[SERVICE_COORDINATORS_MAX];
    struct service_facts facts;
    struct service_webhook webhook[SERVICE_WEBHOOKS_MAX];
    struct health_grounds grounds = {core_of(s), s->registry, &facts, .coordinator = c,
                                     .webhook = webhook};
    struct health h;

    s->host.facts(s->host.ctx, &facts);
    grounds.coordinators = s->host.coordinators(s->host.ctx, c);
    grounds.status = look_at_all(s, a, &grounds.statuses);
    if (s->host.webhooks)
        grounds.webhooks = s->host.webhooks(s->host.ctx, webhook);
    health_judge(&grounds, loop_wall(s->loop), a, &h);
    *ret = convert_health(a, &h);
    return 0;
}

static int read_plans(struct service *s, const struct convert_query *q UNUSED, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err UNUSED)
{
    unsigned n;
    const struct view_status *v = look_at_all(s, a, &n);

    *ret = convert_plans(a, v, n);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

/* Of all migrations, sorted, in the arena. */
static struct name *all_quarantined(const struct core *c, struct arena *a, unsigned *ret_count)
{
    struct name *all = arena_alloc(a, (size_t)QUARANTINE_MAX * core_migrations(c) * sizeof(*all));

    CHECK(all);
    *ret_count = 0;
    for (const char *m = ""; (m = core_next_migration(c, m));) {
        const struct name *some;
        unsigned n = view_quarantined(c, m, &some);

        for (unsigned i = 0; i < n; i++)
            all[(*ret_count)++] = some[i];
    }
    qsort(all, *ret_count, sizeof(*all), by_name);
    return all;
}

static int read_nodes(struct service *s, const struct convert_query *q UNUSED, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err UNUSED)
{
    unsigned count;
    const struct name *quarantined = all_quarantined(core_of(s), a, &count);

    *ret = convert_nodes(a, s->registry, core_revision(core_of(s)), quarantined, count);
    return 0;
}

static int read_flags(struct service *s, const struct convert_query *q, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err)
{
    struct view_status *v = arena_new(a, struct view_status);
    unsigned n = 1;
    int r = 0;

    CHECK(v);
    if (q->migration[0])
        r = look_at(s, q->migration, a, v, err);
    else
        v = look_at_all(s, a, &n);
    if (r == 0)
        *ret = convert_flags(a, core_of(s), v, n);
    return r;
}

static int read_breaker(struct service *s, const struct convert_query *q, struct arena *a,
                        const ProtobufCMessage **ret, struct err *err)
{
    struct view_node_breaker *n = arena_alloc(a, CORE_NODES_MAX * sizeof(*n));
    struct view_breaker v;
    int r = view_breaker(core_of(s), q->migration, &v, err);

    CHECK(n);
    if (r == 0)
        *ret = convert_breaker(a, q->migration, &v, n,
                               view_node_breakers(core_of(s), q->migration, n, CORE_NODES_MAX));
    return r;
}

static int read_coordinators(struct service *s, const struct convert_query *q UNUSED,
                             struct arena *a, const ProtobufCMessage **ret, struct err *err UNUSED)
{
    struct service_coordinator c[SERVICE_COORDINATORS_MAX];
    struct service_facts f;
    unsigned n = s->host.coordinators(s->host.ctx, c);

    s->host.facts(s->host.ctx, &f);
    *ret = convert_coordinators(a, c, n, s->registry, &f);
    return 0;
}

static int review_one(struct service *s, const char *migration, int64_t from, struct arena *a,
                      struct convert_review *ret, struct err *err)
{
    const struct history_entry **entry = arena_alloc(a, CORE_HISTORY_KEPT * sizeof(*entry));
    struct view_day *day = arena_alloc(a, DAYS_KEPT * sizeof(*day));
    struct convert_query q = {.migration = migration};
    int r = read_status(s, &q, a, &ret->status, err);

    CHECK(entry && day);
    if (r < 0)
        return r;
    ret->migration = migration;
    ret->day = day;
    ret->days = view_days(core_of(s), migration, from, day, DAYS_KEPT);
    ret->entry = entry;
    ret->entries = view_history(core_of(s), migration, entry, CORE_HISTORY_KEPT);
    return 0;
}

/* The days of the store are whole ones: the first is that in which the time begins. */
static int read_review(struct service *s, const struct convert_query *q, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err)
{
    unsigned most = q->migration[0] ? 1 : core_migrations(core_of(s));
    struct convert_review *review = arena_alloc(a, most * sizeof(*review));
    wall_t until = loop_wall(s->loop), from = wall_add(until, dur_s(-86400 * (int64_t)q->days));
    const ProtobufCMessage *health = NULL;
    unsigned count = 0;
    int r = read_health(s, q, a, &health, err);

    CHECK(review);
    if (q->migration[0] && r == 0)
        r = review_one(s, q->migration, day_of(from), a, &review[count++], err);
    for (const char *m = "";
         !q->migration[0] && r == 0 && (m = core_next_migration(core_of(s), m));)
        r = review_one(s, m, day_of(from), a, &review[count++], err);
    if (r == 0)
        *ret = convert_reviews(a, review, count, health, from, until);
    return r;
}

#define READ(name)                                                                       \
    static void on_##name(void *ctx, struct rpc_call *call, const ProtobufCMessage *req) \
    {                                                                                    \
        answer_read(ctx, call, req, read_##name);                                        \
    }

READ(status)
READ(plan)
READ(stats)
READ(history)
READ(health)
READ(plans)
READ(nodes)
READ(flags)
READ(breaker)
READ(coordinators)
READ(review)
READ(discrepancies)

/* ---- backups --------------------------------------------------------------------------------- */

static int open_backup(void *ctx, struct rpc_stream *s, void **ret_ctx, struct err *err)
{
    return backup_service_backup(&((struct service *)ctx)->backup, s, ret_ctx, err);
}

static int open_restore(void *ctx, struct rpc_stream *s, void **ret_ctx, struct err *err)
{
    return backup_service_restore(&((struct service *)ctx)->backup, s, ret_ctx, err);
}

static const struct rpc_method methods[] = {
    {.name = "Execute", .unary = execute_on_call},
    {.name = "Await", .unary = await_on_call},
    {.name = "GetStatus", .unary = on_status},
    {.name = "GetStats", .unary = on_stats},
    {.name = "GetHistory", .unary = on_history},
    {.name = "GetHealth", .unary = on_health},
    {.name = "ListPlans", .unary = on_plans},
    {.name = "ListNodes", .unary = on_nodes},
    {.name = "ListCoordinators", .unary = on_coordinators},
    {.name = "GetPlan", .unary = on_plan},
    {.name = "GetFlags", .unary = on_flags},
    {.name = "GetBreaker", .unary = on_breaker},
    {.name = "GetReview", .unary = on_review},
    {.name = "CheckStage", .unary = readiness_on_call},
    {.name = "Explain", .unary = explain_on_call},
    {.name = "Measure", .unary = measure_on_call},
    {.name = "GetDiscrepancies", .unary = on_discrepancies},
    {.name = "GetLog", .unary = log_on_get},
    {.name = "SetLogLevel", .unary = log_on_set_level},
    {.name = "Events", .open = events_open, .events = &events_stream},
    {.name = "Backup", .open = open_backup, .events = &backup_events},
    {.name = "Restore", .open = open_restore, .events = &restore_events},
    {.name = NULL},
};

/* ---- life ------------------------------------------------------------------------------------ */

int service_new(const struct service_host *host, struct registry *registry, struct loop *l,
                struct service **ret, struct err *err)
{
    CLEANUP(service_freep) struct service *s = xnew(struct service);
    int r;

    s->host = *host;
    s->registry = registry;
    s->loop = l;
    r = backup_service_init(&s->backup, &host->backup, l, err);
    if (r < 0)
        return r;
    *ret = steal(s);
    return 0;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    CHECK(!s->waiters && !s->landing);
    backup_service_deinit(&s->backup);
    events_service_deinit(s);
    free(s);
}

int service_serve(struct service *s, struct rpc_server *server, struct err *err)
{
    return rpc_server_add(server, &switchyard__v1__operator__descriptor, methods, s->loop, s, err);
}

void service_settled(struct service *s)
{
    execute_answer_landed(s, false);
    await_answer(s, false);
    events_service_look(s);
}

void service_stop(struct service *s)
{
    s->stopping = true;
    readiness_stop(s);
    execute_answer_landed(s, true);
    await_answer(s, true);
    events_service_stop(s);
}
