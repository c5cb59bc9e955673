/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for operators and probes, on --admin. */
#include "common/base/json.h"
#include "sidecar/endpoints_page.h"
#include "sidecar/sidecar_parts.h"
#include "sidecar/status_page.h"

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

int sidecar_open_admin(struct sidecar *s, struct err *err)
{
    if (!s->config.admin)
        return 0;
    return pages_new(s->config.admin, s->loop, admin_pages, ARRAY_LEN(admin_pages), s, &s->pages,
                     err);
}
