/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes must serve, in the fleet's words; and what a step tells and asks. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/driver/driver_state.h"

static void compile_route(struct driver *d, const struct name *migration, struct fleet_route *ret)
{
    ret->removed = !core_compile(d->core, migration->s, &ret->route);
    ret->route.migration = *migration;
    ret->has_emergency = core_emergency(d->core, migration->s, &ret->emergency);
}

void publish_changed(struct driver *d, const struct core_update *u)
{
    CLEANUP(xfreep) struct fleet_route *route = NULL;
    const struct core_publish *p;
    unsigned n = 0;

    for (p = u->publish; p; p = p->next)
        n++;
    if (n == 0)
        return;
    route = xcalloc(n, sizeof(*route));
    n = 0;
    for (p = u->publish; p; p = p->next)
        compile_route(d, &p->migration, &route[n++]);
    d->ports->publish(d->ports_ctx, d->revision, route, n);
}

void publish_all(struct driver *d)
{
    CLEANUP(xfreep)
    struct fleet_route *route = xcalloc(CORE_MIGRATIONS_MAX, sizeof(*route));
    unsigned n = 0;

    for (const char *m = ""; (m = core_next_migration(d->core, m));) {
        struct name name;

        CHECK(str_copy(str_of(m), name.s, sizeof(name.s)));
        compile_route(d, &name, &route[n++]);
    }
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
