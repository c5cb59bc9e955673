/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC for C programs: the contract of this folder, the only one that includes <grpc/...>.
 *
 * Services are described by the generated ProtobufCServiceDescriptor and bound to a loop: every
 * callback of a service's calls comes on that loop's thread, one at a time, so handlers need no
 * locks. The library's own completion-queue thread only carries results to the loops' mailboxes.
 * All functions are for the loop's owner thread unless they say otherwise.
 *
 * Flow control: received messages are delivered one at a time; the next is asked for when the
 * handler has returned. Sends queue up to a limit per stream (bytes and messages); past it
 * rpc_stream_send() says so. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/base/err.h"
#include "common/loop/loop.h"

/* Start and stop the library. Count-balanced; call rpc_shutdown() after all servers and clients are
 * free. */
void rpc_start(void);
void rpc_shutdown(void);

/* When a listening socket cannot accept, as without free descriptors, the library gives it up for
 * good: open connections stay, new ones are never answered. Told then, with why, on any thread.
 * Set before rpc_start(). */
void rpc_on_deaf(void (*fn)(const char *why));

/* ---- messages ------------------------------------------------------------------------------- */

/* Encoded bytes, immutable, counted: encode once, send to thousands. Any thread. */
struct rpc_msg;
struct rpc_msg *rpc_msg_encode(const ProtobufCMessage *m) MUST_CHECK;
struct rpc_msg *rpc_msg_ref(struct rpc_msg *m);
void rpc_msg_unref(struct rpc_msg *m); /* tolerates NULL */
DEFINE_CLEANUP(struct rpc_msg, rpc_msg_unref)
size_t rpc_msg_size(const struct rpc_msg *m);

/* The generated structs take char * for texts that are only read. */
static inline char *rpc_lend(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* ---- streams, the same on both sides -------------------------------------------------------- */

struct rpc_stream;

struct rpc_stream_events {
    /* A message arrived; borrowed, freed after the return. */
    void (*on_message)(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx);
    /* Server only: the client will send no more; rpc_stream_finish() when done. May be NULL. */
    void (*on_half_close)(struct rpc_stream *s, void *ctx);
    /* The end, exactly once, last callback: status OK (err->code ERR_NONE) or why. The stream is
     * freed after the return. */
    void (*on_closed)(struct rpc_stream *s, const struct err *status, void *ctx);
    /* The send queue has emptied after rpc_stream_send() returned EXHAUSTED. May be NULL. */
    void (*on_writable)(struct rpc_stream *s, void *ctx);
};

#define RPC_STREAM_QUEUE_MESSAGES 64
#define RPC_STREAM_QUEUE_BYTES    (4u << 20)

/* Queue a message; takes its own reference. EXHAUSTED past the queue's limits, CANCELLED on a
 * stream that has ended. */
int rpc_stream_send(struct rpc_stream *s, struct rpc_msg *m, struct err *err) MUST_CHECK;
/* Server: end with a status (NULL: OK) after what is queued has been sent. */
void rpc_stream_finish(struct rpc_stream *s, const struct err *status);
/* Client: no more messages from here. */
void rpc_stream_half_close(struct rpc_stream *s);
/* End now, both sides; what is queued is dropped, on_closed follows with CANCELLED. */
void rpc_stream_cancel(struct rpc_stream *s);
/* The other side's address, "ipv4:127.0.0.1:41234"; valid while the stream is. */
const char *rpc_stream_peer(const struct rpc_stream *s);
void rpc_stream_set_ctx(struct rpc_stream *s, void *ctx);

/* ---- server --------------------------------------------------------------------------------- */

struct rpc_server;
struct rpc_call; /* one unary call on the server */

/* A handler answers exactly once, now or later on the same loop, with rpc_call_reply() or
 * rpc_call_fail(). `req` is borrowed and valid until then. A server does not
 * stop before its handlers have answered. */
typedef void (*rpc_unary_fn)(void *service_ctx, struct rpc_call *call, const ProtobufCMessage *req);
/* Accept a stream: set *ret_ctx for its events, or return <0 with *err to refuse it with that
 * status. */
typedef int (*rpc_open_fn)(void *service_ctx, struct rpc_stream *s, void **ret_ctx,
                           struct err *err);

/* One line per method; `name` as in the .proto. Exactly one of `unary` and `open` is set. Every
 * method of the descriptor must have a line: checked when the service is added. */
struct rpc_method {
    const char *name;
    rpc_unary_fn unary;
    rpc_open_fn open;
    const struct rpc_stream_events *events;
};

struct rpc_server_config {
    const char *listen;       /* "127.0.0.1:7400", "unix:/path"; port 0 picks one */
    size_t max_message_bytes; /* received; 0: 4 MiB */
    unsigned max_calls; /* open at once, streams included; 0: 20000. More get RESOURCE_EXHAUSTED */
    dur_t keepalive;    /* ping an idle connection; 0: 10 s */
    dur_t keepalive_timeout; /* and close it without an answer; 0: 5 s */
    /* What reflection tells: a FileDescriptorSet with its imports, borrowed. NULL: this project's.
     */
    const unsigned char *descriptors;
    size_t descriptors_size;
};

void rpc_call_reply(struct rpc_call *c, const ProtobufCMessage *reply);
void rpc_call_fail(struct rpc_call *c, const struct err *why);
const char *rpc_call_peer(const struct rpc_call *c);
/* The caller's deadline; far future when there is none. */
mono_t rpc_call_deadline(const struct rpc_call *c);
/* True when the caller has gone: the answer will be dropped. */
bool rpc_call_cancelled(const struct rpc_call *c);

/* UNAVAILABLE naming the address when it cannot be bound. Health and reflection are always
 * served, on the loop of the first service added. */
int rpc_server_new(const struct rpc_server_config *config, struct rpc_server **ret,
                   struct err *err) MUST_CHECK;
/* Before rpc_server_start(). `methods` ends with a zeroed line and, like `desc`, is borrowed. */
int rpc_server_add(struct rpc_server *s, const ProtobufCServiceDescriptor *desc,
                   const struct rpc_method *methods, struct loop *l, void *service_ctx,
                   struct err *err) MUST_CHECK;
int rpc_server_start(struct rpc_server *s, struct err *err) MUST_CHECK;
int rpc_server_port(const struct rpc_server *s); /* bound port; 0 for unix sockets */
/* What the standard health service answers, for "" and every service. Starts as SERVING. Any
 * thread, until the server is stopped. */
void rpc_server_set_serving(struct rpc_server *s, bool serving);
/* Stop accepting, let open calls end for `grace`, cancel the rest, then on_stopped(ctx) on `l`.
 * Every loop that has services must keep turning until then. */
void rpc_server_stop(struct rpc_server *s, dur_t grace, struct loop *l,
                     void (*on_stopped)(void *ctx), void *ctx);
/* After on_stopped, or before start. Tolerates NULL. */
void rpc_server_free(struct rpc_server *s);

/* ---- client --------------------------------------------------------------------------------- */

struct rpc_client;

struct rpc_client_config {
    const char *target;       /* "127.0.0.1:7400", "unix:/path" */
    size_t max_message_bytes; /* received; 0: 4 MiB */
    dur_t keepalive;          /* 0: 10 s */
    dur_t keepalive_timeout;  /* 0: 5 s */
    dur_t connect_timeout;    /* of one attempt to connect; 0: 5 s */
    bool own_connection;      /* do not share a connection with other clients of this process */
};

int rpc_client_new(const struct rpc_client_config *config, struct loop *l, struct rpc_client **ret,
                   struct err *err) MUST_CHECK;
/* Cancels open calls; their callbacks come before the return and must not open new ones. */
void rpc_client_free(struct rpc_client *c);
DEFINE_CLEANUP(struct rpc_client, rpc_client_free)
/* Has the other side answered a call or ended a stream, if only with a refusal? */
bool rpc_client_reached(const struct rpc_client *c);

struct rpc_request; /* one unary call on the client */

/* `reply` is borrowed and NULL unless status->code is ERR_NONE. Exactly once. */
typedef void (*rpc_reply_fn)(void *ctx, const ProtobufCMessage *reply, const struct err *status);

/* Call desc->methods[method]; the deadline always ends it (TIMEOUT). Fails fast when nobody
 * listens. UNAVAILABLE: nothing was done, because nobody could be reached or the other side said
 * so. UNKNOWN_OUTCOME: the connection broke before the answer came. */
struct rpc_request *rpc_client_call(struct rpc_client *c, const ProtobufCServiceDescriptor *desc,
                                    const char *method, const ProtobufCMessage *req, dur_t deadline,
                                    rpc_reply_fn fn, void *ctx);
void rpc_request_cancel(struct rpc_request *r); /* fn comes with CANCELLED */

/* Open a bidirectional (or server-streaming) call. Events as on the server; on_closed tells of a
 * connection that never came up, too. */
struct rpc_stream *rpc_client_open(struct rpc_client *c, const ProtobufCServiceDescriptor *desc,
                                   const char *method, const struct rpc_stream_events *events,
                                   void *ctx);
