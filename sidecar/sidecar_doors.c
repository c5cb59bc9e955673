/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that come beside the coordinator: from an operator's CLI, by a file in the data folder, or
 * by a signal. The same service answers questions about the node. */
#include "common/base/log.h"
#include "sidecar/sidecar_parts.h"

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
    sidecar_work(s);
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

void sidecar_open_file_door(struct sidecar *s)
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

int sidecar_open_rpc_doors(struct sidecar *s, struct err *err)
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
