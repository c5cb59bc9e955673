/* SPDX-License-Identifier: Apache-2.0 */
/* The step that answers somebody else's proxy. */
#include "sidecar/proxy/edge.h"

#include "common/decide/decide.h"
#include "common/http1/http1_write.h"
#include "sidecar/proxy/balance.h"
#include "sidecar/proxy/edge_probes.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/relay.h"

/* How much longer than the answer itself an outcome may take until a probe was for nothing. */
#define OUTCOME_PATIENCE dur_s(10)
#define UPSTREAM_SIZE    (ADDRESS_TEXT_SIZE + 9)
#define FIELDS_MAX       5

/* ---- answering ------------------------------------------------------------------------------- */

static enum verdict say(struct conn *c, unsigned status, const char *why,
                        const struct http1_extra *extra, unsigned count)
{
    struct request *req = c->req;
    struct http1_answer answer = {.status = status,
                                  .why = why,
                                  .head_only = req->head.method == HTTP1_HEAD,
                                  .date = conn_date(c),
                                  .extra = extra,
                                  .extra_count = count};
    struct gather g;

    if (c->lane->draining)
        c->closing = true;
    if (c->closing)
        answer.connection = HTTP1_CONNECTION_CLOSE;
    else if (req->head.minor == 0)
        answer.connection = HTTP1_CONNECTION_KEEP_ALIVE;
    gather_init(&g, c->lane->scratch, c->lane->bufs.size);
    gather_wrote(&g, http1_write_answer(&answer, gather_at(&g), gather_room(&g)));
    return conn_go(c, conn_send(c, &g) ? STEP_FINISH : STEP_CLOSE);
}

/* ---- the body -------------------------------------------------------------------------------- */

/* Whether all of it is `here`, and then how many bytes it is on the wire. */
static enum http1_body_result measure(struct http1_framing framing, struct str here, size_t *ret,
                                      const char **ret_why)
{
    enum http1_body_result r;
    struct http1_body body;
    struct str payload;
    size_t used;

    http1_body_init(&body, framing);
    *ret = 0;
    do {
        r = http1_body_next(&body, (struct str){here.p + *ret, here.n - *ret}, &used, &payload);
        *ret += used;
    } while (r == HTTP1_BODY_MORE && *ret < here.n);
    *ret_why = body.why;
    return r;
}

/* The payload of a body of `n` bytes on the wire, moved to the front of them. */
static struct str unwrap(struct http1_framing framing, char *data, size_t n)
{
    struct http1_body body;
    size_t used, payload;

    http1_body_init(&body, framing);
    (void)http1_body_squeeze(&body, data, n, &used, &payload);
    return (struct str){data, payload};
}

/* WAIT, NEXT (refused) or DONE: all of it is in *ret. It has to fit into the buffer with its head.
 */
static enum verdict take_body(struct conn *c, struct http1_framing framing, struct str *ret)
{
    struct request *req = c->req;
    struct iobuf *in = c->in;
    const struct str here = {in->data + in->start, in->end - in->start};
    const size_t room = c->lane->bufs.size - req->head.size;
    enum http1_body_result r;
    const char *why;
    size_t n;

    if (framing.kind == HTTP1_BODY_LENGTH && framing.length > room)
        return conn_refuse(c, 413, "the body is too large for this", true);
    r = measure(framing, here, &n, &why);
    if (r == HTTP1_BODY_BAD)
        return conn_refuse(c, 400, why, true);
    if (r == HTTP1_BODY_DONE) {
        *ret = unwrap(framing, in->data + in->start, n);
        in->start += (uint32_t)n;
        req->upload.received = true;
        return DONE;
    }
    if (here.n >= room)
        return conn_refuse(c, 413, "the body is too large for this", true);
    if (c->eof)
        return conn_go(c, STEP_CLOSE);
    if (c->late & CONN_CLIENT_LATE)
        return conn_refuse(c, 408, "the request's body did not arrive in time", true);
    if (req->head.expect_continue)
        return conn_refuse(c, 417, "nobody is invited here to send a body", true);
    return WAIT;
}

/* ---- decide ---------------------------------------------------------------------------------- */

static enum verdict say_nothing_known(struct conn *c, const char *reason)
{
    const struct http1_extra fields[] = {
        {.name = STR("X-Switchyard-System"), .value = STR("none")},
        {.name = STR("X-Switchyard-Reason"), .value = str_of(reason)},
    };

    return say(c, 200, NULL, fields, ARRAY_LEN(fields));
}

/* The slot stays taken until the outcome is told. */
static void hand_over_probe(struct conn *c)
{
    struct request *req = c->req;
    const struct route *route = &req->route->entry->route;
    dur_t patience = {dur_ms(route->upstream[SYSTEM_NEW].response_timeout_ms).ns +
                      OUTCOME_PATIENCE.ns};

    edge_probes_hold(c->lane->shared->edge_probes, req->route->breaker, req->ticket,
                     mono_add(loop_now(c->lane->loop), patience));
    req->ticket.probe = false;
}

static struct str endpoint(struct conn *c, char text[UPSTREAM_SIZE])
{
    struct view_system *s = &c->req->route->system[c->req->system];
    unsigned i = view_choose(s, 0, loop_now(c->lane->loop));
    char host[ADDRESS_TEXT_SIZE];

    text[0] = '\0';
    if (i >= s->count)
        return STR("");
    address_text(&s->pool[i]->address, host);
    str_fmt(text, UPSTREAM_SIZE, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
            address_port(&s->pool[i]->address));
    return str_of(text);
}

static enum verdict say_decision(struct conn *c)
{
    struct request *req = c->req;
    bool served = req->system != SYSTEM_NONE;
    char upstream[UPSTREAM_SIZE];
    const struct http1_extra fields[FIELDS_MAX] = {
        {.name = STR("X-Switchyard-System"), .value = str_of(system_name(req->system))},
        {.name = STR("X-Switchyard-Reason"), .value = str_of(decide_reason_name(req->reason))},
        {.name = STR("X-Switchyard-Migration"),
         .value = str_of(req->route->entry->route.migration.s)},
        {.name = STR("X-Switchyard-Stage"), .value = str_of(req->route->entry->route.stage)},
        {.name = STR("X-Switchyard-Upstream"), .value = served ? endpoint(c, upstream) : STR("")},
    };

    if (!served)
        conn_count_unserved(req);
    return say(c, served ? 200 : 503, served ? NULL : decide_reason_text(req->reason), fields,
               served ? FIELDS_MAX : FIELDS_MAX - 1);
}

static enum verdict decide_for(struct conn *c)
{
    struct request *req = c->req;
    struct edge_origin origin = edge_origin(&req->head, (struct str){c->peer, c->peer_len});
    enum verdict v;

    if (!c->lane->view)
        return say_nothing_known(c, "no_rules");
    req->route = view_match(c->lane->view, origin.host, origin.path);
    if (!req->route)
        return say_nothing_known(c, "no_route");
    conn_choose_system(c, conn_find_bucket(c, origin.path, origin.client));
    if (req->ticket.probe)
        hand_over_probe(c);
    v = say_decision(c);
    req->route = NULL; /* the view was not held */
    return v;
}

/* ---- outcome --------------------------------------------------------------------------------- */

static enum verdict take_outcome(struct conn *c, struct str body)
{
    unsigned counted = 0;
    char number[16];
    const char *why;
    unsigned status = edge_count(c->lane, body, &counted, &why);
    struct http1_extra field = {.name = STR("X-Switchyard-Counted")};

    if (status != 0)
        return conn_refuse(c, status, why, false);
    str_fmt(number, sizeof number, "%u", counted);
    field.value = str_of(number);
    return say(c, 200, NULL, &field, 1);
}

/* ---- the step -------------------------------------------------------------------------------- */

static bool is_at(struct str path, struct str place)
{
    return str_starts(path, place) &&
           (path.n == place.n || path.p[place.n] == '/' || path.p[place.n] == '?');
}

enum verdict step_edge(struct conn *c)
{
    struct request *req = c->req;
    struct http1_framing framing = http1_request_framing(&req->head);
    struct str path = http1_path(&req->head);
    const struct http1_extra allow = {.name = STR("Allow"), .value = STR("POST")};
    struct str body;
    enum verdict v;

    upload_init(&req->upload, framing, 0);
    c->closing = !req->head.keep_alive;
    v = take_body(c, framing, &body);
    if (v != DONE)
        return v;
    if (is_at(path, EDGE_DECIDE))
        return decide_for(c);
    if (!str_eq(path, EDGE_OUTCOME))
        return conn_refuse(c, 404, "here are /switchyard/v1/decide and /switchyard/v1/outcome",
                           false);
    if (req->head.method != HTTP1_POST)
        return say(c, 405, "outcomes are told with POST", &allow, 1);
    return take_outcome(c, body);
}
