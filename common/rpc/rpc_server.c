/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_server.h"

#include <grpc/grpc_security.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rpc/rpc_args.h"
#include "common/rpc/rpc_health.h"
#include "common/rpc/rpc_reflection.h"
#include "common/rpc/rpc_status.h"

/* ---- binding ------------------------------------------------------------------------------- */

static const char *unix_path(const char *listen_at)
{
    return str_starts(str_of(listen_at), STR("unix:")) ? listen_at + 5 : NULL;
}

/* The library removes a socket file that is there, even one that a living server listens on. */
static bool unix_socket_alive(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    bool alive;
    int fd;

    if (!str_copy(str_of(path), addr.sun_path, sizeof addr.sun_path))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    alive = connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0;
    close(fd);
    return alive;
}

static int cannot_listen(const char *where, struct str why, struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %.*s", where, (int)why.n, why.p);
    if (str_eq(why, STR("Address already in use")))
        err_hint(err, "another process listens there; stop it, or choose another address");
    return -ERR_UNAVAILABLE;
}

static int bind_to(struct rpc_server *s, const char *where, struct err *err)
{
    const char *path = unix_path(where);
    grpc_server_credentials *credentials;
    char log[2048];

    if (path && unix_socket_alive(path))
        return cannot_listen(where, STR("Address already in use"), err);
    credentials = grpc_insecure_server_credentials_create();
    rpc_log_capture(log, sizeof log);
    s->port = grpc_server_add_http2_port(s->grpc, where, credentials);
    rpc_log_release();
    grpc_server_credentials_release(credentials);
    if (s->port == 0)
        return cannot_listen(where, rpc_status_log_reason(str_of(log)), err);
    if (path)
        s->port = 0;
    return 0;
}

/* ---- making -------------------------------------------------------------------------------- */

int rpc_server_new(const struct rpc_server_config *config, struct rpc_server **ret, struct err *err)
{
    struct rpc_server *s = xnew(struct rpc_server);
    struct rpc_args args;
    int r;

    rpc_args_server(&args, config);
    s->max_message_bytes = rpc_message_bytes(config->max_message_bytes);
    s->max_calls = config->max_calls ? config->max_calls : RPC_DEFAULT_MAX_CALLS;
    atomic_init(&s->holds, 1); /* the library's */
    s->grpc = grpc_server_create(&args.list, NULL);
    grpc_server_register_completion_queue(s->grpc, rpc_cq(), NULL);
    r = bind_to(s, config->listen, err);
    if (r < 0) {
        grpc_server_destroy(s->grpc);
        free(s);
        return r;
    }
    s->health = rpc_health_new(s);
    s->reflection = rpc_reflection_new(s, config->descriptors, config->descriptors_size);
    *ret = s;
    return 0;
}

int rpc_server_port(const struct rpc_server *s)
{
    return s->port;
}

static int fill_methods(struct rpc_service *service, const struct rpc_method *methods,
                        struct err *err)
{
    const ProtobufCServiceDescriptor *desc = service->desc;

    for (; methods->name; methods++) {
        const ProtobufCMethodDescriptor *m =
            protobuf_c_service_descriptor_get_method_by_name(desc, methods->name);

        if (!m)
            return err_set(err, ERR_INVALID, "service %s has no method %s", desc->name,
                           methods->name);
        if (!methods->unary == !methods->open || (methods->open && !methods->events))
            return err_set(err, ERR_INVALID, "%s/%s: give either unary, or open and events",
                           desc->name, methods->name);
        service->methods[m - desc->methods] = methods;
    }
    for (unsigned i = 0; i < desc->n_methods; i++)
        if (!service->methods[i])
            return err_set(err, ERR_INVALID, "%s/%s has no handler", desc->name,
                           desc->methods[i].name);
    return 0;
}

static void free_service(struct rpc_service *service)
{
    free(service->methods);
    free(service);
}

int rpc_server_add(struct rpc_server *s, const ProtobufCServiceDescriptor *desc,
                   const struct rpc_method *methods, struct loop *l, void *service_ctx,
                   struct err *err)
{
    struct rpc_service *service = xnew(struct rpc_service);
    int r;

    CHECK(!s->started);
    service->server = s;
    service->desc = desc;
    service->ctx = service_ctx;
    service->methods = xcalloc(desc->n_methods, sizeof(service->methods[0]));
    r = fill_methods(service, methods, err);
    if (r == 0)
        r = rpc_inbox_get(l, &service->inbox, err);
    if (r < 0) {
        free_service(service);
        return r;
    }
    LL_APPEND(s->services, service);
    return 0;
}

struct rpc_service *rpc_server_find(const struct rpc_server *s, struct str name)
{
    struct rpc_service *service = s->services;

    while (service && !str_eq(str_of(service->desc->name), name))
        service = service->next;
    return service;
}

int rpc_server_start(struct rpc_server *s, struct err *err)
{
    struct loop *l;
    int r;

    CHECK(!s->started);
    if (!s->services)
        return err_set(err, ERR_INVALID, "a server needs at least one service");
    l = rpc_inbox_loop(s->services->inbox);
    r = rpc_health_add(s->health, l, err);
    if (r == 0)
        r = rpc_reflection_add(s->reflection, l, err);
    if (r < 0)
        return r;
    s->started = true;
    grpc_server_start(s->grpc);
    rpc_accept_start(s);
    return 0;
}

void rpc_server_set_serving(struct rpc_server *s, bool serving)
{
    rpc_health_set(s->health, serving);
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void on_stopped(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_server *s = container_of(op, struct rpc_server, stopped_op);

    s->stopped = true;
    rpc_inbox_put(steal(s->stop_inbox));
    s->on_stopped(s->on_stopped_ctx);
}

static void on_detach(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_service *service = container_of(op, struct rpc_service, detach);
    struct rpc_server *s = service->server;

    rpc_inbox_put(steal(service->inbox));
    if (atomic_fetch_sub(&s->attached, 1) == 1)
        rpc_op_post(&s->stopped_op, rpc_inbox_box(s->stop_inbox), on_stopped);
}

static void on_drained(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_server *s = container_of(op, struct rpc_server, drained_op);
    struct rpc_service *service;
    unsigned count;

    LL_COUNT(s->services, service, count);
    atomic_store(&s->attached, count);
    LL_FOREACH (s->services, service)
        rpc_op_post(&service->detach, rpc_inbox_box(service->inbox), on_detach);
}

void rpc_server_hold(struct rpc_server *s)
{
    atomic_fetch_add_explicit(&s->holds, 1, memory_order_relaxed);
}

void rpc_server_drop(struct rpc_server *s)
{
    if (atomic_fetch_sub_explicit(&s->holds, 1, memory_order_acq_rel) == 1)
        rpc_op_post(&s->drained_op, rpc_inbox_box(s->stop_inbox), on_drained);
}

static void on_shutdown(struct rpc_op *op, bool ok UNUSED)
{
    struct rpc_server *s = container_of(op, struct rpc_server, shutdown_op);

    timer_cancel(&s->grace);
    rpc_server_drop(s);
}

static void on_grace_over(struct timer *t)
{
    grpc_server_cancel_all_calls(container_of(t, struct rpc_server, grace)->grpc);
}

void rpc_server_stop(struct rpc_server *s, dur_t grace, struct loop *l,
                     void (*stopped_fn)(void *ctx), void *ctx)
{
    struct err err;

    CHECK(s->started && !s->stop_inbox && !s->stopped);
    s->on_stopped = stopped_fn;
    s->on_stopped_ctx = ctx;
    if (rpc_inbox_get(l, &s->stop_inbox, &err) < 0)
        check_die("stop the RPC server: %s", err.msg);
    rpc_health_stop(s->health);
    rpc_op_init(&s->shutdown_op, rpc_inbox_box(s->stop_inbox), on_shutdown);
    grpc_server_shutdown_and_notify(s->grpc, rpc_cq(), &s->shutdown_op);
    timer_set(l, &s->grace, grace, on_grace_over, "rpc.grace");
}

/* ---- freeing ------------------------------------------------------------------------------- */

static void destroy(struct rpc_server *s)
{
    struct rpc_service *service, *next;

    LL_FOREACH_SAFE(s->services, service, next)
    free_service(service);
    rpc_health_free(s->health);
    rpc_reflection_free(s->reflection);
    grpc_server_destroy(s->grpc);
    free(s);
}

static void on_discarded(struct rpc_op *op, bool ok UNUSED)
{
    destroy(container_of(op, struct rpc_server, shutdown_op));
}

/* A server that has bound its port but never started: the library wants a shutdown all the same. */
static void discard(struct rpc_server *s)
{
    struct rpc_service *service;
    grpc_server *grpc = s->grpc;

    LL_FOREACH (s->services, service)
        rpc_inbox_put(steal(service->inbox));
    rpc_op_init(&s->shutdown_op, NULL, on_discarded);
    grpc_server_shutdown_and_notify(grpc, rpc_cq(), &s->shutdown_op);
}

void rpc_server_free(struct rpc_server *s)
{
    if (!s)
        return;
    CHECK(s->stopped || !s->started);
    if (s->started)
        destroy(s);
    else
        discard(s);
}
