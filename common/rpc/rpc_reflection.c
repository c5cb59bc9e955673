/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_reflection.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rpc/rpc_descriptors.h"
#include "reflection.pb-c.h"

/* Embedded by the build of proto/. */
extern const unsigned char proto_descriptor_set[];
extern const size_t proto_descriptor_set_size;

typedef Grpc__Reflection__V1alpha__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1alpha__ServerReflectionResponse Response;
typedef Grpc__Reflection__V1alpha__ErrorResponse ErrorResponse;
typedef Grpc__Reflection__V1alpha__FileDescriptorResponse FileResponse;
typedef Grpc__Reflection__V1alpha__ListServiceResponse ListResponse;
typedef Grpc__Reflection__V1alpha__ServiceResponse ServiceResponse;

#define REQUEST(name) GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) \
    GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

/* A file and all it imports, itself first. More than any set of ours has. */
#define FILES_MAX 64

struct rpc_reflection {
    struct rpc_server *server;
    struct str set;
    ProtobufCServiceDescriptor
        v1; /* v1alpha under its later name: the messages are the same bytes */
};

/* ---- answers ------------------------------------------------------------------------------- */

static void send(struct rpc_stream *s, const Request *req, Response *reply)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = NULL;
    Request echo = *req;
    struct err err;

    reply->valid_host = req->host;
    reply->original_request = &echo;
    m = rpc_msg_encode(&reply->base);
    if (rpc_stream_send(s, m, &err) < 0)
        rpc_stream_finish(s, &err);
}

static void send_error(struct rpc_stream *s, const Request *req, enum err_code code,
                       const char *what)
{
    ErrorResponse error = GRPC__REFLECTION__V1ALPHA__ERROR_RESPONSE__INIT;
    Response reply = GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__INIT;
    struct err err;

    err_set(&err, code, "%s", what);
    error.error_code = err_grpc_status(code);
    error.error_message = err.msg;
    reply.message_response_case = RESPONSE(ERROR_RESPONSE);
    reply.error_response = &error;
    send(s, req, &reply);
}

static void send_services(struct rpc_stream *s, const Request *req, const struct rpc_reflection *r)
{
    ListResponse list = GRPC__REFLECTION__V1ALPHA__LIST_SERVICE_RESPONSE__INIT;
    Response reply = GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__INIT;
    CLEANUP(xfreep) ServiceResponse *entries = NULL;
    CLEANUP(xfreep) ServiceResponse **pointers = NULL;
    const struct rpc_service *service;
    size_t count;

    LL_COUNT(r->server->services, service, count);
    entries = xcalloc(count, sizeof *entries);
    pointers = xcalloc(count, sizeof *pointers);
    LL_FOREACH (r->server->services, service) {
        ServiceResponse *e = &entries[list.n_service];

        grpc__reflection__v1alpha__service_response__init(e);
        e->name = xstrdup(service->desc->name);
        pointers[list.n_service++] = e;
    }
    list.service = pointers;
    reply.message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    reply.list_services_response = &list;
    send(s, req, &reply);
    for (size_t i = 0; i < list.n_service; i++)
        free(entries[i].name);
}

/* ---- files --------------------------------------------------------------------------------- */

static bool has_file(const ProtobufCBinaryData *files, size_t count, struct str file)
{
    for (size_t i = 0; i < count; i++)
        if (files[i].data == (const uint8_t *)file.p)
            return true;
    return false;
}

/* Breadth first: the files found are their own work list. */
static size_t add_imports(struct str set, ProtobufCBinaryData *files)
{
    struct str name, file;
    size_t count = 1;

    for (size_t at = 0; at < count; at++) {
        struct str from = {(const char *)files[at].data, files[at].len};

        for (unsigned i = 0; descriptors_import(from, i, &name); i++) {
            if (count < FILES_MAX && descriptors_file(set, name, &file) &&
                !has_file(files, count, file))
                files[count++] = (ProtobufCBinaryData){file.n, (uint8_t *)(uintptr_t)file.p};
        }
    }
    return count;
}

static void send_files(struct rpc_stream *s, const Request *req, struct str set, struct str first)
{
    ProtobufCBinaryData files[FILES_MAX] = {{first.n, (uint8_t *)(uintptr_t)first.p}};
    FileResponse found = GRPC__REFLECTION__V1ALPHA__FILE_DESCRIPTOR_RESPONSE__INIT;
    Response reply = GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__INIT;

    found.file_descriptor_proto = files;
    found.n_file_descriptor_proto = add_imports(set, files);
    reply.message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    reply.file_descriptor_response = &found;
    send(s, req, &reply);
}

static void answer_file(struct rpc_stream *s, const Request *req, const struct rpc_reflection *r)
{
    struct str file;

    if (descriptors_file(r->set, str_of(req->file_by_filename), &file))
        send_files(s, req, r->set, file);
    else
        send_error(s, req, ERR_NOT_FOUND, "there is no file of that name here");
}

static void answer_symbol(struct rpc_stream *s, const Request *req, const struct rpc_reflection *r)
{
    struct str file;

    if (descriptors_symbol(r->set, str_of(req->file_containing_symbol), &file))
        send_files(s, req, r->set, file);
    else
        send_error(s, req, ERR_NOT_FOUND, "there is no symbol of that name here");
}

/* ---- the service --------------------------------------------------------------------------- */

static int open_stream(void *ctx, struct rpc_stream *s UNUSED, void **ret_ctx,
                       struct err *err UNUSED)
{
    *ret_ctx = ctx;
    return 0;
}

static void on_request(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    const Request *req = (const Request *)m;

    switch ((int)req->message_request_case) {
    case REQUEST(LIST_SERVICES):
        send_services(s, req, ctx);
        break;
    case REQUEST(FILE_BY_FILENAME):
        answer_file(s, req, ctx);
        break;
    case REQUEST(FILE_CONTAINING_SYMBOL):
        answer_symbol(s, req, ctx);
        break;
    case REQUEST(FILE_CONTAINING_EXTENSION):
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        send_error(s, req, ERR_NOT_FOUND, "the services here use no extensions");
        break;
    default:
        send_error(s, req, ERR_INVALID, "the request asks for nothing that is known here");
    }
}

static void on_half_close(struct rpc_stream *s, void *ctx UNUSED)
{
    rpc_stream_finish(s, NULL);
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status UNUSED,
                      void *ctx UNUSED)
{
}

static const struct rpc_stream_events events = {
    .on_message = on_request,
    .on_half_close = on_half_close,
    .on_closed = on_closed,
};

static const struct rpc_method methods[] = {
    {.name = "ServerReflectionInfo", .open = open_stream, .events = &events},
    {.name = NULL},
};

struct rpc_reflection *rpc_reflection_new(struct rpc_server *s, const unsigned char *descriptors,
                                          size_t size)
{
    struct rpc_reflection *r = xnew(struct rpc_reflection);

    r->server = s;
    r->set = (struct str){(const char *)(descriptors ? descriptors : proto_descriptor_set),
                          descriptors ? size : proto_descriptor_set_size};
    r->v1 = grpc__reflection__v1alpha__server_reflection__descriptor;
    r->v1.name = "grpc.reflection.v1.ServerReflection";
    return r;
}

void rpc_reflection_free(struct rpc_reflection *r)
{
    free(r);
}

int rpc_reflection_add(struct rpc_reflection *r, struct loop *l, struct err *err)
{
    const ProtobufCServiceDescriptor *v1alpha =
        &grpc__reflection__v1alpha__server_reflection__descriptor;
    int result = rpc_server_add(r->server, v1alpha, methods, l, r, err);

    return result < 0 ? result : rpc_server_add(r->server, &r->v1, methods, l, r, err);
}
