/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes to the lanes and waits until all of them serve. */
#include "sidecar/proxy/proxy.h"

#include "sidecar/proxy/proxy_parts.h"

/* A resolver answers in milliseconds; one that does not holds up no other route. */
#define NAMES_PATIENCE dur_s(1)

void publish_open(struct proxy *p)
{
    for (unsigned i = 0; i < p->lane_count; i++)
        proxy_post(p->lane[i], letter_new(LETTER_OPEN));
}

static void send_out(struct proxy *p, struct ruleset *set)
{
    bool first = !p->live;
    struct live *live = live_new(set, p->names, p->live, loop_now(p->loop), loop_wall(p->loop));

    live_unref(p->live);
    p->live = live;
    p->lacks_port = ports_follow(p->ports, set, &p->port_err) < 0;
    checks_follow(p->checks, live);
    p->waiting = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct letter *l = letter_new(LETTER_SERVE);

        l->live = live_ref(live);
        l->port = ports_hand_over(p->ports, i, &l->port_count);
        proxy_post(p->lane[i], l);
    }
    if (first && p->is_open)
        publish_open(p);
}

/* One set at a time is on its way, so that no mailbox fills up however fast they are published. */
static void distribute(struct proxy *p)
{
    timer_cancel(&p->patience);
    p->asked_version = names_version(p->names) + 1;
    if (p->waiting == 0) {
        send_out(p, p->asked);
        return;
    }
    ruleset_unref(p->next);
    p->next = ruleset_ref(p->asked);
}

/* Again, when more is known than it was sent out with. */
static void catch_up(struct proxy *p)
{
    if (p->asked_version != names_version(p->names) + 1)
        distribute(p);
}

void publish_refresh(struct proxy *p)
{
    if (p->live && p->waiting == 0 && p->asked_version > 0 && live_is_outdated(p->live))
        distribute(p);
}

void publish_on_port(void *ctx)
{
    struct proxy *p = ctx;

    if (p->asked_version > 0)
        distribute(p);
}

static void on_patience(struct timer *t)
{
    struct proxy *p = container_of(t, struct proxy, patience);

    distribute(p);
}

static void tell_lacking(struct proxy *p, const char *unresolved, const char *why)
{
    struct err err = {0};

    if (p->told_lacking || !p->events.on_lacking)
        return;
    p->told_lacking = true;
    err_set(&err, ERR_UNAVAILABLE, "cannot resolve \"%s\": %s", unresolved, why);
    err_hint(&err, "check the name in the plan's endpoints, or use an address");
    p->events.on_lacking(p->ctx, p->asked, &err);
}

void publish_on_names(void *ctx, const struct names_news *news)
{
    struct proxy *p = ctx;

    if (news->set != p->asked || (p->asked_version == 0 && !news->complete))
        return; /* overtaken by a set without names, or there is patience left for the others */
    catch_up(p);
    if (news->unresolved)
        tell_lacking(p, news->unresolved, news->why);
}

void proxy_publish(struct proxy *p, struct ruleset *set)
{
    loop_assert_owner(p->loop);
    ruleset_unref(p->asked);
    p->asked = set;
    p->asked_version = 0;
    p->told_lacking = false;
    p->told_port = false;
    if (names_has_all(p->names, set) || live_is_urgent(set, p->live))
        distribute(p);
    else if (!timer_is_set(&p->patience))
        timer_set(p->loop, &p->patience, NAMES_PATIENCE, on_patience, "proxy names");
    names_look_up(p->names, set);
}

static void tell_port(struct proxy *p, const struct ruleset *set)
{
    if (!p->lacks_port || p->told_port || set != p->asked || !p->events.on_lacking)
        return;
    p->told_port = true;
    p->events.on_lacking(p->ctx, set, &p->port_err);
}

void publish_on_served(struct proxy *p, const struct letter *l)
{
    CLEANUP(ruleset_unrefp) struct ruleset *next = NULL;

    if (--p->waiting > 0)
        return;
    next = steal(p->next);
    if (next)
        send_out(p, next);
    if (p->events.on_serving)
        p->events.on_serving(p->ctx, l->live->set);
    tell_port(p, l->live->set);
}

void publish_end(struct proxy *p)
{
    timer_cancel(&p->patience);
    ruleset_unref(p->asked);
    ruleset_unref(p->next);
    live_unref(p->live);
}
