/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator says, and what it is told when it is there. */
#include <inttypes.h>

#include "common/base/log.h"
#include "sidecar/sidecar_parts.h"

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
    sidecar_work(s);
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
    sidecar_work(s);
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
    sidecar_work(s);
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

    sidecar_work(s);
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

int sidecar_start_stream(struct sidecar *s, struct err *err)
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
