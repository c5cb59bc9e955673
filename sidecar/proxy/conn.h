/* SPDX-License-Identifier: Apache-2.0 */
/* A client connection and the request it is about.
 *
 * A request runs through named steps. Each step does what it can and says NEXT (go on with
 * c->step), WAIT (an event or a deadline will call again) or DONE (the connection is over):
 *
 *   HEAD ─► ROUTE ─► DECIDE ─► TAKE ─┬─────────────► SEND ─► ANSWER ─► RELAY ─► FINISH ─► HEAD
 *                              ▲ ▲   ├─► CONNECT ─────┘         │
 *                              │ └───┴─► QUEUE                  │
 *                              └── FAILED: the other system ◄───┤       REFUSE ─► FINISH ─► LINGER
 *                                                               └─► TUNNEL ─► LINGER
 *
 * What another proxy asks goes from HEAD to EDGE to FINISH (edge.h). A connection that is split as
 * a whole begins at PORT (tcp.h).
 *
 * Events only leave bits behind and run the steps, so what happens does not depend on the order in
 * which they come. An idle connection is this struct and nothing else: buffers and the request come
 * from the lane's free lists when bytes arrive. owner: lane. */
#pragma once

#include "common/base/buf.h"
#include "common/decide/decide.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_grpc.h"
#include "common/http1/http1_parse.h"
#include "common/http1/http1_write.h"
#include "sidecar/proxy/address.h"
#include "sidecar/proxy/ending.h"
#include "sidecar/proxy/gather.h"
#include "sidecar/proxy/h2_door.h"
#include "sidecar/proxy/messages.h"
#include "sidecar/proxy/pace.h"
#include "sidecar/proxy/pipe.h"
#include "sidecar/proxy/queue.h"
#include "sidecar/proxy/upstream.h"
#include "sidecar/proxy/view.h"
#include "sidecar/transport/transport.h"

enum step {
    STEP_HEAD,
    STEP_EDGE,
    STEP_ROUTE,
    STEP_DECIDE,
    STEP_TAKE,
    STEP_QUEUE,
    STEP_CONNECT,
    STEP_SEND,
    STEP_ANSWER,
    STEP_RELAY,
    STEP_PORT,
    STEP_JOIN,
    STEP_TUNNEL,
    STEP_FAILED,
    STEP_REFUSE,
    STEP_FINISH,
    STEP_LINGER,
    STEP_CLOSE,
    STEP_COUNT
};

enum verdict { NEXT, WAIT, DONE };

struct conn;

/* A step and what may make it say WAIT; 0: it never does. docs/internals/conn.md tells more. */
enum { WAITS_FOR_CLIENT = 1u << 0, WAITS_FOR_UPSTREAM = 1u << 1 };
struct step_row {
    const char *name;
    enum verdict (*run)(struct conn *c);
    unsigned waits;
};
extern const struct step_row conn_steps[STEP_COUNT];

/* Why a system did not answer. */
enum failure {
    FAILURE_NONE,
    FAILURE_CONNECT,
    FAILURE_OVERLOAD, /* all its endpoints have as many connections as they may */
    FAILURE_TIMEOUT,
    FAILURE_BROKEN,
    FAILURE_REFUSED,    /* it says that it has not processed the request */
    FAILURE_UNREADABLE, /* req->answer_parser.why */
    FAILURE_5XX
};

/* The body on its way from the client to a system. Payload that may be needed for a second try is
 * kept. */
struct upload {
    struct http1_body body;       /* as received; goes on across tries */
    struct http1_framing framing; /* as sent */
    bool received;                /* all of it */
    bool sent;                    /* all of it, to this upstream */
    bool keeping;                 /* `keep` has all payload received so far */
    struct buf keep;
    struct buf trailers; /* that go on; for each try */
    size_t resent;       /* of `keep`, to this upstream */
    unsigned fault;      /* 0, or the status to refuse with */
    const char *why;
};

/* The body on its way back. */
struct download {
    struct http1_body body;
    struct http1_framing framing; /* as sent to the client */
    struct buf trailers;          /* that go on */
    bool done;
    struct messages *messages; /* of a gRPC call; else NULL */
    struct tap *tap;           /* of the request; may be NULL */
    struct pipe *pipe;         /* it goes through this one; see bulk.h */
};

/* Of a lasting answer: when it leaves; see lasting.h. */
struct lasting {
    struct lasting *prev, *next; /* of the lane */
    struct conn *conn;
    mono_t since;             /* its head was here, or the call had gone */
    struct deadline deadline; /* to leave; while leaving, to be gone */
    struct messages messages; /* to the client; of a gRPC call */
    bool grpc;
    enum ending why; /* it leaves */
    bool leaving;    /* at the next place where it may end */
    bool late;       /* there was none in time */
};

struct tunnel;

struct request {
    struct request *next; /* in the free list */
    struct view *view;    /* held */
    struct view_route *route;
    struct upstream *up;
    enum system system; /* it is being sent to */
    enum decide_reason reason;
    enum failure failure;
    bool rescued;    /* new failed, this is legacy's try */
    bool fresh;      /* a pooled connection was dead: take a new one */
    bool answered;   /* the client has got a part of the answer */
    bool continued;  /* the client was told 100 Continue */
    bool head_waits; /* part of the head is here, its deadline is set */
    bool idempotent;
    bool may_fall_back;           /* as far as the route says */
    bool repeatable;              /* and the method: also after new may have acted */
    bool counted;                 /* among the system's requests */
    unsigned sends;               /* tries on which a system may have acted */
    bool on_new;                  /* counted with the breaker, and not yet reported to it */
    bool mirrored;                /* chosen to be copied when it is over */
    struct tap *tap;              /* its answer is to be compared; owned; NULL: it is not */
    unsigned endpoint;            /* of the system: it is being sent there */
    unsigned tried;               /* a bit for each endpoint of the system that failed it */
    struct waiter waiter;         /* for a connection */
    bool had_turn;                /* has waited: goes before those who wait */
    bool upgrade;                 /* asks for another protocol, and may */
    bool lasting;                 /* its answer comes when there is something to say: see `stay` */
    enum ending cut;              /* why such an answer was cut short; NONE: it was not */
    uint32_t bucket;              /* its key's */
    struct breaker_ticket ticket; /* while on_new */
    mono_t began;                 /* its first byte was here */
    uint64_t to_client;           /* bytes, heads included */
    struct pace pace;             /* the client's */
    mono_t sent_at;
    mono_t asked_at;        /* the latest piece of the request went */
    mono_t heard_at;        /* the head of the answer was here */
    uint32_t at;            /* where its head starts in c->in */
    struct http1_grpc grpc; /* of the answer, where the system speaks HTTP/2 */
    struct upload upload;
    struct download download;
    struct http1_parser parser;
    struct http1_parser answer_parser;
    struct http1_head head;
    struct http1_head answer;
    /* Not cleared between requests. */
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_header answer_headers[HTTP1_HEADERS_MAX];
    struct lasting stay;
};

/* Deadlines that have passed, and bytes that have moved, since the last run. */
enum { CONN_CLIENT_LATE = 1u << 0, CONN_UPSTREAM_LATE = 1u << 1 };
enum { MOVED_CLIENT = 1u << 0, MOVED_UPSTREAM = 1u << 1 };

struct door;

struct conn {
    struct transport transport;
    struct deadline deadline;
    struct conn *prev, *next; /* of the lane */
    struct lane *lane;
    struct request *req;   /* NULL while idle */
    struct tunnel *tunnel; /* in place of a request, once switched to another protocol */
    struct iobuf *in;      /* received, from the request's head on */
    struct iobuf *out;     /* composed, not yet sent */
    enum step step;
    unsigned ready; /* LOOP_ bits */
    unsigned late;
    unsigned moved;
    uint16_t status; /* of a refusal */
    bool secure;     /* it came by TLS */
    bool http2;      /* it is a stream of an HTTP/2 connection */
    bool edge;       /* another proxy asks: no request of its own comes in here */
    bool tcp;        /* its bytes are nobody's here; see tcp.h */
    bool begun;      /* there was a request on it */
    bool eof;        /* the client has finished sending */
    bool closing;    /* after this answer */
    bool bad;        /* the client may be out of step with us: say nothing more after the refusal */
    const char *why; /* of a refusal; static */
    uint32_t linger_bytes;
    uint8_t peer_len;
    char peer[ADDRESS_TEXT_SIZE];
};

/* Takes over `fd`. With `refuse`, all it gets is a 503. */
void conn_accept(struct door *door, int fd, const struct address *peer, bool refuse);
/* A stream of a client's HTTP/2 connection. */
void conn_accept_stream(struct h2_door *door, struct h2_stream *stream);
/* Run the steps until one waits. The connection may be gone afterwards. */
void conn_run(struct conn *c);
void conn_on_timeout(struct conn *c, unsigned late);
/* Draining: end soon unless a request is in progress; tunnels and lasting answers leave within
 * `window`. */
void conn_hurry(struct conn *c, dur_t window);
/* At once, whatever it is doing. */
void conn_destroy(struct conn *c);

/* ---- for the steps: request.c, answer.c, tunnel.c and outcome.c ------------------------------ */

/* Send what `g` has to the client. False: it is gone. */
bool conn_send(struct conn *c, struct gather *g);
bool conn_flush(struct conn *c);
struct request *conn_begin_request(struct conn *c);
/* Ready for the next head from the upstream. */
void conn_expect_answer(struct conn *c);
/* Forget the request; what it holds goes back. */
void conn_end_request(struct conn *c);

/* Answer with `status` and a sentence of ours; `bad` when what follows from the client cannot be
 * trusted. Returns NEXT. */
enum verdict conn_refuse(struct conn *c, unsigned status, const char *why, bool bad);
enum verdict conn_fail(struct conn *c, enum failure failure);
/* Among the requests of the system it is for, once: it is being sent, or cannot be. */
void conn_count_request(struct request *req);
/* Whether the answer is a failure of the system, as far as it is here: 5xx, or what a gRPC call
 * came to. */
bool conn_answer_failed(const struct request *req);
/* It is over: what of it went through here, in both directions. */
void conn_count_bytes(const struct request *req);
/* The head of an answer, or all of it, is here: how it went and how long it took. */
void conn_count_answer(struct conn *c);
/* An error of new that the breaker does not hear of: nobody may serve it. */
void conn_count_unserved(struct request *req);
/* How the request fared on new; once, if it is one for the breaker. */
void conn_tell_breaker(struct conn *c, enum breaker_outcome outcome);
/* It need not wait in the queue any longer. */
bool conn_has_turn(const struct conn *c);
/* Its endpoint took no connection, or not in time: another one has to do. */
void conn_blame_endpoint(struct conn *c, bool late);
/* Whether the rules changed since it was routed, and those of now would not have it on `system`. It
 * goes on by those that it began with, but no further try goes there. */
bool conn_is_kept_from(const struct conn *c, enum system system);
/* Whether legacy may have a try when new fails in this way. */
bool conn_can_fall_back(const struct conn *c, enum failure failure);
/* Its system has refused it unprocessed: whether it may be sent there again. New's second tries are
 * of the budget, and this one is taken off it. */
bool conn_may_insist(struct conn *c);
enum verdict conn_go(struct conn *c, enum step step);
/* Everything is said: let the client close first. */
enum verdict conn_linger(struct conn *c);
/* CONN_CLIENT_LATE comes `within` this time. */
void conn_give_time(struct conn *c, dur_t within);
/* "host:port" or "[v6]:port" without the port. */
struct str conn_without_port(struct str host);
/* Its key, borrowed from the head; false: it has none. As conn_find_bucket(). */
bool conn_find_key(const struct conn *c, struct str path, struct str client, struct str *ret);
/* The bucket of the request, which is for `path` and from the address `client`. */
uint32_t conn_find_bucket(struct conn *c, struct str path, struct str client);
/* Decide: req->system and req->reason; with req->ticket.probe it holds a slot of the breaker. */
void conn_choose_system(struct conn *c, uint32_t bucket);

/* What a Date field of now says; until the next call. */
struct str conn_date(struct conn *c);

/* The request's head as a system gets it, framed as `out` says, with our fields and `more` (may be
 * NULL). 0: it does not fit. */
size_t conn_write_head(const struct conn *c, struct http1_out out, const struct http1_extra *more,
                       char *dst, size_t size);

/* RFC 9110 7.6.2: how many more hops an OPTIONS or TRACE may go, or one of these. */
enum { HOPS_UNLIMITED = -1, HOPS_UNREADABLE = -2 };
int64_t conn_hops_left(const struct http1_head *h);

/* The steps. */
enum verdict step_head(struct conn *c);
enum verdict step_edge(struct conn *c); /* in edge.c */
enum verdict step_route(struct conn *c);
enum verdict step_decide(struct conn *c);
enum verdict step_take(struct conn *c);
enum verdict step_queue(struct conn *c);
enum verdict step_connect(struct conn *c);
enum verdict step_send(struct conn *c);
enum verdict step_answer(struct conn *c);
enum verdict step_relay(struct conn *c);
enum verdict step_tunnel(struct conn *c);
enum verdict step_failed(struct conn *c);
enum verdict step_refuse(struct conn *c);
enum verdict step_finish(struct conn *c);
enum verdict step_linger(struct conn *c);
