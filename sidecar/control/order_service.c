/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/order_service.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/rpc/rpc.h"
#include "common/wire/log_wire.h"
#include "sidecar.pb-c.h"
#include "sidecar/control/convert.h"
#include "sidecar/control/debug_call.h"
#include "sidecar/control/explain_call.h"
#include "sidecar/control/probe_call.h"

/* A proxy that does not serve with it by then is told as such. */
#define ANSWER_WITHIN dur_s(3)
/* Nobody gives orders to one node by the dozen. */
#define CALLS_MAX     64
#define MESSAGE_MAX   (64u << 10)
#define SOCKET_PREFIX "unix:"

enum { DOOR_SOCKET, DOOR_TCP, DOOR_COUNT };

/* An order that was taken and is not answered. */
struct waiting {
    struct order_service *service;
    struct rpc_call *call;
    struct name migration; /* "": every one */
    mono_t since;
    struct timer deadline;
    struct waiting *prev, *next;
};

struct order_service {
    struct order_service_config config;
    struct loop *loop;
    order_fn fn;
    void *ctx;
    struct rpc_server *door[DOOR_COUNT]; /* owned; NULL: closed */
    unsigned open;                       /* servers that have not stopped */
    struct waiting *waiting;
    struct probe_call *probes; /* under way */
    char address[ENDPOINT_SIZE];
};

/* ---- answering ------------------------------------------------------------------------------- */

static bool concerns(const struct waiting *w, const struct ruleset_entry *e)
{
    return w->migration.s[0] == '\0' || name_eq(&w->migration, &e->route.migration);
}

static bool is_served(const struct waiting *w)
{
    const struct agent *a = w->service->config.agent;
    const struct ruleset *set = agent_accepted(a);

    for (unsigned i = 0; set && i < set->count; i++)
        if (concerns(w, &set->entry[i]) && !agent_obeys(a, set->entry[i].route.migration.s))
            return false;
    return true;
}

static void fill(const struct waiting *w, Switchyard__V1__OrderResult *ret,
                 Switchyard__V1__OrderedMigration *item)
{
    const struct agent *a = w->service->config.agent;
    const struct ruleset *set = agent_accepted(a);

    for (unsigned i = 0; set && i < set->count; i++) {
        const char *name = set->entry[i].route.migration.s;
        Switchyard__V1__OrderedMigration *m = &item[ret->n_migrations];

        if (!concerns(w, &set->entry[i]))
            continue;
        switchyard__v1__ordered_migration__init(m);
        m->migration = rpc_lend(name);
        m->epoch = set->entry[i].emergency.epoch;
        m->serving = agent_obeys(a, name);
        ret->migrations[ret->n_migrations++] = m;
    }
}

static void answer(struct waiting *w)
{
    struct order_service *s = w->service;
    Switchyard__V1__OrderResult m = SWITCHYARD__V1__ORDER_RESULT__INIT;
    Switchyard__V1__OrderedMigration *item = xcalloc(RULESET_ROUTES_MAX, sizeof *item);

    m.node = rpc_lend(s->config.node);
    m.migrations = xcalloc(RULESET_ROUTES_MAX, sizeof *m.migrations);
    fill(w, &m, item);
    m.measured_ms = is_served(w) ? dur_in_ms(mono_sub(loop_now(s->loop), w->since)) : -1.0;
    rpc_call_reply(w->call, &m.base);
    xfreep(&m.migrations);
    xfreep(&item);
    timer_cancel(&w->deadline);
    DL_DELETE(s->waiting, w);
    xfreep(&w);
}

static void on_deadline(struct timer *t)
{
    answer(container_of(t, struct waiting, deadline));
}

void order_service_served(struct order_service *s)
{
    struct waiting *w, *next;

    DL_FOREACH_SAFE (s->waiting, w, next)
        if (is_served(w))
            answer(w);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static int take_text(const char *what, const char *from, char *dst, size_t size, struct err *err)
{
    size_t bad;

    if (from[0] == '\0')
        return err_set(err, ERR_INVALID, "an order needs its %s, which is recorded", what);
    if (!str_is_line(str_of(from), &bad))
        return err_set(err, ERR_INVALID, "the %s is not one line of text, see byte %zu", what,
                       bad + 1);
    if (!str_copy(str_of(from), dst, size))
        return err_set(err, ERR_INVALID, "the %s is longer than %zu bytes", what, size - 1);
    return 0;
}

static int take_request(const Switchyard__V1__OrderRequest *m, struct emergency *ret,
                        struct err *err)
{
    int r;

    if (m->all == (m->migration[0] != '\0'))
        return err_set(err, ERR_INVALID, "an order is for one migration, or for all of them");
    r = m->all ? 0 : name_parse(str_of(m->migration), "migration", &ret->migration, err);
    if (r == 0)
        r = take_text("reason", m->reason, ret->reason, sizeof ret->reason, err);
    if (r == 0)
        r = take_text("operator", m->operator_, ret->operator_name, sizeof ret->operator_name, err);
    return r;
}

static void wait_for(struct order_service *s, struct rpc_call *call, const struct name *migration)
{
    struct waiting *w = xnew(struct waiting);

    w->service = s;
    w->call = call;
    w->migration = *migration;
    w->since = loop_now(s->loop);
    timer_set(s->loop, &w->deadline, ANSWER_WITHIN, on_deadline, "order");
    DL_APPEND(s->waiting, w);
}

static void on_order(void *service_ctx, struct rpc_call *call, const ProtobufCMessage *request)
{
    struct order_service *s = service_ctx;
    struct emergency order = {.ordered_at = loop_wall(s->loop)};
    struct err err = {0};

    if (take_request((const Switchyard__V1__OrderRequest *)request, &order, &err) < 0 ||
        s->fn(s->ctx, &order, &err) < 0)
        return rpc_call_fail(call, &err);
    wait_for(s, call, &order.migration);
    order_service_served(s);
}

static void on_explain(void *service_ctx, struct rpc_call *call, const ProtobufCMessage *request)
{
    const struct order_service *s = service_ctx;

    explain_call(&s->config, call, request);
}

static void on_probe(void *service_ctx, struct rpc_call *call, const ProtobufCMessage *request)
{
    struct order_service *s = service_ctx;

    probe_call_begin(&s->config, &s->probes, call, request);
}

static void on_debug(void *service_ctx, struct rpc_call *call, const ProtobufCMessage *request)
{
    const struct order_service *s = service_ctx;

    debug_call(&s->config, call, request);
}

static const struct rpc_method methods[] = {
    {.name = "Order", .unary = on_order},
    {.name = "Probe", .unary = on_probe},
    {.name = "Explain", .unary = on_explain},
    {.name = "Debug", .unary = on_debug},
    {.name = "GetLog", .unary = log_on_get},
    {.name = "SetLogLevel", .unary = log_on_set_level},
    {.name = NULL},
};

/* ---- doors ----------------------------------------------------------------------------------- */

static void give_up(struct rpc_server **door)
{
    rpc_server_free(steal(*door));
}

static int open_door(struct order_service *s, const char *where, struct rpc_server **ret,
                     struct err *err)
{
    struct rpc_server_config config = {
        .listen = where, .max_message_bytes = MESSAGE_MAX, .max_calls = CALLS_MAX};
    int r = rpc_server_new(&config, ret, err);

    if (r == 0)
        r = rpc_server_add(*ret, &switchyard__v1__sidecar__descriptor, methods, s->loop, s, err);
    return r;
}

static int start_door(struct order_service *s, struct rpc_server *door, struct err *err)
{
    int r = rpc_server_start(door, err);

    s->open += r == 0;
    return r;
}

/* The folder is the node's own, but may be an old one that others can enter. */
static int open_socket(struct order_service *s, struct err *err)
{
    char folder[PATH_MAX], where[PATH_MAX + 32];
    int r;

    if (!realpath(s->config.folder, folder))
        return err_errno(err, errno, "find %s", s->config.folder);
    if (!str_fmt(where, sizeof where, SOCKET_PREFIX "%s/control.sock", folder))
        return err_set(err, ERR_INVALID, "the path of the data folder is too long");
    r = open_door(s, where, &s->door[DOOR_SOCKET], err);
    if (r == 0 && chmod(where + strlen(SOCKET_PREFIX), 0600) < 0)
        r = err_errno(err, errno, "close %s to others", where);
    if (r == 0)
        r = start_door(s, s->door[DOOR_SOCKET], err);
    if (r < 0)
        give_up(&s->door[DOOR_SOCKET]);
    else if (!str_copy(str_of(where), s->address, sizeof s->address))
        s->address[0] = '\0'; /* it answers all the same, nobody is told where */
    return r;
}

/* "127.0.0.1:0" becomes the address with the real port. */
static void note_address(struct order_service *s)
{
    const char *listen = s->config.listen, *colon = strrchr(listen, ':');
    int host = colon ? (int)(colon - listen) : (int)strlen(listen);

    str_fmt(s->address, sizeof s->address, "%.*s:%d", host, listen,
            rpc_server_port(s->door[DOOR_TCP]));
}

static int open_tcp(struct order_service *s, struct err *err)
{
    int r = open_door(s, s->config.listen, &s->door[DOOR_TCP], err);

    if (r == 0)
        r = start_door(s, s->door[DOOR_TCP], err);
    if (r < 0) {
        give_up(&s->door[DOOR_TCP]);
        return err_ctx(err, "--control");
    }
    note_address(s);
    return 0;
}

int order_service_new(const struct order_service_config *config, struct loop *l, order_fn fn,
                      void *ctx, struct order_service **ret, struct err *ret_no_socket,
                      struct err *err)
{
    CLEANUP(order_service_freep) struct order_service *s = xnew(struct order_service);
    int r;

    s->config = *config;
    s->loop = l;
    s->fn = fn;
    s->ctx = ctx;
    *ret_no_socket = (struct err){.code = ERR_NONE};
    if (open_socket(s, ret_no_socket) < 0)
        err_ctx(ret_no_socket, "control socket");
    r = config->listen ? open_tcp(s, err) : 0;
    if (r == 0)
        *ret = steal(s);
    return r;
}

static void on_stopped(void *ctx)
{
    struct order_service *s = ctx;

    s->open--;
}

struct order_service *order_service_free(struct order_service *s)
{
    if (!s)
        return NULL;
    while (s->waiting)
        answer(s->waiting);
    probe_call_end_all(&s->probes);
    for (int i = 0; i < DOOR_COUNT; i++)
        if (s->door[i])
            rpc_server_stop(s->door[i], dur_ms(0), s->loop, on_stopped, s);
    while (s->open > 0)
        loop_turn(s->loop, dur_s(1));
    for (int i = 0; i < DOOR_COUNT; i++)
        give_up(&s->door[i]);
    xfreep(&s);
    return NULL;
}

const char *order_service_address(const struct order_service *s)
{
    return s->address;
}
