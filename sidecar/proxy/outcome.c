/* SPDX-License-Identifier: Apache-2.0 */
/* The steps at the end of a request: counting it, the second try, our own answers, the next request
 * or the end of the connection. */
#include <sys/socket.h>

#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/copy.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/lasting.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap.h"

/* After a refusal the client may still be sending: closing at once would reset the connection and
 * could take our answer with it. So much, and two seconds, are read and thrown away first. */
#define LINGER_BYTES (256 * 1024)

/* ---- counting -------------------------------------------------------------------------------- */

static struct system_stats *stats_of(const struct request *req)
{
    return &req->route->tally->stats.system[req->system];
}

void conn_count_request(struct request *req)
{
    if (req->counted)
        return;
    req->counted = true;
    stats_of(req)->requests++;
    if (req->system == SYSTEM_NEW && req->route->entry->route.fallback.budget_bp > 0)
        budget_count(&req->route->tally->budget, loop_now(req->view->lane->loop));
}

void conn_count_bytes(const struct request *req)
{
    if (!req->counted)
        return;
    stats_of(req)->bytes_in += req->head.size + req->upload.body.payload;
    stats_of(req)->bytes_out += req->to_client;
}

void conn_count_unserved(struct request *req)
{
    struct system_stats *stats = &req->route->tally->stats.system[SYSTEM_NEW];

    stats->requests++;
    stats->errors++;
}

void conn_tell_breaker(struct conn *c, enum breaker_outcome outcome)
{
    struct request *req = c->req;
    struct loop *loop = c->lane->loop;

    if (!req->on_new)
        return;
    req->on_new = false;
    breaker_report(req->route->breaker, req->route->cell, req->ticket, outcome,
                   mono_sub(req->heard_at, req->asked_at), loop_now(loop), loop_wall(loop));
    req->ticket.probe = false;
}

static struct health *health_of(const struct request *req)
{
    return req->route->system[req->system].health;
}

static void note_failure(struct conn *c, unsigned count)
{
    struct loop *loop = c->lane->loop;

    health_note_failure(health_of(c->req), c->req->endpoint, count, loop_now(loop),
                        loop_wall(loop));
}

void conn_blame_endpoint(struct conn *c, bool late)
{
    note_failure(c, late ? ENDPOINT_UNREACHED : 1);
    c->req->tried |= 1u << c->req->endpoint;
}

/* Too many connections are our own limit: users see an error, but it says nothing of how well the
 * system or an endpoint is. */
static void count_failure(struct conn *c)
{
    struct system_stats *stats = stats_of(c->req);

    conn_count_request(c->req);
    stats->errors++;
    stats->timeouts += c->req->failure == FAILURE_TIMEOUT;
    stats->connect_errors += c->req->failure == FAILURE_CONNECT;
    stats->overloads += c->req->failure == FAILURE_OVERLOAD;
    if (c->req->failure == FAILURE_OVERLOAD) {
        conn_tell_breaker(c, BREAKER_ABANDONED);
        return;
    }
    if (c->req->failure != FAILURE_CONNECT) /* each endpoint was blamed for its own */
        note_failure(c, 1);
    conn_tell_breaker(c, BREAKER_ERROR);
}

bool conn_answer_failed(const struct request *req)
{
    return req->answer.status >= 500 || req->grpc.is_failed;
}

void conn_count_answer(struct conn *c)
{
    struct request *req = c->req;
    struct system_stats *stats = stats_of(req);
    dur_t took = mono_sub(loop_now(c->lane->loop), req->sent_at);
    bool good;

    if (UNLIKELY(req->grpc.is_call))
        http1_grpc_end(&req->grpc, buf_view(&req->download.trailers));
    good = !conn_answer_failed(req);
    stats->errors += !good;
    hist_add(&stats->latency, (uint64_t)dur_to_us(took));
    if (good)
        health_note_success(health_of(req), req->endpoint);
    else
        note_failure(c, 1);
    conn_tell_breaker(c, good ? BREAKER_SUCCESS : BREAKER_ERROR);
}

/* ---- failed: the other system, or a word about it -------------------------------------------- */

static const struct {
    unsigned status;
    unsigned fallback; /* the bit that lets legacy try */
    const char *why[SYSTEM_COUNT];
} failures[] = {
    [FAILURE_CONNECT] = {502,
                         FALLBACK_CONNECT_ERROR,
                         {NULL, "no connection to the legacy system",
                          "no connection to the new system"}},
    [FAILURE_OVERLOAD] = {503,
                          FALLBACK_CONNECT_ERROR,
                          {NULL, "the legacy system has as many connections as it may",
                           "the new system has as many connections as it may"}},
    [FAILURE_TIMEOUT] = {504,
                         FALLBACK_TIMEOUT,
                         {NULL, "the legacy system did not answer in time",
                          "the new system did not answer in time"}},
    /* A connection that breaks under a request is one that does not stand. */
    [FAILURE_BROKEN] = {502,
                        FALLBACK_CONNECT_ERROR,
                        {NULL, "the legacy system broke off its answer",
                         "the new system broke off its answer"}},
    [FAILURE_REFUSED] = {503,
                         FALLBACK_CONNECT_ERROR,
                         {NULL, "the legacy system turned the request away unprocessed",
                          "the new system turned the request away unprocessed"}},
    [FAILURE_UNREADABLE] = {502,
                            FALLBACK_CONNECT_ERROR,
                            {NULL, "the legacy system's answer cannot be read",
                             "the new system's answer cannot be read"}},
    /* Only a failure when legacy can take over: otherwise the client gets this answer. */
    [FAILURE_5XX] = {.fallback = FALLBACK_5XX},
};

/* Where nothing was sent to new, or it has processed nothing, any method may go to legacy. */
static bool is_safe(const struct request *req, enum failure failure)
{
    const bool unsent =
        req->sends == 0 &&
        (failure == FAILURE_CONNECT || failure == FAILURE_OVERLOAD || failure == FAILURE_REFUSED);

    return req->system == SYSTEM_NEW && req->may_fall_back && !req->answered &&
           (req->repeatable || unsent) &&
           req->route->entry->route.fallback.on & failures[failure].fallback &&
           upload_can_restart(&req->upload);
}

static bool has_budget(const struct conn *c)
{
    const uint32_t share_bp = c->req->route->entry->route.fallback.budget_bp;

    return share_bp == 0 ||
           budget_allows(&c->req->route->tally->budget, share_bp, loop_now(c->lane->loop));
}

static void spend_budget(struct conn *c)
{
    if (c->req->route->entry->route.fallback.budget_bp > 0)
        budget_spend(&c->req->route->tally->budget, loop_now(c->lane->loop));
}

static bool is_in_budget(const struct conn *c)
{
    if (has_budget(c))
        return true;
    c->req->route->tally->stats.over_budget++;
    return false;
}

bool conn_can_fall_back(const struct conn *c, enum failure failure)
{
    return is_safe(c->req, failure) && !conn_is_kept_from(c, SYSTEM_LEGACY) && is_in_budget(c);
}

/* Not on new when other rules came: it may be forbidden by now. */
bool conn_may_insist(struct conn *c)
{
    if (c->req->system == SYSTEM_LEGACY)
        return true;
    if (c->req->view != c->lane->view || !has_budget(c))
        return false;
    spend_budget(c);
    return true;
}

static enum verdict fall_back(struct conn *c)
{
    struct request *req = c->req;

    spend_budget(c);
    req->system = SYSTEM_LEGACY;
    req->rescued = true;
    req->counted = false;
    req->fresh = false;
    req->tried = 0;
    req->had_turn = false;
    req->failure = FAILURE_NONE;
    req->grpc = (struct http1_grpc){.is_call = false};
    upload_restart(&req->upload);
    download_deinit(&req->download);
    c->late = 0;
    return conn_go(c, STEP_TAKE);
}

enum verdict step_failed(struct conn *c)
{
    struct request *req = c->req;
    bool rescued;

    lasting_end(c);
    upstream_close(&req->up);
    if (req->failure == FAILURE_NONE)
        return conn_go(c, STEP_CLOSE); /* the client's own doing */
    rescued = conn_can_fall_back(c, req->failure);
    count_failure(c);
    /* Part of the answer is out: only a broken connection can tell the client that it is cut. */
    if (req->answered)
        return conn_go(c, STEP_CLOSE);
    if (rescued)
        return fall_back(c);
    return conn_refuse(c, failures[req->failure].status, failures[req->failure].why[req->system],
                       false);
}

/* ---- refuse: an answer of our own ------------------------------------------------------------ */

static bool exposes_system(const struct request *req)
{
    return req && req->route && req->failure != FAILURE_NONE &&
           req->route->entry->route.expose_system;
}

/* With what was wrong about the answer, if that was it. */
static const char *explain(const struct conn *c, char *dst, size_t size)
{
    const struct request *req = c->req;

    if (!req || req->failure != FAILURE_UNREADABLE)
        return c->why;
    str_fmt(dst, size, "%s: %s", c->why, req->answer_parser.why);
    return dst;
}

enum verdict step_refuse(struct conn *c)
{
    struct request *req = c->req;
    const struct http1_extra system = {
        .name = STR("X-Switchyard-System"),
        .value = req ? str_of(system_name(req->system)) : STR("none"),
    };
    char text[160];
    struct http1_answer answer = {
        .status = c->status,
        .why = explain(c, text, sizeof text),
        .head_only = req && req->head.method == HTTP1_HEAD,
        .date = conn_date(c),
        .extra = &system,
        .extra_count = exposes_system(req),
    };
    struct gather g;

    if (req)
        upstream_close(&req->up);
    if (!conn_flush(c))
        return conn_go(c, STEP_CLOSE);
    if (c->out)
        return c->late & CONN_CLIENT_LATE ? conn_go(c, STEP_CLOSE) : WAIT;
    if (c->bad || !req || !req->upload.received || c->lane->draining)
        c->closing = true;
    if (c->closing)
        answer.connection = HTTP1_CONNECTION_CLOSE;
    else if (req->head.minor == 0)
        answer.connection = HTTP1_CONNECTION_KEEP_ALIVE;
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    gather_wrote(&g, http1_write_answer(&answer, gather_at(&g), gather_room(&g)));
    return conn_go(c, conn_send(c, &g) ? STEP_FINISH : STEP_CLOSE);
}

/* ---- finish ---------------------------------------------------------------------------------- */

/* Bytes behind the answer would be taken for the next one: those that were read are in `in`, and
 * after a read that stopped for want of room the socket is asked. */
static bool is_reusable(struct request *req)
{
    struct upstream *u = req->up;

    return req->answer.keep_alive && req->upload.sent && !u->out && iobuf_is_empty(u->in) &&
           (!u->full || transport_is_quiet(&u->transport));
}

static void release_upstream(struct conn *c)
{
    struct request *req = c->req;

    conn_count_answer(c);
    if (is_reusable(req)) {
        iobuf_give(&c->lane->bufs, &req->up->in);
        upstream_give(&req->up);
    } else {
        upstream_close(&req->up);
    }
}

enum verdict conn_linger(struct conn *c)
{
    transport_end(&c->transport);
    deadline_off(&c->deadline);
    c->late = 0;
    return conn_go(c, STEP_LINGER);
}

static enum verdict end_connection(struct conn *c)
{
    bool unread = c->bad || !iobuf_is_empty(c->in) || (c->req && !c->req->upload.received);

    conn_end_request(c);
    iobuf_give(&c->lane->bufs, &c->in);
    if (unread && !c->eof)
        return conn_linger(c);
    if (c->secure)
        transport_end(&c->transport); /* nothing is cut off */
    return conn_go(c, STEP_CLOSE);
}

/* What is compared with new is mirrored, too. */
static void send_copies(struct conn *c)
{
    bool sent = c->req->tap && tap_finish(c);

    if (c->req->mirrored && !sent)
        copy_mirror(c);
}

enum verdict step_finish(struct conn *c)
{
    if (c->req && c->req->up)
        release_upstream(c);
    if (!conn_flush(c) || (c->out && c->late))
        return conn_go(c, STEP_CLOSE);
    if (c->out)
        return WAIT;
    if (c->req && (c->req->mirrored || c->req->tap))
        send_copies(c);
    if (c->closing)
        return end_connection(c);
    conn_end_request(c);
    c->moved |= MOVED_CLIENT;
    return conn_go(c, STEP_HEAD);
}

enum verdict step_linger(struct conn *c)
{
    ssize_t n;

    if (c->late)
        return conn_go(c, STEP_CLOSE);
    if (!(c->ready & LOOP_READ))
        return WAIT;
    c->ready &= ~LOOP_READ;
    n = transport_recv(&c->transport, c->lane->scratch, c->lane->bufs.size);
    if (n > 0)
        c->linger_bytes += (uint32_t)n;
    return n <= 0 || c->linger_bytes > LINGER_BYTES ? conn_go(c, STEP_CLOSE) : WAIT;
}
