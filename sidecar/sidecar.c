/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/sidecar.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "sidecar/control/convert.h"
#include "sidecar/handshakes.h"
#include "sidecar/sidecar_parts.h"

#define PAST_BYTES (8u << 20)

/* ---- the proxy ------------------------------------------------------------------------------- */

static void on_serving(void *ctx, const struct ruleset *set)
{
    struct sidecar *s = ctx;

    log_line(LOG_INFO, LOG_RULESET_SERVING, "revision=%" PRIu64 " term=%" PRIu64 " routes=%u",
             set->revision, set->term, set->count);
    agent_serving(s->agent, set, loop_wall(s->loop));
    order_service_served(s->orders);
    sidecar_work(s);
}

static void on_lacking(void *ctx, const struct ruleset *set, const struct err *why)
{
    struct sidecar *s = ctx;

    log_err(LOG_ERROR, LOG_PROXY, why, "state=lacking revision=%" PRIu64, set->revision);
    agent_lacking(s->agent, set, why->msg);
    sidecar_work(s);
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
    sidecar_work(s); /* an acknowledgement that the stream could not take */
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

static bool send_past(void *ctx, const Switchyard__V1__Past *part)
{
    struct sidecar *s = ctx;

    return coord_client_past(s->coord, part);
}

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
    sidecar_note_disk(s, what, why);
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

/* "127.0.0.1:0" becomes the address with the real port. */
static void note_address(struct sidecar *s)
{
    const char *listen = s->config.proxy.listen ? s->config.proxy.listen : "127.0.0.1:0";
    const char *colon = strrchr(listen, ':');
    int host = colon ? (int)(colon - listen) : (int)strlen(listen);

    str_fmt(s->proxy_address, sizeof s->proxy_address, "%.*s:%u", host, listen,
            proxy_port(s->proxy));
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

    r = state_file_open(s->config.data, s->loop, sidecar_on_written, s, &s->state, err);
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
    sidecar_open_file_door(s);
    sidecar_work(
        s); /* serve what the disk had, before anybody is let in and before what takes time */
    proxy_open(s->proxy);
    r = sidecar_open_admin(s, err);
    if (r == 0)
        r = sidecar_open_rpc_doors(s, err);
    return r < 0 ? r : sidecar_start_stream(s, err);
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
