/* SPDX-License-Identifier: Apache-2.0 */
/* Reads are answered at once. A command's call waits in an execution until the core's answer comes,
 * a caller of Await in a waiter until the nodes serve or its deadline passes. */
#include "coordinator/service/service.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/service/convert.h"
#include "operator.pb-c.h"

#define WAITERS_MAX 256u

/* A command on its way; the core's token. Its strings are the request's. */
struct execution {
    struct service *service;
    struct rpc_call *call;
    struct convert_command command;
};

struct waiter {
    struct service *service;
    struct rpc_call *call;
    struct name migration; /* "": all of them */
    uint64_t revision;
    struct timer deadline;
    struct waiter *prev, *next;
};

struct service {
    struct service_host host;
    struct registry *registry; /* borrowed */
    struct loop *loop;
    struct waiter *waiters;
    unsigned waiter_count;
    bool stopping;
    struct backup_service backup;
};

static const struct core *core_of(const struct service *s)
{
    return s->host.core(s->host.ctx);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void log_answer(const struct execution *e, const struct err *why, bool dry_run)
{
    const struct core_command *c = &e->command.core;
    const char *kind = core_command_name(c->kind);

    if (why->code != ERR_NONE)
        log_err(LOG_WARN, LOG_ANSWER_FAILED, why, "command=%s migration=%s operator=%s request=%s",
                kind, LOGQ(c->migration), LOGQ(c->operator_name), LOGQ(e->command.request_id));
    else
        log_line(LOG_INFO, LOG_COMMAND,
                 "command=%s migration=%s operator=%s reason=%s request=%s dry_run=%s", kind,
                 LOGQ(c->migration), LOGQ(c->operator_name), LOGQ(c->reason),
                 LOGQ(e->command.request_id), dry_run ? "true" : "false");
}

static void end_execution(struct execution *e)
{
    convert_command_deinit(&e->command);
    free(e);
}

static void refuse(struct execution *e, const struct err *why)
{
    log_answer(e, why, false);
    rpc_call_fail(e->call, why);
    end_execution(e);
}

void service_answer(struct service *s UNUSED, const struct core_update *u, uint64_t revision)
{
    struct execution *e = u->token;
    struct arena a;

    if (u->refused.code != ERR_NONE)
        return refuse(e, &u->refused);
    log_answer(e, &u->refused, u->dry_run);
    arena_init(&a, CONVERT_REPLY_MAX);
    rpc_call_reply(e->call, convert_result(&a, u, revision));
    arena_deinit(&a);
    end_execution(e);
}

static void on_execute(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    struct service *s = ctx;
    struct execution *e = xnew(struct execution);
    struct err err;
    int r;

    e->service = s;
    e->call = call;
    if (convert_command(req, &e->command, &err) < 0) {
        rpc_call_fail(call, &err);
        return end_execution(e);
    }
    e->command.core.token = e;
    r = s->host.submit(s->host.ctx, &e->command.core, &err);
    if (r < 0)
        refuse(e, &err);
}

/* ---- waiting for nodes ----------------------------------------------------------------------- */

/* A migration's latest decision may be older than the revision asked for: a pause is stored and has
 * nothing that nodes could serve. */
static uint64_t revision_to_serve(const struct core *c, const struct waiter *w)
{
    uint64_t decided = w->migration.s[0] ? core_decision_rev(c, w->migration.s) : core_revision(c);

    return decided < w->revision ? decided : w->revision;
}

/* The slowest of the migrations that were decided at `revision`. */
static double measured_ms(const struct core *c, const struct waiter *w)
{
    double worst = -1;

    if (w->migration.s[0])
        return view_measured_ms(c, w->migration.s);
    for (const char *m = ""; (m = core_next_migration(c, m));) {
        double ms = core_decision_rev(c, m) == w->revision ? view_measured_ms(c, m) : -1;

        worst = ms > worst ? ms : worst;
    }
    return worst;
}

static void look(const struct waiter *w, struct view_convergence *ret)
{
    const struct core *c = core_of(w->service);

    view_convergence(c, w->migration.s, revision_to_serve(c, w), loop_now(w->service->loop), ret);
}

static void end_wait(struct waiter *w, const struct view_convergence *c)
{
    struct arena a;

    arena_init(&a, CONVERT_REPLY_MAX);
    rpc_call_reply(w->call, convert_await(&a, c, measured_ms(core_of(w->service), w)));
    arena_deinit(&a);
    timer_cancel(&w->deadline);
    DL_DELETE(w->service->waiters, w);
    w->service->waiter_count--;
    free(w);
}

static void on_deadline(struct timer *t)
{
    struct waiter *w = container_of(t, struct waiter, deadline);
    struct view_convergence c;

    look(w, &c);
    end_wait(w, &c);
}

static void answer_waiters(struct service *s, bool all)
{
    struct view_convergence c;
    struct waiter *w, *next;

    DL_FOREACH_SAFE (s->waiters, w, next) {
        look(w, &c);
        if (all || c.lagging == 0 || rpc_call_cancelled(w->call))
            end_wait(w, &c);
    }
}

void service_settled(struct service *s)
{
    answer_waiters(s, false);
}

static int check_wait(struct service *s, const struct convert_query *q, struct err *err)
{
    struct view_status ignored;

    if (s->waiter_count >= WAITERS_MAX) {
        err_set(err, ERR_EXHAUSTED, "%u callers wait for nodes already", s->waiter_count);
        return err_hint(err, "look at the status instead");
    }
    if (q->migration[0] == '\0')
        return 0;
    return view_status(core_of(s), q->migration, loop_wall(s->loop), loop_now(s->loop), &ignored,
                       err);
}

static void on_await(void *ctx, struct rpc_call *call, const ProtobufCMessage *req)
{
    struct service *s = ctx;
    struct convert_query q;
    struct waiter *w;
    struct err err;
    int r = convert_query(req, &q, &err);

    if (r == 0)
        r = check_wait(s, &q, &err);
    if (r < 0)
        return rpc_call_fail(call, &err);
    w = xnew(struct waiter);
    w->service = s;
    w->call = call;
    w->revision = q.revision;
    CHECK(str_copy(str_of(q.migration), w->migration.s, sizeof(w->migration.s)));
    DL_APPEND(s->waiters, w);
    s->waiter_count++;
    timer_set(s->loop, &w->deadline, q.timeout, on_deadline, "service.await");
    answer_waiters(s, s->stopping);
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* Answers in the arena, or <0. */
typedef int (*read_fn)(struct service *s, const struct convert_query *q, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err);

static void answer_read(struct service *s, struct rpc_call *call, const ProtobufCMessage *req,
                        read_fn read)
{
    const ProtobufCMessage *reply;
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

static int read_status(struct service *s, const struct convert_query *q, struct arena *a,
                       const ProtobufCMessage **ret, struct err *err)
{
    struct view_status v;
    int r = view_status(core_of(s), q->migration, loop_wall(s->loop), loop_now(s->loop), &v, err);

    if (r == 0)
        *ret = convert_status(a, &v, term_of(s));
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
    struct service_facts facts;
    struct health h;

    s->host.facts(s->host.ctx, &facts);
    health_judge(core_of(s), s->registry, &facts, loop_wall(s->loop), loop_now(s->loop), a, &h);
    *ret = convert_health(a, &h);
    return 0;
}

static int read_plans(struct service *s, const struct convert_query *q UNUSED, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err)
{
    const struct core *c = core_of(s);
    struct view_status *v = arena_alloc(a, CORE_MIGRATIONS_MAX * sizeof(*v));
    unsigned n = 0;
    int r = 0;

    CHECK(v);
    for (const char *m = ""; r == 0 && (m = core_next_migration(c, m));)
        r = view_status(c, m, loop_wall(s->loop), loop_now(s->loop), &v[n++], err);
    if (r == 0)
        *ret = convert_plans(a, v, n);
    return r;
}

static int read_nodes(struct service *s, const struct convert_query *q UNUSED, struct arena *a,
                      const ProtobufCMessage **ret, struct err *err UNUSED)
{
    *ret = convert_nodes(a, s->registry, core_revision(core_of(s)));
    return 0;
}

#define READ(name)                                                                       \
    static void on_##name(void *ctx, struct rpc_call *call, const ProtobufCMessage *req) \
    {                                                                                    \
        answer_read(ctx, call, req, read_##name);                                        \
    }

READ(status)
READ(stats)
READ(history)
READ(health)
READ(plans)
READ(nodes)

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
    {.name = "Execute", .unary = on_execute},
    {.name = "Await", .unary = on_await},
    {.name = "GetStatus", .unary = on_status},
    {.name = "GetStats", .unary = on_stats},
    {.name = "GetHistory", .unary = on_history},
    {.name = "GetHealth", .unary = on_health},
    {.name = "ListPlans", .unary = on_plans},
    {.name = "ListNodes", .unary = on_nodes},
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
    CHECK(!s->waiters);
    backup_service_deinit(&s->backup);
    free(s);
}

int service_serve(struct service *s, struct rpc_server *server, struct err *err)
{
    return rpc_server_add(server, &switchyard__v1__operator__descriptor, methods, s->loop, s, err);
}

void service_stop(struct service *s)
{
    s->stopping = true;
    answer_waiters(s, true);
}
