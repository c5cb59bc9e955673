/* SPDX-License-Identifier: Apache-2.0 */
/* New calls: found in the table of services and handed to their loop, or refused. All of it runs on
 * the queue's thread, so a loop that is busy does not delay another service's calls. */
#include <grpc/support/time.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rpc/rpc_op.h"
#include "common/rpc/rpc_server.h"

#define ACCEPTS_WAITING 8 /* more calls wait in the library */

struct accept {
    struct rpc_op op;
    struct rpc_server *server;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
};

/* ---- refusing ------------------------------------------------------------------------------ */

struct refusal {
    struct rpc_op op;
    struct rpc_server *server;
    grpc_call *call;
    int cancelled;
};

static void on_refused(struct rpc_op *op, bool ok UNUSED)
{
    struct refusal *r = container_of(op, struct refusal, op);

    grpc_call_unref(r->call);
    rpc_server_call_gone(r->server);
    free(r);
}

static void refuse(struct rpc_server *s, grpc_call *call, const struct err *why)
{
    struct refusal *r = xnew(struct refusal);
    struct rpc_batch b;

    r->server = s;
    r->call = call;
    rpc_batch_init(&b);
    rpc_batch_send_initial(&b);
    rpc_batch_send_status(&b, why);
    rpc_batch_recv_close(&b, &r->cancelled);
    rpc_batch_start(&b, call, &r->op, NULL, on_refused);
}

/* ---- finding the method -------------------------------------------------------------------- */

/* The service of "/package.Service/Method" and its method, or NULL with *err set. */
static struct rpc_service *resolve(const struct rpc_server *s, struct str path,
                                   const ProtobufCMethodDescriptor **ret_method, struct err *err)
{
    struct rpc_service *service = NULL;
    struct str name, method;
    char text[128];

    *ret_method = NULL;
    if (path.n > 0 && str_cut((struct str){path.p + 1, path.n - 1}, '/', &name, &method))
        service = rpc_server_find(s, name);
    if (!service) {
        err_set(err, ERR_UNSUPPORTED, "there is no service for %.*s here", (int)path.n, path.p);
        err_hint(err, "ask the reflection service for the list of services");
        return NULL;
    }
    if (str_copy(method, text, sizeof text))
        *ret_method = protobuf_c_service_descriptor_get_method_by_name(service->desc, text);
    if (*ret_method)
        return service;
    err_set(err, ERR_UNSUPPORTED, "service %s has no method %.*s", service->desc->name,
            (int)method.n, method.p);
    return NULL;
}

static bool has_room(struct rpc_server *s, struct err *err)
{
    if (atomic_load(&s->calls) <= s->max_calls)
        return true;
    err_set(err, ERR_EXHAUSTED, "the server has %u calls open, its limit", s->max_calls);
    return false;
}

static void route(struct accept *a)
{
    struct rpc_server *s = a->server;
    struct str path = {(const char *)GRPC_SLICE_START_PTR(a->details.method),
                       GRPC_SLICE_LENGTH(a->details.method)};
    const ProtobufCMethodDescriptor *desc;
    const struct rpc_method *method;
    struct rpc_service *service;
    struct err err;

    rpc_server_hold(s);
    atomic_fetch_add(&s->calls, 1);
    service = has_room(s, &err) ? resolve(s, path, &desc, &err) : NULL;
    if (!service) {
        refuse(s, a->call, &err);
        return;
    }
    method = service->methods[desc - service->desc->methods];
    if (method->unary)
        rpc_call_begin(service, desc, method, a->call, a->details.deadline);
    else
        rpc_server_stream_begin(service, desc, method, a->call);
}

/* ---- accepting ----------------------------------------------------------------------------- */

static void on_accepted(struct rpc_op *op, bool ok);

static void arm(struct accept *a)
{
    grpc_server *server = a->server->grpc;
    grpc_completion_queue *cq = rpc_cq();
    grpc_call_error r;

    grpc_call_details_init(&a->details);
    grpc_metadata_array_init(&a->metadata);
    rpc_op_init(&a->op, NULL, on_accepted);
    r = grpc_server_request_call(server, &a->call, &a->details, &a->metadata, cq, cq, &a->op);
    if (r != GRPC_CALL_OK)
        check_die("gRPC refused to accept calls: %s", grpc_call_error_to_string(r));
}

static void disarm(struct accept *a)
{
    grpc_call_details_destroy(&a->details);
    grpc_metadata_array_destroy(&a->metadata);
}

static void on_accepted(struct rpc_op *op, bool ok)
{
    struct accept *a = container_of(op, struct accept, op);

    if (ok)
        route(a);
    disarm(a);
    if (ok) {
        arm(a);
    } else {
        rpc_server_drop(a->server);
        free(a);
    }
}

void rpc_accept_start(struct rpc_server *s)
{
    for (unsigned i = 0; i < ACCEPTS_WAITING; i++) {
        struct accept *a = xnew(struct accept);

        a->server = s;
        rpc_server_hold(s);
        arm(a);
    }
}
