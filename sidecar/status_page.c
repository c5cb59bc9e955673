/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/status_page.h"

#include "common/base/json.h"

/* null, or the order that stands. */
static struct json *emergency_page(const struct emergency *o)
{
    char text[WALL_TEXT_MAX];
    struct json *j;

    if (!o->active)
        return json_null();
    j = json_object();
    json_set_u64(j, "epoch", o->epoch);
    json_set_string(j, "reason", o->reason);
    json_set_string(j, "operator", o->operator_name);
    json_set_string(j, "time", wall_text(o->ordered_at, text));
    return j;
}

static struct json *route_page(const struct ruleset_entry *e)
{
    struct json *j = json_object();

    json_set_string(j, "migration", e->route.migration.s);
    json_set_string(j, "stage", e->route.stage);
    json_set_number(j, "weight", (double)e->route.weight_bp / 100.0);
    json_set_string(j, "override", system_name(e->route.override));
    json_set_bool(j, "legacyForbidden", e->route.forbid_legacy);
    json_set(j, "flags", flags_json(&e->route.flags));
    json_set(j, "emergency", emergency_page(&e->emergency));
    return j;
}

struct json *status_page(const char *node, const char *coordinator, const char *disk,
                         const struct agent *a)
{
    const struct ruleset *set = agent_served(a);
    struct position p = agent_position_serving(a);
    struct json *j = json_object(), *routes = json_array();
    char since[WALL_TEXT_MAX];

    json_set_string(j, "node", node);
    json_set_string(j, "state", agent_link_name(agent_link(a)));
    json_set_u64(j, "revision", p.revision);
    json_set_u64(j, "term", p.term);
    json_set_string(j, "servingSince", wall_text(agent_serving_since(a), since));
    json_set_string(j, "coordinator", coordinator);
    if (disk[0])
        json_set_string(j, "disk", disk);
    else
        json_set(j, "disk", json_null());
    for (unsigned i = 0; set && i < set->count; i++)
        json_append(routes, route_page(&set->entry[i]));
    json_set(j, "routes", routes);
    return j;
}

static struct json *migration_flags(const struct ruleset_entry *e)
{
    struct json *j = json_object();

    json_set_string(j, "stage", e->route.stage);
    json_set_bool(j, "emergency", e->emergency.active);
    json_set(j, "flags", flags_json(&e->route.flags));
    return j;
}

struct json *flags_page(const char *node, const struct agent *a)
{
    const struct ruleset *set = agent_served(a);
    enum agent_link link = agent_link(a);
    struct json *j = json_object(), *migrations = json_object();

    json_set_string(j, "node", node);
    json_set_u64(j, "revision", agent_position_serving(a).revision);
    json_set_bool(j, "stale", link == LINK_STALE || link == LINK_EMPTY);
    for (unsigned i = 0; set && i < set->count; i++)
        json_add(migrations, set->entry[i].route.migration.s, migration_flags(&set->entry[i]));
    json_set(j, "migrations", migrations);
    return j;
}
