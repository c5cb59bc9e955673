/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are copied, and which may be. */
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/copy.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/relay.h"

const struct str copy_mark = {"X-Switchyard-Mirror", 19};

static bool is_listed(const struct route_mirror *m, struct str method)
{
    for (unsigned i = 0; i < m->method_count; i++) {
        if (str_eq(str_of(m->method[i]), method))
            return true;
    }
    return false;
}

/* Everything of the body is here, or may yet be. */
static bool body_fits(const struct upload *u, uint32_t max)
{
    if (u->framing.kind == HTTP1_BODY_LENGTH && u->framing.length > max)
        return false;
    return !u->received || (upload_can_restart(u) && u->keep.len <= max);
}

static bool is_copyable(const struct request *req)
{
    const struct route_mirror *m = &req->route->entry->route.mirror;
    struct str value;

    return is_listed(m, http1_str(&req->head, req->head.method_name)) && !req->head.upgrade &&
           body_fits(&req->upload, m->max_body) && !http1_find(&req->head, copy_mark, &value);
}

/* An emergency order, an override and a breaker that is not closed all mean: leave new alone. */
static bool is_allowed(const struct conn *c)
{
    const struct request *req = c->req;
    const struct ruleset_entry *e = req->route->entry;
    struct loop *loop = c->lane->loop;
    enum breaker_state breaker = breaker_look(req->route->breaker, loop_now(loop), loop_wall(loop));

    return !c->lane->draining && req->view == c->lane->view && !e->emergency.active &&
           e->route.override == SYSTEM_NONE &&
           (breaker == BREAKER_DISABLED || breaker == BREAKER_CLOSED);
}

bool copy_is_suited(const struct conn *c)
{
    return is_allowed(c) && is_copyable(c->req);
}

bool copy_is_chosen(struct conn *c)
{
    struct request *req = c->req;
    const struct route *route = &req->route->entry->route;
    const struct route_mirror *m = &route->mirror;

    if (req->system != SYSTEM_LEGACY || route->weight_bp > m->off_above_bp || !is_allowed(c) ||
        rng_below(&c->lane->rng, WEIGHT_BP_MAX) >= m->share_bp)
        return false;
    if (!is_copyable(req)) {
        req->route->tally->stats.mirror.unsuited++;
        return false;
    }
    upload_keep(&req->upload, m->max_body);
    return true;
}

void copy_mirror(struct conn *c)
{
    const struct copy_wish wish = {.to = SYSTEM_NEW};
    struct request *req = c->req;

    if (!req->answered || req->system != SYSTEM_LEGACY || !is_allowed(c))
        return;
    /* Who answers early may leave a part of the body unread: then nobody knows the whole. */
    if (is_copyable(req) && req->upload.received)
        copy_send(c, &wish);
    else
        req->route->tally->stats.mirror.unsuited++;
}
