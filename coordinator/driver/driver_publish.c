/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes must serve, in the fleet's words; and what a step tells and asks. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

static void compile_route(struct driver *d, const struct name *migration, struct fleet_route *ret)
{
    ret->removed = !core_compile(d->core, migration->s, &ret->route);
    ret->route.migration = *migration;
    ret->has_emergency = core_emergency(d->core, migration->s, &ret->emergency);
}

static bool is_waiting(const struct driver *d, const struct name *migration)
{
    for (unsigned i = 0; i < d->publish.count; i++)
        if (name_eq(&d->publish.name[i], migration))
            return true;
    return false;
}

void publish_add(struct driver *d, const struct core_update *u)
{
    struct driver_publish *w = &d->publish;

    for (const struct core_publish *p = u->publish; p; p = p->next) {
        if (is_waiting(d, &p->migration))
            continue;
        if (w->count == w->room) {
            w->room = w->room ? 2 * w->room : 16;
            w->name = xrealloc(w->name, w->room * sizeof(*w->name));
        }
        w->name[w->count++] = p->migration;
    }
}

void publish_now(struct driver *d)
{
    CLEANUP(xfreep) struct fleet_route *route = NULL;
    unsigned n = d->publish.count;

    if (core_revision(d->core) > d->revision)
        d->revision = core_revision(d->core);
    if (n == 0)
        return;
    route = xcalloc(n, sizeof(*route));
    for (unsigned i = 0; i < n; i++)
        compile_route(d, &d->publish.name[i], &route[i]);
    d->publish.count = 0;
    d->ports->publish(d->ports_ctx, d->revision, route, n);
}

bool publish_orders(struct driver *d, const struct core_update *u)
{
    struct emergency order;
    bool any = false;

    for (const struct core_publish *p = u->publish; p; p = p->next) {
        if (!core_emergency(d->core, p->migration.s, &order) || !order.active)
            continue;
        d->ports->push_order(d->ports_ctx, &order);
        any = true;
    }
    return any;
}

void publish_deinit(struct driver *d)
{
    free(d->publish.name);
}

void publish_all(struct driver *d)
{
    CLEANUP(xfreep)
    struct fleet_route *route = xcalloc(core_migrations(d->core), sizeof(*route));
    unsigned n = 0;

    for (const char *m = ""; (m = core_next_migration(d->core, m));) {
        struct name name;

        CHECK(str_copy(str_of(m), name.s, sizeof(name.s)));
        compile_route(d, &name, &route[n++]);
    }
    if (core_revision(d->core) > d->revision)
        d->revision = core_revision(d->core);
    /* A store that has never held anything has nothing to say to nodes that serve. */
    if (d->revision > 0)
        d->ports->publish(d->ports_ctx, d->revision, route, n);
}

void publish_tell(const struct core_update *u)
{
    for (const struct core_tell *t = u->tell; t; t = t->next)
        log_line(t->level, t->event, "%s", t->text);
}

void publish_ask(struct driver *d, const struct core_update *u)
{
    for (const struct core_ask *a = u->ask; a; a = a->next)
        d->ports->ask_past(d->ports_ctx, &a->node, a->window);
}

void publish_jobs(struct driver *d, const struct core_update *u)
{
    for (const struct core_stop *s = u->stop_job; s; s = s->next)
        d->ports->stop_job(d->ports_ctx, s->id);
    /* Who has stepped down since, and even leads again, waits for none of these any more. */
    for (const struct core_job *j = u->job; j; j = j->next)
        if (core_awaits_job(d->core, j->id))
            d->ports->run_job(d->ports_ctx, j);
}
