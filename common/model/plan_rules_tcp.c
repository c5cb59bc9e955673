/* SPDX-License-Identifier: Apache-2.0 */
/* A plan splits requests or connections. What of the language is about requests means nothing to
 * connections, and is refused with the reason. */
#include "common/model/plan_schema.h"

static const char no_requests[] =
    "is about requests, and routing.tcp splits connections unseen; "
    "take it out";

static const char no_answers[] =
    "there is no answer to wait for; routing.tcp.idleTimeout ends "
    "connections on which nothing moves";

/* Members of the mapping at `path`. */
static const struct {
    const char *path;
    const char *member;
    const char *why;
} foreign[] = {
    {"spec.routing", "hosts", "a connection names no host, its port decides; take it out"},
    {"spec.routing", "path", "a connection has no path, its port decides; take it out"},
    {"spec.routing", "fallbackKey", "every connection has its key; take it out"},
    {"spec.routing", "exposeSystem", "there is no answer that could carry it; take it out"},
    {"spec.fallback", "methods", no_requests},
    {"spec.fallback", "maxBody", no_requests},
    {"spec", "mirror", no_requests},
    {"spec", "compare", no_requests},
    {"spec.systems.legacy", "responseTimeout", no_answers},
    {"spec.systems.new", "responseTimeout", no_answers},
    {"spec.systems.legacy", "protocol", no_requests},
    {"spec.systems.new", "protocol", no_requests},
    {"spec.systems.new", "metrics", "is asked for by HTTP, and the system is tcp://; take it out"},
};

static const struct json *node_at(const struct json *root, const char *path)
{
    char name[NAME_SIZE];
    struct str step, rest = str_of(path);

    while (root && rest.n > 0) {
        (void)str_cut(rest, '.', &step, &rest);
        root = str_copy(step, name, sizeof name) ? json_get(root, name) : NULL;
    }
    return root;
}

static void check_foreign(struct plan_reader *r, const struct json *root)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        const struct json *node = node_at(root, foreign[i].path);
        size_t mark = plan_reader_enter(r, "%s", foreign[i].path);

        if (json_get(node, foreign[i].member))
            plan_reader_problem_of(r, node, foreign[i].member, "%s", foreign[i].why);
        plan_reader_leave(r, mark);
    }
}

static void check_key(struct plan_reader *r, const struct json *routing)
{
    const enum key_source source = r->plan->route.key.source;
    size_t mark = plan_reader_enter(r, "spec.routing");

    if (source != KEY_CLIENT_ADDRESS && source != KEY_RANDOM)
        plan_reader_problem_of(r, routing, "key",
                               "connections are told apart by client-ip or random: nothing else of "
                               "them is known");
    plan_reader_leave(r, mark);
}

static void check_fallback(struct plan_reader *r, const struct json *fallback)
{
    size_t mark = plan_reader_enter(r, "spec.fallback");

    if (json_get(fallback, "on") && r->plan->route.fallback.on & ~(unsigned)FALLBACK_CONNECT_ERROR)
        plan_reader_problem_of(r, fallback, "on",
                               "a connection fails by connect_error alone: once it stands, nobody "
                               "knows what it carries");
    plan_reader_leave(r, mark);
}

/* Endpoints at tcp:// and routing.tcp go together. */
static void check_scheme(struct plan_reader *r, const struct json *systems, enum system s)
{
    const struct route *route = &r->plan->route;
    const struct json *system = json_get(systems, system_name(s));
    const bool is_tcp = route->upstream[s].endpoint[0].scheme == ENDPOINT_TCP;
    const char *health = route->upstream[s].health_path;
    size_t mark = plan_reader_enter(r, "spec.systems.%s", system_name(s));

    if (is_tcp && route->tcp.port == 0)
        plan_reader_problem_of(
            r, system, "endpoints",
            "tcp:// needs spec.routing.tcp: the port whose connections are split");
    else if (!is_tcp && route->tcp.port > 0)
        plan_reader_problem_of(r, system, "endpoints",
                               "routing.tcp splits connections; write tcp://HOST:PORT, or take it "
                               "out");
    else if (is_tcp && health[0] == '/')
        plan_reader_problem_of(r, system, "health",
                               "a tcp:// endpoint has no paths; write health: connect");
    else if (!is_tcp && health[0] && health[0] != '/')
        plan_reader_problem_of(r, system, "health",
                               "connect is for tcp:// endpoints; write a path like \"/healthz\"");
    plan_reader_leave(r, mark);
}

static void check_checks(struct plan_reader *r, const struct json *node, const char *member,
                         const struct plan_check *check, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (check[i].kind == PLAN_CHECK_ENDPOINTS)
            plan_reader_problem_of(
                r, node, member,
                "endpoints are asked by HTTP, and those of new are tcp://; check "
                "each with tcp: HOST:PORT");
    }
}

static void check_stage(struct plan_reader *r, const struct json *item, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i];
    size_t mark = plan_reader_enter(r, "spec.stages[%u]", i);

    if (json_get(item, "mirror"))
        plan_reader_problem_of(r, item, "mirror", "%s", no_requests);
    check_checks(r, item, "ready", stage->ready, stage->ready_count);
    check_checks(r, item, "gate", stage->gate.check, stage->gate.check_count);
    for (unsigned k = 0; k < stage->before_count; k++)
        check_checks(r, item, "before", stage->before[k].capacity, stage->before[k].capacity != 0);
    plan_reader_leave(r, mark);
}

static void check_triggers(struct plan_reader *r, const struct json *triggers)
{
    size_t mark = plan_reader_enter(r, "spec.triggers");

    check_checks(r, triggers, "checks", r->plan->triggers.check, r->plan->triggers.check_count);
    plan_reader_leave(r, mark);
}

void plan_check_tcp(struct plan_reader *r, const struct json *root)
{
    const struct json *spec = json_get(root, "spec");
    const struct json *stage = json_first(json_get(spec, "stages"));

    check_scheme(r, json_get(spec, "systems"), SYSTEM_LEGACY);
    check_scheme(r, json_get(spec, "systems"), SYSTEM_NEW);
    if (r->plan->route.tcp.port == 0)
        return;
    check_foreign(r, root);
    check_key(r, json_get(spec, "routing"));
    check_fallback(r, json_get(spec, "fallback"));
    check_triggers(r, json_get(spec, "triggers"));
    for (unsigned i = 0; i < r->plan->stage_count; i++, stage = json_next(stage))
        check_stage(r, stage, i);
}
