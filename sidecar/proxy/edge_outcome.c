/* SPDX-License-Identifier: Apache-2.0 */
/* What came of requests that somebody else's proxy sent, counted as if a lane had sent them. */
#include <limits.h>

#include "common/base/json.h"
#include "common/http1/http1_grpc.h"
#include "sidecar/proxy/edge.h"
#include "sidecar/proxy/edge_probes.h"
#include "sidecar/proxy/lane.h"

#define OUTCOMES_MAX 1000
/* Longer than any answer may take: such a number is a mistake of units. */
#define LATENCY_MAX_MS (24 * 3600 * 1e3)

struct outcome {
    const char *migration;
    enum system system;
    unsigned status;
    bool timeout, connect, fallback;
    bool call_failed;  /* a gRPC call, which the system failed */
    double latency_ms; /* <0: not told */
};

/* ---- reading --------------------------------------------------------------------------------- */

static const char *read_failure(const struct json *j, struct outcome *ret)
{
    const char *failure = json_get_string(j, "failure", "");

    ret->timeout = strcmp(failure, "timeout") == 0;
    ret->connect = strcmp(failure, "connect") == 0;
    if (failure[0] && !ret->timeout && !ret->connect)
        return "a failure is \"connect\" or \"timeout\"";
    return NULL;
}

static const char *read_latency(const struct json *j, struct outcome *ret)
{
    double ms = json_get_number(j, "latencyMs", json_get_number(j, "latencySeconds", -1e-3) * 1e3);

    if (ms > LATENCY_MAX_MS || (ms < 0 && ms != -1.0))
        return "a latency is a number of at most a day";
    ret->latency_ms = ms;
    return NULL;
}

/* The status of HTTP is 200 then, however it went. */
static const char *read_call(const struct json *j, struct outcome *ret)
{
    const struct json *told = json_get(j, "grpcStatus");
    double code = json_get_number(j, "grpcStatus", HTTP1_GRPC_UNSAID);

    if (!told)
        return NULL;
    if (json_kind(told) != JSON_NULL && (code < 0 || code > INT_MAX || code != (int)code))
        return "a grpcStatus is a whole number, or null: the call had none";
    ret->call_failed = http1_grpc_is_failure((int)code);
    return NULL;
}

static const char *read_status(const struct json *j, struct outcome *ret)
{
    double status = json_get_number(j, "status", 0);

    if (ret->timeout || ret->connect)
        return NULL;
    if (status < 100 || status > 999)
        return "a status is a number from 100 to 999, unless there is a failure";
    ret->status = (unsigned)status;
    return NULL;
}

/* NULL, or what is wrong. */
static const char *read_outcome(const struct json *j, struct outcome *ret)
{
    const char *system = json_get_string(j, "system", "");
    const char *why;

    *ret = (struct outcome){.migration = json_get_string(j, "migration", NULL),
                            .fallback = json_get_bool(j, "fallback", false)};
    if (json_kind(j) != JSON_OBJECT || !ret->migration)
        return "an outcome has a migration, a system, a status and a latencyMs";
    if (!system_parse(str_of(system), &ret->system) || ret->system == SYSTEM_NONE)
        return "a system is \"legacy\" or \"new\"";
    why = read_failure(j, ret);
    if (!why)
        why = read_latency(j, ret);
    if (!why)
        why = read_call(j, ret);
    return why ? why : read_status(j, ret);
}

/* ---- counting -------------------------------------------------------------------------------- */

static struct view_route *route_of(const struct lane *lane, const char *migration)
{
    struct view *v = lane->view;
    const struct ruleset_entry *e = v ? ruleset_find(v->live->set, migration) : NULL;

    return e ? &v->route[e - v->live->set->entry] : NULL;
}

/* Which era it was sent in nobody tells: it counts for the one of now. */
static void tell_breaker(struct lane *lane, const struct view_route *route, const struct outcome *o,
                         bool good)
{
    mono_t now = loop_now(lane->loop);
    wall_t wall = loop_wall(lane->loop);
    dur_t took = dur_us(o->latency_ms > 0 ? (int64_t)(o->latency_ms * 1e3) : 0);
    struct breaker *b = route->breaker;
    struct breaker_ticket ticket;

    if (!b)
        return;
    if (breaker_look(b, now, wall) != BREAKER_HALF_OPEN ||
        !edge_probes_settle(lane->shared->edge_probes, b, &ticket))
        ticket = breaker_ticket(b);
    breaker_report(b, route->cell, ticket, good ? BREAKER_SUCCESS : BREAKER_ERROR, took, now, wall);
}

static bool count(struct lane *lane, const struct outcome *o)
{
    struct view_route *route = route_of(lane, o->migration);
    bool failed = o->timeout || o->connect;
    bool good = !failed && !o->call_failed && o->status < 500;
    struct system_stats *stats;

    if (!route)
        return false;
    stats = &route->tally->stats.system[o->system];
    stats->requests++;
    stats->errors += !good;
    stats->timeouts += o->timeout;
    stats->connect_errors += o->connect;
    stats->fallbacks += !good && o->fallback && o->system == SYSTEM_NEW;
    if (!failed && o->latency_ms >= 0)
        hist_add(&stats->latency, (uint64_t)(o->latency_ms * 1e3));
    if (o->system == SYSTEM_NEW)
        tell_breaker(lane, route, o, good);
    return true;
}

static const char *check_all(const struct json *list)
{
    const char *why = NULL;
    unsigned n = 0;

    JSON_FOREACH (item, list) {
        struct outcome o;

        why = ++n > OUTCOMES_MAX ? "a list has at most 1000 outcomes" : read_outcome(item, &o);
        if (why)
            break;
    }
    return why;
}

/* Of a document that was checked. */
static unsigned count_one(struct lane *lane, const struct json *j)
{
    struct outcome o;

    (void)!read_outcome(j, &o);
    return count(lane, &o);
}

unsigned edge_count(struct lane *lane, struct str text, unsigned *ret_counted, const char **ret_why)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct outcome o;
    bool list;

    *ret_why = "the outcome is no JSON";
    if (json_parse(text, &j, NULL) < 0)
        return 400;
    list = json_kind(j) == JSON_ARRAY;
    *ret_why = list ? check_all(j) : read_outcome(j, &o);
    if (*ret_why)
        return 400;
    *ret_counted = list ? 0 : count_one(lane, j);
    JSON_FOREACH (item, j)
        *ret_counted += list && count_one(lane, item);
    if (*ret_counted == 0 && (!list || json_count(j) > 0)) {
        *ret_why = "this node serves no such migration";
        return 404;
    }
    return 0;
}
