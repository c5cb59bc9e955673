/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/control/coord_client.h"

#include <inttypes.h>

#include "common/base/backoff.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/wire/report_wire.h"
#include "sidecar/control/convert.h"

/* A coordinator that takes the call and says nothing is left for the next one, and so is one that
 * stops answering: together the pings' times are how long a hung one holds the node. */
#define FIRST_ANSWER_WAIT dur_s(5)
/* A full set of the largest rules, see AGENT_RULE_MAX, with all the orders there may be. */
#define MESSAGE_MAX (8u << 20)
/* More than RULESET_ROUTES_MAX reports take. */
#define REPORT_MAX  (16u << 20)
#define PING_EACH   dur_s(2)
#define PONG_WITHIN dur_s(2)
/* The next coordinator is dialled at once after a stream that lasted this long; spread a little,
 * because a whole fleet does so. Once all have been tried, attempts back off. */
#define STREAM_LASTS dur_s(5)
#define AT_ONCE_MS   100
/* Before asking again after an update that did not fit, so that a coordinator which always sends
 * such cannot keep the node busy. */
#define GAP_WAIT dur_ms(50)

struct coord_client {
    struct coord_client_config config;
    const struct coord_client_events *events;
    void *ctx;
    struct loop *loop;
    struct rng *rng;
    struct backoff backoff;
    struct timer retry;
    struct timer first_answer; /* set from a dial to its first message */
    unsigned failures;         /* in a row */
    mono_t up_since;
    char endpoint[COORD_ENDPOINTS_MAX][ENDPOINT_SIZE];
    unsigned endpoint_count, current;
    struct rpc_client *rpc;    /* owned; one per dial */
    struct rpc_stream *stream; /* NULL between dials */
    bool up;
    bool stopping;
    char boot[17];
    uint64_t dials;
    uint64_t sequence;
    struct arena reports; /* the one that is being sent lives in */
};

static void dial(struct coord_client *c);

/* ---- sending --------------------------------------------------------------------------------- */

static bool send(struct coord_client *c, const Switchyard__V1__NodeMessage *m)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = NULL;

    if (!c->stream)
        return false;
    msg = rpc_msg_encode(&m->base);
    return rpc_stream_send(c->stream, msg, NULL) == 0;
}

static Switchyard__V1__Label **give_labels(const struct labels *labels)
{
    Switchyard__V1__Label **list = xcalloc(labels->count + 1, sizeof *list);

    struct label next = {.key = NULL};

    for (unsigned i = 0; labels_next(labels, &next); i++) {
        list[i] = xnew(Switchyard__V1__Label);
        switchyard__v1__label__init(list[i]);
        list[i]->key = rpc_lend(next.key);
        list[i]->value = rpc_lend(next.value);
    }
    return list;
}

static void free_labels(Switchyard__V1__Label **list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        xfreep(&list[i]);
    xfreep(&list);
}

static bool say_hello(struct coord_client *c)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Hello h = SWITCHYARD__V1__HELLO__INIT;
    struct coord_hello say = {.serving = {.incarnation = ""}};
    bool sent;

    c->events->on_hello(c->ctx, &say);
    h.node = rpc_lend(c->config.node);
    h.labels = give_labels(c->config.labels);
    h.n_labels = c->config.labels->count;
    h.boot = c->boot;
    h.version = rpc_lend(c->config.version);
    h.dial = ++c->dials;
    h.incarnation = rpc_lend(say.serving.incarnation);
    h.term = say.serving.term;
    h.revision = say.serving.revision;
    h.checksum = (ProtobufCBinaryData){say.serving.revision ? SHA256_SIZE : 0, say.checksum.b};
    h.emergencies = convert_orders(say.epochs, say.unwritten);
    h.n_emergencies = say.epochs->count;
    h.proxy_address = rpc_lend(c->config.proxy_address);
    h.control_address = rpc_lend(c->config.control_address);
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_HELLO;
    m.hello = &h;
    sent = send(c, &m);
    convert_orders_free(h.emergencies, say.epochs->count);
    free_labels(h.labels, c->config.labels->count);
    return sent;
}

bool coord_client_ack(struct coord_client *c, const struct position *p, wall_t since)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Ack a = SWITCHYARD__V1__ACK__INIT;

    a.term = p->term;
    a.revision = p->revision;
    a.serving_since = since.ns;
    a.incarnation = rpc_lend(p->incarnation);
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_ACK;
    m.ack = &a;
    return send(c, &m);
}

bool coord_client_nack(struct coord_client *c, const struct position *p, const char *reason)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Nack n = SWITCHYARD__V1__NACK__INIT;

    n.term = p->term;
    n.revision = p->revision;
    n.reason = rpc_lend(reason);
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_NACK;
    m.nack = &n;
    return send(c, &m);
}

bool coord_client_tell(struct coord_client *c, const struct emergency *order, bool unwritten)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__EmergencyOrder o;

    convert_order(order, &o);
    o.unwritten = unwritten;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_ORDER;
    m.order = &o;
    return send(c, &m);
}

bool coord_client_past(struct coord_client *c, const Switchyard__V1__Past *part)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;

    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_PAST;
    m.past = (Switchyard__V1__Past *)(uintptr_t)part; /* it is only read */
    return send(c, &m);
}

void coord_client_report(struct coord_client *c, uint64_t revision, dur_t interval,
                         const struct route_stats *stats, size_t count, const struct node_now *now)
{
    Switchyard__V1__NodeMessage m = SWITCHYARD__V1__NODE_MESSAGE__INIT;
    Switchyard__V1__Report r = SWITCHYARD__V1__REPORT__INIT;

    if (!c->up)
        return;
    r.routes = report_wire_routes(&c->reports, stats, count);
    r.n_routes = count;
    CHECK(r.routes);
    r.sequence = ++c->sequence;
    r.interval_ms = (uint32_t)dur_to_ms(interval);
    r.revision = revision;
    r.client_connections = now->client_connections;
    r.endpoints = now->endpoints;
    r.endpoints_healthy = now->endpoints_healthy;
    m.kind_case = SWITCHYARD__V1__NODE_MESSAGE__KIND_REPORT;
    m.report = &r;
    (void)send(c, &m);
    arena_reset(&c->reports);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void come_up(struct coord_client *c)
{
    c->up = true;
    c->up_since = loop_now(c->loop);
    timer_cancel(&c->first_answer);
    c->events->on_up(c->ctx, c->endpoint[c->current]);
}

static void take_update(struct coord_client *c, const Switchyard__V1__Update *m)
{
    struct update_box box;
    int r;

    update_box_init(m, &box);
    r = c->events->on_update(c->ctx, &box.update);
    update_box_deinit(&box);
    if (r == AGENT_GAP)
        coord_client_redial(c, GAP_WAIT);
}

/* What cannot be read has no migration or no epoch: there is nothing to obey. */
static void take_order(struct coord_client *c, const Switchyard__V1__EmergencyOrder *m)
{
    struct emergency order = {.epoch = 0};

    if (convert_take_order(m, &order, NULL) == 0)
        c->events->on_order(c->ctx, &order);
}

static void on_message(struct rpc_stream *s, const ProtobufCMessage *message, void *ctx)
{
    const Switchyard__V1__CoordinatorMessage *m =
        (const Switchyard__V1__CoordinatorMessage *)message;
    struct coord_client *c = ctx;

    if (s != c->stream)
        return;
    if (!c->up)
        come_up(c);
    switch ((int)m->kind_case) {
    case SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_UPDATE:
        return take_update(c, m->update);
    case SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_ORDER:
        return take_order(c, m->order);
    case SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND_PAST_WANTED:
        return c->events->on_past_wanted(c->ctx, m->past_wanted->id,
                                         dur_s(m->past_wanted->max_age_s));
    case SWITCHYARD__V1__COORDINATOR_MESSAGE__KIND__NOT_SET:
    default:
        return; /* heard; or from a newer coordinator, and not for this version */
    }
}

static void on_writable(struct rpc_stream *s, void *ctx)
{
    struct coord_client *c = ctx;

    if (s == c->stream && c->up)
        c->events->on_room(c->ctx);
}

static void on_retry(struct timer *t)
{
    dial(container_of(t, struct coord_client, retry));
}

/* A stream that did not last is a failure, too: whoever ends it may do so again. */
static dur_t next_wait(struct coord_client *c)
{
    if (c->up && mono_sub(loop_now(c->loop), c->up_since).ns >= STREAM_LASTS.ns) {
        backoff_reset(&c->backoff);
        c->failures = 0;
    }
    c->failures++;
    if (c->failures == 1 || c->failures % c->endpoint_count != 0)
        return dur_ms(1 + (int64_t)rng_below(c->rng, AT_ONCE_MS));
    return backoff_next(&c->backoff, c->rng);
}

/* The dial or its stream is over: the next endpoint's turn. */
static void try_next(struct coord_client *c, const struct err *why)
{
    const char *endpoint = c->endpoint[c->current];
    dur_t wait = next_wait(c);

    c->up = false;
    c->current = (c->current + 1) % c->endpoint_count;
    timer_cancel(&c->first_answer);
    timer_set(c->loop, &c->retry, wait, on_retry, "dial coordinator");
    c->events->on_down(c->ctx, endpoint, why, wait);
}

static void on_closed(struct rpc_stream *s, const struct err *status, void *ctx)
{
    struct coord_client *c = ctx;
    struct err why = *status;

    if (s != c->stream)
        return;
    c->stream = NULL;
    if (c->stopping)
        return;
    if (why.code == ERR_NONE)
        err_set(&why, ERR_UNAVAILABLE, "the coordinator ended the stream");
    try_next(c, &why);
}

static void on_no_answer(struct timer *t)
{
    struct coord_client *c = container_of(t, struct coord_client, first_answer);
    struct err why = {0};

    err_set(&why, ERR_TIMEOUT, "no answer came within %.1f s of the dial",
            (double)c->config.answer_wait.ns / 1e9);
    if (c->stream)
        rpc_stream_cancel(steal(c->stream));
    try_next(c, &why);
}

static const struct rpc_stream_events stream_events = {
    .on_message = on_message,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

static int connect_to(struct coord_client *c, const char *endpoint, struct err *err)
{
    struct rpc_client_config config = {.target = endpoint,
                                       .max_message_bytes = MESSAGE_MAX,
                                       .keepalive = PING_EACH,
                                       .keepalive_timeout = PONG_WITHIN,
                                       .own_connection = true};

    rpc_client_free(steal(c->rpc));
    return rpc_client_new(&config, c->loop, &c->rpc, err);
}

static void dial(struct coord_client *c)
{
    struct err why = {0};

    if (connect_to(c, c->endpoint[c->current], &why) < 0) {
        try_next(c, &why);
        return;
    }
    timer_set(c->loop, &c->first_answer, c->config.answer_wait, on_no_answer, "first answer");
    c->stream =
        rpc_client_open(c->rpc, &switchyard__v1__fleet__descriptor, "Connect", &stream_events, c);
    if (!say_hello(c))
        rpc_stream_cancel(c->stream);
}

void coord_client_redial(struct coord_client *c, dur_t wait)
{
    if (c->stream)
        rpc_stream_cancel(steal(c->stream));
    c->up = false;
    timer_cancel(&c->first_answer);
    timer_set(c->loop, &c->retry, wait, on_retry, "dial coordinator");
}

bool coord_client_is_up(const struct coord_client *c)
{
    return c->up;
}

const char *coord_client_endpoint(const struct coord_client *c)
{
    return c->endpoint[c->current];
}

/* ---- life ------------------------------------------------------------------------------------ */

static int take_endpoints(struct coord_client *c, const char *list, struct err *err)
{
    struct str rest = str_of(list), item;

    while (rest.n > 0) {
        str_cut(rest, ',', &item, &rest);
        item = str_trim(item);
        if (c->endpoint_count == COORD_ENDPOINTS_MAX)
            return err_set(err, ERR_INVALID, "more than %d coordinators", COORD_ENDPOINTS_MAX);
        if (item.n == 0 || !str_copy(item, c->endpoint[c->endpoint_count], ENDPOINT_SIZE))
            return err_set(err, ERR_INVALID, "coordinator address \"%.*s\" is empty or too long",
                           (int)item.n, item.p);
        c->endpoint_count++;
    }
    if (c->endpoint_count == 0)
        return err_set(err, ERR_INVALID, "no coordinator is given");
    return 0;
}

int coord_client_new(const struct coord_client_config *config, struct loop *l, struct rng *rng,
                     const struct coord_client_events *events, void *ctx, struct coord_client **ret,
                     struct err *err)
{
    CLEANUP(coord_client_freep) struct coord_client *c = xnew(struct coord_client);
    dur_t base = config->retry_base.ns ? config->retry_base : dur_ms(100);
    dur_t cap = config->retry_cap.ns ? config->retry_cap : dur_s(5);
    int r;

    c->config = *config;
    arena_init(&c->reports, REPORT_MAX);
    if (c->config.answer_wait.ns == 0)
        c->config.answer_wait = FIRST_ANSWER_WAIT;
    c->events = events;
    c->ctx = ctx;
    c->loop = l;
    c->rng = rng;
    backoff_init(&c->backoff, base, cap);
    str_fmt(c->boot, sizeof c->boot, "%016" PRIx64, rng_u64(rng));
    r = take_endpoints(c, config->endpoints, err);
    if (r < 0)
        return r;
    *ret = steal(c);
    return 0;
}

void coord_client_start(struct coord_client *c)
{
    timer_set(c->loop, &c->retry, dur_ms(0), on_retry, "dial coordinator");
}

struct coord_client *coord_client_free(struct coord_client *c)
{
    if (!c)
        return NULL;
    c->stopping = true;
    timer_cancel(&c->retry);
    timer_cancel(&c->first_answer);
    rpc_client_free(c->rpc);
    arena_deinit(&c->reports);
    xfreep(&c);
    return NULL;
}
