/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/sidecar.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/pages/pages.h"
#include "sidecar/access_file.h"
#include "sidecar/agent/agent.h"
#include "sidecar/certificates.h"
#include "sidecar/control/convert.h"
#include "sidecar/control/coord_client.h"
#include "sidecar/control/order_service.h"
#include "sidecar/control/past_answer.h"
#include "sidecar/endpoints_page.h"
#include "sidecar/handshakes.h"
#include "sidecar/node_metrics.h"
#include "sidecar/order_file.h"
#include "sidecar/state_file.h"
#include "sidecar/status_page.h"

/* What failed is tried again after this, in case the cause has gone (a full disk); after a refusal
 * the coordinator is asked for a full set. */
#define RETRY_WAIT dur_s(5)
#define PAST_BYTES (8u << 20)

struct sidecar {
    struct sidecar_config config;
    struct name node; /* config.node */
    struct loop *loop;
    struct rng rng;
    struct agent *agent;               /* owned */
    struct state_file *state;          /* owned */
    struct proxy *proxy;               /* owned */
    struct coord_client *coord;        /* owned */
    struct pages *pages;               /* owned; NULL without --admin */
    struct order_service *orders;      /* owned */
    struct order_file *order_file;     /* owned; NULL when the folder cannot be watched */
    struct past *past;                 /* owned */
    struct access_log *access;         /* owned; NULL without --access-log */
    struct access_file *access_file;   /* owned; the same */
    struct certificates *certificates; /* owned; NULL without --tls-listen */
    struct node_metrics *metrics;      /* owned */
    struct past_answer *answers;       /* owned */
    struct timer retry;                /* set after a failure */
    bool refused;                      /* since the last retry */
    mono_t last_stats;
    mono_t coordinator_seen; /* the last time that one was there */
    unsigned clients;
    struct ruleset *served_then; /* owned; at last_stats */
    bool draining;
    bool stopping;
    bool outage_told;     /* one line per outage, not per attempt */
    char disk[TEXT_SIZE]; /* what is wrong with the state there; "": nothing */
    char proxy_address[ENDPOINT_SIZE];
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

static void on_retry(struct timer *t);

/* ---- the agent's jobs ------------------------------------------------------------------------ */

static void do_write(struct sidecar *s)
{
    state_file_write(s->state, agent_write_started(s->agent), agent_epochs(s->agent));
}

static bool do_ack(struct sidecar *s)
{
    struct position p = agent_position_serving(s->agent);

    if (!coord_client_ack(s->coord, &p, agent_serving_since(s->agent)))
        return false;
    agent_acked(s->agent);
    return true;
}

static void retry_later(struct sidecar *s)
{
    if (!timer_is_set(&s->retry))
        timer_set(s->loop, &s->retry, RETRY_WAIT, on_retry, "retry after failure");
}

static bool do_nack(struct sidecar *s)
{
    const char *reason;
    struct position p = agent_position_nack(s->agent, &reason);

    if (!coord_client_nack(s->coord, &p, reason))
        return false;
    agent_nacked(s->agent);
    if (agent_nack_refuses(s->agent)) {
        s->refused = true;
        retry_later(s);
    }
    return true;
}

static bool do_tell(struct sidecar *s)
{
    bool unwritten = agent_orders_unwritten(s->agent);

    if (!coord_client_tell(s->coord, agent_untold(s->agent), unwritten))
        return false;
    agent_told(s->agent);
    return true;
}

/* Returns false when there is nothing to do, or the stream cannot take more now. */
static bool do_next(struct sidecar *s)
{
    switch (agent_next(s->agent)) {
    case AGENT_IDLE:
        return false;
    case AGENT_WRITE:
        do_write(s);
        return true;
    case AGENT_PUBLISH:
        proxy_publish(s->proxy, agent_publishable(s->agent));
        return true;
    case AGENT_ACK:
        return do_ack(s);
    case AGENT_NACK:
        return do_nack(s);
    case AGENT_TELL:
        return do_tell(s);
    }
    check_die("an agent's job that is not handled");
}

static void work(struct sidecar *s)
{
    while (!s->stopping && do_next(s))
        continue;
}

static void on_retry(struct timer *t)
{
    struct sidecar *s = container_of(t, struct sidecar, retry);

    agent_retry(s->agent);
    if (s->refused)
        coord_client_redial(s->coord, dur_ms(0));
    s->refused = false;
    work(s);
}

/* ---- orders beside the coordinator ----------------------------------------------------------- */

static int on_order(void *ctx, const struct emergency *order, struct err *err)
{
    struct sidecar *s = ctx;
    const char *migration = order->migration.s[0] ? order->migration.s : "*";
    int r = agent_order(s->agent, order, err);

    if (r < 0)
        log_err(LOG_ERROR, LOG_EMERGENCY, err, "action=refused migration=%s", migration);
    else
        log_line(LOG_WARN, LOG_EMERGENCY, "action=%s migration=%s operator=%s reason=%s",
                 r == AGENT_KNOWN ? "stands" : "taken", migration, LOGQ(order->operator_name),
                 LOGQ(order->reason));
    work(s);
    return r;
}

/* On the node itself nobody says who it is. */
static int order_all(struct sidecar *s, const char *reason)
{
    struct emergency order = {.ordered_at = loop_wall(s->loop)};
    struct err err = {0};

    str_fmt(order.reason, sizeof order.reason, "%s", reason);
    str_fmt(order.operator_name, sizeof order.operator_name, "%s", s->config.node);
    return on_order(s, &order, &err);
}

static int on_order_file(void *ctx, const char *reason)
{
    return order_all(ctx, reason);
}

void sidecar_emergency(struct sidecar *s, const char *reason)
{
    (void)order_all(s, reason);
}

/* ---- events of the parts --------------------------------------------------------------------- */

static void note_disk(struct sidecar *s, const char *what, const struct err *why)
{
    str_fmt(s->disk, sizeof s->disk, "%s: %s", what, why->msg);
}

static void on_written(void *ctx, const struct err *err)
{
    struct sidecar *s = ctx;

    if (err) {
        log_err(LOG_ERROR, LOG_STATE_FILE, err, "action=write path=%s",
                LOGQ(state_file_path(s->state)));
        agent_write_failed(s->agent, err->msg);
        note_disk(s,
                  agent_orders_unwritten(s->agent) ? "emergency orders are served, not kept"
                                                   : "the rule set is not kept",
                  err);
        retry_later(s);
    } else {
        agent_written(s->agent);
        s->disk[0] = '\0';
    }
    work(s);
}

static void on_serving(void *ctx, const struct ruleset *set)
{
    struct sidecar *s = ctx;

    log_line(LOG_INFO, LOG_RULESET_SERVING, "revision=%" PRIu64 " term=%" PRIu64 " routes=%u",
             set->revision, set->term, set->count);
    agent_serving(s->agent, set, loop_wall(s->loop));
    order_service_served(s->orders);
    work(s);
}

static void on_lacking(void *ctx, const struct ruleset *set, const struct err *why)
{
    struct sidecar *s = ctx;

    log_err(LOG_ERROR, LOG_PROXY, why, "state=lacking revision=%" PRIu64, set->revision);
    agent_lacking(s->agent, set, why->msg);
    work(s);
}

/* What changed within the interval counts for what was served before: a gate must not see requests
 * of an older decision under a newer one. */
static void remember(struct sidecar *s, dur_t interval, const struct route_stats *stats,
                     size_t count)
{
    const struct ruleset *then = s->served_then;
    struct position p = {.incarnation = ""};

    if (then)
        p = (struct position){then->incarnation, then->term, then->revision};
    past_add(s->past, loop_now(s->loop), interval, &p, stats, count);
    ruleset_unref(s->served_then);
    s->served_then = agent_served(s->agent) ? ruleset_ref(agent_served(s->agent)) : NULL;
}

static void on_stats(void *ctx, const struct route_stats *stats, size_t count, unsigned clients)
{
    struct sidecar *s = ctx;
    mono_t now = loop_now(s->loop);
    dur_t interval = mono_sub(now, s->last_stats);
    struct node_now here = {.client_connections = clients};

    proxy_count_endpoints(s->proxy, &here.endpoints, &here.endpoints_healthy);
    node_metrics_add(s->metrics, stats, count);
    s->clients = clients;
    remember(s, interval, stats, count);
    coord_client_report(s->coord, agent_position_serving(s->agent).revision, interval, stats, count,
                        &here);
    s->last_stats = now;
    past_answer_work(s->answers);
    work(s); /* an acknowledgement that the stream could not take */
}

static void on_fault(void *ctx UNUSED, const struct name *migration, enum system system,
                     const struct tls_fault *fault)
{
    handshakes_tell_system(migration->s, system, fault);
}

static void on_drained(void *ctx, unsigned cut)
{
    struct sidecar *s = ctx;

    log_line(LOG_INFO, LOG_PROXY, "state=drained cut=%u", cut);
    s->on_stopped(s->stopped_ctx);
}

static const struct proxy_events proxy_events = {
    .on_serving = on_serving,
    .on_lacking = on_lacking,
    .on_stats = on_stats,
    .on_fault = on_fault,
    .on_drained = on_drained,
};

static void on_hello(void *ctx, struct coord_hello *ret)
{
    struct sidecar *s = ctx;
    const struct ruleset *set = agent_served(s->agent);

    ret->serving = agent_position_serving(s->agent);
    ret->checksum = set ? set->checksum : (struct sha256){{0}};
    ret->epochs = agent_epochs(s->agent);
    ret->unwritten = agent_orders_unwritten(s->agent);
}

static void on_up(void *ctx, const char *endpoint)
{
    struct sidecar *s = ctx;

    log_line(LOG_INFO, LOG_COORDINATOR_FOUND, "coordinator=%s", endpoint);
    s->outage_told = false;
    agent_connected(s->agent, true);
    work(s);
}

static int on_update(void *ctx, const struct agent_update *u)
{
    struct sidecar *s = ctx;
    struct err err = {0};
    int r = agent_take(s->agent, u, &err);

    if (r < 0)
        log_err(LOG_ERROR, LOG_RULESET_REFUSED, &err, "revision=%" PRIu64 " term=%" PRIu64,
                u->to.revision, u->to.term);
    else if (r != AGENT_GAP)
        s->refused = false;         /* what was refused before has been made up for */
    order_file_look(s->order_file); /* it may have waited for the first routes */
    work(s);
    return r;
}

static void on_pushed_order(void *ctx, const struct emergency *order)
{
    struct sidecar *s = ctx;
    const char *migration = order->migration.s;
    struct err err = {0};
    int r = agent_pushed_order(s->agent, order, &err);

    if (r < 0)
        log_err(LOG_ERROR, LOG_EMERGENCY, &err, "action=refused migration=%s", migration);
    else if (r != AGENT_KNOWN)
        log_line(LOG_WARN, LOG_EMERGENCY,
                 "action=pushed migration=%s epoch=%" PRIu64 " operator=%s reason=%s", migration,
                 order->epoch, LOGQ(order->operator_name), LOGQ(order->reason));
    work(s);
}

static bool send_past(void *ctx, const Switchyard__V1__Past *part)
{
    struct sidecar *s = ctx;

    return coord_client_past(s->coord, part);
}

static void on_past_wanted(void *ctx, const char *id, dur_t window)
{
    struct sidecar *s = ctx;

    past_answer_want(s->answers, id, window);
    past_answer_work(s->answers);
}

static void on_room(void *ctx)
{
    struct sidecar *s = ctx;

    work(s);
    past_answer_work(s->answers);
}

static void on_down(void *ctx, const char *endpoint, const struct err *why, dur_t retry)
{
    struct sidecar *s = ctx;
    enum log_level level = s->outage_told ? LOG_DEBUG : LOG_WARN;
    enum agent_link link = agent_link(s->agent);

    if (link == LINK_CURRENT || link == LINK_BEHIND)
        s->coordinator_seen = loop_now(s->loop);
    agent_connected(s->agent, false);
    past_answer_forget(s->answers);
    s->outage_told = true;
    log_err(level, LOG_COORDINATOR_LOST, why, "coordinator=%s state=%s retry_ms=%" PRId64, endpoint,
            agent_link_name(agent_link(s->agent)), dur_to_ms(retry));
}

static const struct coord_client_events coord_events = {
    .on_hello = on_hello,
    .on_up = on_up,
    .on_update = on_update,
    .on_order = on_pushed_order,
    .on_past_wanted = on_past_wanted,
    .on_room = on_room,
    .on_down = on_down,
};

/* ---- admin pages ----------------------------------------------------------------------------- */

static bool is_alive(void *ctx UNUSED)
{
    return true;
}

static bool is_ready(void *ctx)
{
    struct sidecar *s = ctx;

    return agent_served(s->agent) != NULL && !s->draining;
}

static bool tell_status(void *ctx, struct buf *ret)
{
    struct sidecar *s = ctx;
    CLEANUP(json_freep)
    struct json *j =
        status_page(s->config.node, coord_client_endpoint(s->coord), s->disk, s->agent);

    json_set(j, "endpoints", endpoints_page(s->proxy, agent_served(s->agent)));
    json_set(j, "tls", certificates_page(s->certificates));
    return json_print(j, true, ret) && buf_add(ret, "\n", 1);
}

static bool tell_flags(void *ctx, struct buf *ret)
{
    struct sidecar *s = ctx;
    CLEANUP(json_freep) struct json *j = flags_page(s->config.node, s->agent);

    return json_print(j, true, ret) && buf_add(ret, "\n", 1);
}

static dur_t coordinator_silence(const struct sidecar *s)
{
    if (coord_client_is_up(s->coord))
        return dur_ns(0);
    return mono_sub(loop_now(s->loop), s->coordinator_seen);
}

static bool tell_metrics(void *ctx, struct buf *ret)
{
    struct sidecar *s = ctx;
    enum agent_link link = agent_link(s->agent);
    struct proxy_pools pools = proxy_pools(s->proxy);
    const struct node_facts f = {
        .served = agent_served(s->agent),
        .revision = agent_position_serving(s->agent).revision,
        .serving_since = agent_serving_since(s->agent),
        .stale = link == LINK_STALE || link == LINK_EMPTY,
        .silence = coordinator_silence(s),
        .unwritten = s->disk[0] != '\0',
        .clients = s->clients,
        .access_lost = s->access_file ? access_file_lost(s->access_file) : 0,
        .pools = pools.pools,
        .idle = pools.idle,
        .busy = pools.busy,
        .tls = s->config.proxy.tls,
        .proxy = s->proxy,
    };

    return node_metrics_page(s->metrics, &f, ret);
}

static const struct page admin_pages[] = {
    {.path = STR("/healthz"), .is_fine = is_alive, .fine = "alive"},
    {.path = STR("/readyz"),
     .is_fine = is_ready,
     .fine = "serves a rule set",
     .not_fine = "no rule set yet"},
    {.path = STR("/status"), .type = PAGES_JSON, .tell = tell_status},
    {.path = STR("/flags"), .type = PAGES_JSON, .tell = tell_flags},
    {.path = STR("/metrics"), .type = PAGES_METRICS, .tell = tell_metrics},
};

/* ---- life ------------------------------------------------------------------------------------ */

static void tell_restored(const struct sidecar *s, const struct ruleset *set)
{
    log_line(LOG_WARN, LOG_STATE_FILE,
             "action=start state=STALE revision=%" PRIu64 " routes=%u path=%s", set->revision,
             set->count, LOGQ(state_file_path(s->state)));
}

static void tell_damaged(struct sidecar *s, const char *state, const char *what,
                         const struct err *why)
{
    log_err(LOG_ERROR, LOG_STATE_FILE, why, "action=read state=%s", state);
    note_disk(s, what, why);
}

/* A missing file is a first start. A damaged one is said loudly, and the coordinator asked for
 * another; until it answers the set before is better than none. */
static void restore(struct sidecar *s)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct err err = {0};
    int r = state_file_read(s->state, convert_route, &set, epochs, &err);

    if (r == STATE_PREVIOUS)
        tell_damaged(s, "PREVIOUS", "started from the rule set before the last", &err);
    else if (r < 0 && r != -ERR_NOT_FOUND)
        tell_damaged(s, "EMPTY", "started without a rule set", &err);
    if (r >= 0) {
        tell_restored(s, set);
        agent_restore(s->agent, set, epochs);
    }
}

static int start_coord(struct sidecar *s, struct err *err)
{
    struct coord_client_config c = {
        .node = s->config.node,
        .labels = &s->config.labels,
        .version = SWITCHYARD_VERSION,
        .proxy_address = s->proxy_address,
        .control_address = order_service_address(s->orders),
        .endpoints = s->config.coordinators,
    };
    int r = coord_client_new(&c, s->loop, &s->rng, &coord_events, s, &s->coord, err);

    if (r == 0)
        coord_client_start(s->coord);
    return r;
}

/* "127.0.0.1:0" becomes the address with the real port. */
static void note_address(struct sidecar *s)
{
    const char *listen = s->config.proxy.listen ? s->config.proxy.listen : "127.0.0.1:0";
    const char *colon = strrchr(listen, ':');
    int host = colon ? (int)(colon - listen) : (int)strlen(listen);

    str_fmt(s->proxy_address, sizeof s->proxy_address, "%.*s:%u", host, listen,
            proxy_port(s->proxy));
}

/* A node without one of its doors serves all the same, and says so. */
static void open_file_door(struct sidecar *s)
{
    struct err closed = {0};

    if (order_file_new(s->config.data, s->loop, on_order_file, s, &s->order_file, &closed) < 0)
        log_err(LOG_WARN, LOG_EMERGENCY, &closed, "action=open door=file");
    order_file_look(s->order_file);
}

static enum breaker_state find_breaker(void *ctx, const char *migration)
{
    struct sidecar *s = ctx;

    return proxy_breaker(s->proxy, migration);
}

static int begin_probe(void *ctx, const struct probe *probe, probe_done_fn fn, void *fn_ctx,
                       struct err *err)
{
    struct sidecar *s = ctx;

    return proxy_probe(s->proxy, probe, fn, fn_ctx, err);
}

static int debug(void *ctx, const struct name *migration, struct str key, struct buf *ret,
                 uint64_t *ret_lost, struct err *err)
{
    struct sidecar *s = ctx;

    return proxy_debug(s->proxy, migration, key, ret, ret_lost, err);
}

static int open_rpc_doors(struct sidecar *s, struct err *err)
{
    struct order_service_config c = {.node = s->config.node,
                                     .folder = s->config.data,
                                     .listen = s->config.control,
                                     .labels = &s->config.labels,
                                     .agent = s->agent,
                                     .breaker = find_breaker,
                                     .probe = begin_probe,
                                     .debug = debug,
                                     .ctx = s};
    struct err closed = {0};
    int r = order_service_new(&c, s->loop, on_order, s, &s->orders, &closed, err);

    if (closed.code != ERR_NONE)
        log_err(LOG_WARN, LOG_EMERGENCY, &closed, "action=open door=socket");
    return r;
}

static int open_access_log(struct sidecar *s, struct err *err)
{
    if (!s->config.access_log)
        return 0;
    s->access = access_log_new(s->config.access_sample, s->config.access_query);
    s->config.proxy.access = s->access;
    return access_file_new(s->config.access_log, s->access, s->loop, &s->access_file, err);
}

static int open_tls_door(struct sidecar *s, struct err *err)
{
    int r = 0;

    if (s->config.proxy.tls_listen)
        r = certificates_new(&s->config.tls, s->loop, &s->certificates, err);
    if (s->certificates)
        s->config.proxy.tls = certificates_server(s->certificates);
    return r;
}

static int start_parts(struct sidecar *s, struct err *err)
{
    int r;

    r = state_file_open(s->config.data, s->loop, on_written, s, &s->state, err);
    if (r < 0)
        return r;
    restore(s);
    r = open_access_log(s, err);
    if (r < 0)
        return r;
    r = open_tls_door(s, err);
    if (r < 0)
        return r;
    r = proxy_new(&s->config.proxy, s->loop, &proxy_events, s, &s->proxy, err);
    if (r < 0)
        return r;
    note_address(s);
    open_file_door(s);
    work(s); /* serve what the disk had, before anybody is let in and before what takes time */
    proxy_open(s->proxy);
    if (s->config.admin)
        r = pages_new(s->config.admin, s->loop, admin_pages, ARRAY_LEN(admin_pages), s, &s->pages,
                      err);
    if (r == 0)
        r = open_rpc_doors(s, err);
    return r < 0 ? r : start_coord(s, err);
}

int sidecar_start(const struct sidecar_config *config, struct loop *control, struct sidecar **ret,
                  struct err *err)
{
    CLEANUP(sidecar_freep) struct sidecar *s = xnew(struct sidecar);
    int r;

    s->config = *config;
    s->loop = control;
    CHECK(str_copy(str_of(config->node), s->node.s, sizeof s->node.s));
    s->last_stats = s->coordinator_seen = loop_now(control);
    s->agent = agent_new(&s->node, &s->config.labels);
    s->past = past_new(PAST_BYTES);
    s->metrics = node_metrics_new();
    s->answers = past_answer_new(control, s->past, send_past, s);
    rng_seed_system(&s->rng);
    r = start_parts(s, err);
    if (r < 0)
        return r;
    log_line(
        LOG_INFO, LOG_STARTED,
        "proxy=%s tls_port=%u admin_port=%u decide_port=%u control=%s coordinators=%s state=%s",
        s->proxy_address, proxy_tls_port(s->proxy), sidecar_admin_port(s),
        proxy_edge_port(s->proxy), order_service_address(s->orders), config->coordinators,
        agent_link_name(agent_link(s->agent)));
    *ret = steal(s);
    return 0;
}

uint16_t sidecar_port(const struct sidecar *s)
{
    return proxy_port(s->proxy);
}

uint16_t sidecar_admin_port(const struct sidecar *s)
{
    return s->pages ? pages_port(s->pages) : 0;
}

void sidecar_reopen(struct sidecar *s)
{
    if (s->access_file)
        access_file_reopen(s->access_file);
    if (s->certificates)
        certificates_reload(s->certificates);
}

void sidecar_stop(struct sidecar *s, void (*on_stopped)(void *ctx), void *ctx)
{
    s->on_stopped = on_stopped;
    s->stopped_ctx = ctx;
    s->draining = true;
    log_line(LOG_INFO, LOG_PROXY, "state=draining");
    proxy_drain(s->proxy, s->config.drain);
}

struct sidecar *sidecar_free(struct sidecar *s)
{
    if (!s)
        return NULL;
    timer_cancel(&s->retry);
    s->stopping = true; /* the last write ends inside state_file_close() */
    order_file_free(s->order_file);
    order_service_free(s->orders);
    pages_free(s->pages);
    coord_client_free(s->coord);
    proxy_free(s->proxy);
    certificates_free(s->certificates);
    access_file_free(s->access_file);
    access_log_free(s->access);
    state_file_close(s->state);
    past_answer_free(s->answers);
    past_free(s->past);
    node_metrics_free(s->metrics);
    ruleset_unref(s->served_then);
    agent_free(s->agent);
    xfreep(&s);
    return NULL;
}
