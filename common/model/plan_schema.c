/* SPDX-License-Identifier: Apache-2.0 */
/* Sections stand bottom-up: what a section refers to is above it. A new field is one line here, one
 * place in struct plan, and whoever enforces it; a name that people know from elsewhere and nobody
 * enforces yet stands in its section's `later`. */
#include "common/model/plan_schema.h"

#include "common/model/plan_values.h"

#define MS        INT64_C(1000000)
#define SECOND    (1000 * MS)
#define HOUR      (3600 * SECOND)
#define DAY       (24 * HOUR)
#define COUNT_MAX 1000000000
#define BODY_MAX  (INT64_C(1) << 20)

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define FIELD(word, reader, at, ...)                                    \
    {                                                                   \
        .name = (word), .read = (reader), .offset = (at), ##__VA_ARGS__ \
    }
#define SECTION(table, ...)                                         \
    {                                                               \
        .fields = (table), .count = ARRAY_LEN(table), ##__VA_ARGS__ \
    }

/* ---- spec.systems ---- */

static void read_endpoint(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct endpoint *endpoint = dst;
    struct str text;
    struct err err;

    if (!plan_value_text(r, item, "an endpoint like \"http://127.0.0.1:8000\"", &text))
        return;
    if (endpoint_parse(text, &endpoint[index], &err) < 0) {
        plan_reader_problem(r, item, "%s", err.msg);
        return;
    }
    for (unsigned i = 0; i < index; i++) {
        if (endpoint_eq(&endpoint[i], &endpoint[index]))
            plan_reader_problem(r, item, "the same endpoint as [%u]", i);
    }
}

static void read_endpoints(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    struct route_upstream *upstream = dst;

    upstream->endpoint_count = plan_reader_list(r, v, "endpoints", 1, ROUTE_ENDPOINTS_MAX,
                                                read_endpoint, upstream->endpoint);
}

#define AT(member) offsetof(struct route_upstream, member)
static const struct plan_field system_fields[] = {
    FIELD("endpoints", read_endpoints, 0, .required = true,
          .form = "list of 1 to 8 URLs, http://host:port",
          .help = "Servers of this system, used in turn. None may be in both systems."),
    FIELD("connectTimeout", plan_value_millis, AT(connect_timeout_ms), .min = MS,
          .max = 60 * SECOND, .preset = "1s", .help = "Longest wait for a connection."),
    FIELD("responseTimeout", plan_value_millis, AT(response_timeout_ms), .min = MS, .max = HOUR,
          .preset = "15s",
          .help = "Longest wait for the head of an answer, then between its bytes."),
};
#undef AT

static const struct plan_section system_section = SECTION(system_fields, .later = WORDS("health"));

static const struct plan_field systems_fields[] = {
    FIELD("legacy", plan_value_section, SYSTEM_LEGACY * sizeof(struct route_upstream),
          .section = &system_section, .required = true,
          .help = "The system that serves today, and what every rollback goes to."),
    FIELD("new", plan_value_section, SYSTEM_NEW * sizeof(struct route_upstream),
          .section = &system_section, .required = true, .help = "Its replacement."),
};

static const struct plan_section systems_section = SECTION(systems_fields);

/* ---- spec.routing ---- */

static bool is_host_pattern(const char *s)
{
    if (s[0] == '*' && s[1] == '.')
        s += 2;
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && !strchr("-._", *s))
            return false;
    }
    return true;
}

static void read_host(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct route *route = dst;
    char shown[SHOW_SIZE], *host = route->host[index];
    bool fits;
    struct str text;

    if (!plan_value_text(r, item, "a host name", &text))
        return;
    fits = str_copy(text, host, sizeof route->host[0]);
    for (char *c = host; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    if (!fits || !is_host_pattern(host)) {
        plan_reader_problem(r, item,
                            "%s is not a host name without port, like \"shop.example.com\" or "
                            "\"*.example.com\"",
                            ids_show(text, shown));
        return;
    }
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(route->host[i], host) == 0)
            plan_reader_problem(r, item, "the same host as [%u]", i);
    }
}

static void read_hosts(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct route *route = dst;

    route->host_count = plan_reader_list(r, v, "hosts", 1, ROUTE_HOSTS_MAX, read_host, route);
}

static bool is_path_prefix(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '?' || s.p[i] == '#')
            return false;
    }
    return str_starts(s, STR("/"));
}

static void read_path(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    char *prefix = dst, shown[SHOW_SIZE];
    struct str text, kept;

    if (!plan_value_text(r, v, "a path prefix like \"/api\"", &text))
        return;
    /* "/api/" and "/api" claim the same requests; keep one form, so that overlaps are seen. */
    for (kept = text; kept.n > 0 && kept.p[kept.n - 1] == '/';)
        kept.n--;
    if (!is_path_prefix(text) || !str_copy(kept, prefix, PATH_SIZE))
        plan_reader_problem(r, v,
                            "%s is not a path prefix: start with '/', use no space, '?' or '#', "
                            "and stay under %d bytes",
                            ids_show(text, shown), PATH_SIZE);
}

static void read_salt(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    char *salt = dst;
    struct str text;

    if (!plan_value_text(r, v, "a string", &text))
        return;
    if (text.n == 0 || !str_copy(text, salt, NAME_SIZE))
        plan_reader_problem(r, v, "a salt has 1 to %d bytes", NAME_SIZE - 1);
}

#define AT(member) offsetof(struct route, member)
static const struct plan_field routing_fields[] = {
    FIELD("key", plan_value_key, AT(key), .required = true,
          .help = "What users are told apart by: one key, one side. Cannot change while a rollout "
                  "is under way."),
    FIELD("fallbackKey", plan_value_key, AT(fallback_key), .preset = "random",
          .help = "For requests that do not have the key."),
    FIELD("salt", read_salt, AT(salt), .form = "text of 1 to 63 bytes",
          .preset = "the migration's name",
          .help = "Two migrations with one salt put the same users on new first."),
    FIELD("hosts", read_hosts, 0, .form = "list of 1 to 8 host names, or *.name",
          .preset = "every host", .help = "Only requests to these hosts."),
    FIELD("path", read_path, AT(path_prefix), .form = "path prefix, /orders",
          .preset = "every path",
          .help = "Only requests under this path, in whole segments. The longest prefix of all "
                  "migrations wins."),
    FIELD("exposeSystem", plan_value_bool, AT(expose_system), .preset = "true",
          .help = "Answers carry `X-Switchyard-System: legacy` or `new`."),
};
#undef AT

static const struct plan_section routing_section = SECTION(routing_fields);

/* ---- spec.fallback ---- */

static const char *const fallback_words[] = {"connect_error", "timeout", "5xx", NULL};
static const unsigned fallback_bits[] = {FALLBACK_CONNECT_ERROR, FALLBACK_TIMEOUT, FALLBACK_5XX};

static void read_condition(struct plan_reader *r, const struct json *item, unsigned index UNUSED,
                           void *dst)
{
    struct route_fallback *fallback = dst;
    int word = plan_value_choice(r, item, fallback_words);

    if (word < 0)
        return;
    if (fallback->on & fallback_bits[word])
        plan_reader_problem(r, item, "\"%s\" is given twice", fallback_words[word]);
    fallback->on |= fallback_bits[word];
}

static void read_on(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                    void *dst)
{
    struct route_fallback *fallback = dst;

    fallback->on = 0;
    plan_reader_list(r, v, "conditions", 0, ARRAY_LEN(fallback_bits), read_condition, fallback);
}

/* RFC 9110 9.2.1: only these may be sent to a second system after the first may have acted. */
static const char *const safe_methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", NULL};

static void read_method(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct route_fallback *fallback = dst;
    int word = plan_value_choice(r, item, safe_methods);

    if (word < 0)
        return;
    str_fmt(fallback->method[index], sizeof fallback->method[0], "%s", safe_methods[word]);
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(fallback->method[i], fallback->method[index]) == 0)
            plan_reader_problem(r, item, "\"%s\" is given twice", fallback->method[index]);
    }
}

static void read_methods(struct plan_reader *r, const struct json *v,
                         const struct plan_field *f UNUSED, void *dst)
{
    struct route_fallback *fallback = dst;

    fallback->method_count =
        plan_reader_list(r, v, "methods", 1, ARRAY_LEN(safe_methods) - 1, read_method, fallback);
}

static const struct plan_field fallback_fields[] = {
    FIELD("on", read_on, 0, .form = "list of connect_error, timeout, 5xx; [] for never",
          .preset = "all three", .help = "What new has to do for legacy to answer instead."),
    FIELD("methods", read_methods, 0, .form = "list of GET, HEAD, OPTIONS, TRACE",
          .preset = "[GET, HEAD]",
          .help = "Only safe methods: new may have acted before it failed."),
    FIELD("maxBody", plan_value_size, offsetof(struct route_fallback, max_body), .max = BODY_MAX,
          .preset = "64KiB", .help = "Requests with a longer body are not sent a second time."),
};

static const struct plan_section fallback_section = SECTION(fallback_fields);

/* ---- spec.breaker ---- */

#define AT(member) offsetof(struct route_breaker, member)
static const struct plan_field breaker_fields[] = {
    FIELD("errors", plan_value_count, AT(errors), .min = 1, .max = COUNT_MAX, .required = true,
          .help = "So many errors of new in the window open the breaker: all to legacy."),
    FIELD("window", plan_value_millis, AT(window_ms), .min = SECOND, .max = HOUR, .preset = "10s",
          .help = "How far back errors count."),
    FIELD("openFor", plan_value_millis, AT(open_for_ms), .min = SECOND, .max = DAY, .preset = "30s",
          .help = "How long it stays open before new is tried again."),
    FIELD(
        "halfOpenRequests", plan_value_count, AT(half_open_requests), .min = 1, .max = COUNT_MAX,
        .preset = "10",
        .help = "So many requests at once may try new while half open; the first answer decides."),
};
#undef AT

static const struct plan_section breaker_section =
    SECTION(breaker_fields, .later = WORDS("reRamp"));

/* Defaults count only with the section: without it there is no breaker. */
static void read_breaker(struct plan_reader *r, const struct json *v,
                         const struct plan_field *f UNUSED, void *dst)
{
    struct route_breaker *breaker = dst;

    *breaker = (struct route_breaker){
        .window_ms = 10000,
        .open_for_ms = 30000,
        .half_open_requests = 10,
    };
    plan_reader_section(r, v, &breaker_section, breaker);
}

/* ---- spec.triggers, gates ---- */

/* Read limits and insist on one: without it they would never say anything. */
static void read_limits(struct plan_reader *r, const struct json *v,
                        const struct plan_section *section, struct plan_limits *limits)
{
    unsigned before = r->problems;

    plan_reader_section(r, v, section, limits);
    if (r->problems == before && !limits->error_rate_ppm && !limits->p99.ns &&
        !limits->latency_ratio_m)
        plan_reader_problem(r, v, "needs at least one limit: errorRate, p99 or latencyRatio");
}

/* Resolved by plan_parse.c, when the stages are known. */
static void read_rollback_to(struct plan_reader *r, const struct json *v,
                             const struct plan_field *f UNUSED, void *dst UNUSED)
{
    if (json_kind(v) != JSON_STRING && json_kind(v) != JSON_NUMBER)
        plan_reader_wrong_kind(r, v, "a stage's name or number");
}

/* clang-format off */
#define LIMIT_FIELDS                                                                               \
    FIELD("errorRate", plan_value_ratio, AT(error_rate_ppm), .preset = "not judged",               \
          .help = "Errors of new per request: no connection, timeout, broken answer, 5xx."),       \
    FIELD("p99", plan_value_duration, AT(p99), .min = MS, .max = HOUR, .preset = "not judged",     \
          .help = "The latency that 99 % of the answers of new stay under."),                      \
    FIELD("latencyRatio", plan_value_factor, AT(latency_ratio_m), .preset = "not judged",          \
          .help = "p99 of new over p99 of legacy in the same window."),                            \
    FIELD("minRequests", plan_value_count, AT(min_requests), .min = 1, .max = COUNT_MAX,           \
          .preset = "20", .help = "With fewer requests on new in the window nothing is judged.")
/* clang-format on */

#define AT(member) offsetof(struct plan_limits, member)
static const struct plan_field trigger_fields[] = {
    LIMIT_FIELDS,
    FIELD("window", plan_value_duration, AT(window), .min = SECOND, .max = HOUR, .preset = "10s",
          .help = "How far back is looked."),
    FIELD("rollbackTo", read_rollback_to, 0, .form = "a stage's number or name",
          .preset = "0, legacy", .help = "The stage that a trigger falls back to."),
};

static const struct plan_field gate_fields[] = {
    LIMIT_FIELDS,
    FIELD("for", plan_value_duration, AT(window), .min = SECOND, .max = HOUR, .preset = "30s",
          .help = "How far back is looked; the stage must be that old."),
};
#undef AT

#define LATER_LIMITS WORDS("restartsPerMinute", "criticalDiscrepancies")
static const struct plan_section trigger_section = SECTION(trigger_fields, .later = LATER_LIMITS);
static const struct plan_section gate_section = SECTION(gate_fields, .later = LATER_LIMITS);

static void read_triggers(struct plan_reader *r, const struct json *v,
                          const struct plan_field *f UNUSED, void *dst UNUSED)
{
    r->plan->has_triggers = true;
    r->plan->triggers = (struct plan_limits){.min_requests = 20, .window = dur_s(10)};
    read_limits(r, v, &trigger_section, &r->plan->triggers);
}

static void read_gate(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan_stage *stage = dst;

    stage->has_gate = true;
    stage->gate = (struct plan_limits){.min_requests = 20, .window = dur_s(30)};
    read_limits(r, v, &gate_section, &stage->gate);
}

/* ---- spec.stages ---- */

static void read_stage_name(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (!plan_value_text(r, v, "a stage name", &text))
        return;
    if (name_parse(text, "stage name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
    else if (str_eq(text, STR("legacy")))
        plan_reader_problem(r, v,
                            "\"legacy\" is the name of stage 0, before the first; choose another");
}

static void read_approval(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                          void *dst)
{
    bool *ret = dst;

    *ret = plan_value_choice(r, v, f->words) == 0;
}

#define AT(member) offsetof(struct plan_stage, member)
static const struct plan_field stage_fields[] = {
    FIELD("name", read_stage_name, AT(name), .required = true, .form = "a-z, 0-9 and -, at most 63",
          .help = "Unique in the plan; not `legacy`."),
    FIELD("weight", plan_value_weight, AT(weight_bp), .required = true,
          .help = "Share of the keys on new, in percent. Never falls along the stages."),
    FIELD("bake", plan_value_duration, AT(bake), .min = 0, .max = 90 * DAY, .preset = "0s",
          .help = "At least this long, from the moment every node serves the stage."),
    FIELD("approval", read_approval, AT(approval), .words = WORDS("manual", "none"),
          .preset = "none", .help = "`manual`: entered by an operator, never by itself."),
    FIELD("gate", read_gate, 0, .section = &gate_section, .preset = "none",
          .help = "What must hold before the rollout goes on. It delays; triggers roll back."),
};
#undef AT

static const struct plan_section stage_section =
    SECTION(stage_fields, .later = WORDS("mirror", "risk", "flags", "waves", "ready"));

static void read_stage(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan_stage *stage = dst;

    plan_reader_section(r, item, &stage_section, &stage[index]);
}

static void read_stages(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst)
{
    struct plan *plan = dst;

    plan->stage_count =
        plan_reader_list(r, v, "stages", 1, PLAN_STAGES_MAX, read_stage, plan->stage);
}

/* ---- metadata, and the whole ---- */

static void read_name(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a migration name", &text) &&
        name_parse(text, "migration name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

static void read_labels(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst)
{
    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a mapping");
        return;
    }
    JSON_FOREACH (item, v) {
        size_t mark = plan_reader_enter_key(r, item);
        struct str text;
        struct err err;

        if (plan_value_text(r, item, "text in quotes", &text) &&
            labels_add(dst, str_of(json_key(item)), text, &err) < 0)
            plan_reader_problem(r, item, "%s", err.msg);
        plan_reader_leave(r, mark);
    }
}

static const struct plan_field metadata_fields[] = {
    FIELD("name", read_name, offsetof(struct plan, name), .required = true,
          .form = "a-z, 0-9 and -, at most 63", .help = "What commands call the migration."),
    FIELD("labels", read_labels, offsetof(struct plan, labels),
          .form = "mapping of at most 16 texts", .preset = "none", .help = "For people."),
};

static const struct plan_section metadata_section = SECTION(metadata_fields);

static const struct plan_field rollback_fields[] = {
    FIELD("deadline", plan_value_duration, offsetof(struct plan, rollback_deadline), .min = SECOND,
          .max = HOUR, .preset = "30s",
          .help = "Nodes that have not acknowledged a rollback by then: `rollback_failed`."),
};

static const struct plan_section rollback_section = SECTION(rollback_fields);

#define AT(member) offsetof(struct plan, member)
static const struct plan_field spec_fields[] = {
    FIELD("systems", plan_value_section, AT(route.upstream), .section = &systems_section,
          .required = true, .help = "The two sides."),
    FIELD("routing", plan_value_section, AT(route), .section = &routing_section, .required = true,
          .help = "Which requests, and how users are told apart."),
    FIELD("fallback", plan_value_section, AT(route.fallback), .section = &fallback_section,
          .preset = "its fields' defaults",
          .help = "When new fails a request, legacy answers it in the same request."),
    FIELD("breaker", read_breaker, AT(route.breaker), .section = &breaker_section,
          .preset = "no breaker", .help = "On each node by itself: stop asking a new that fails."),
    FIELD("triggers", read_triggers, 0, .section = &trigger_section, .preset = "no triggers",
          .help = "Roll back at once and by itself when a limit is violated, over the whole fleet. "
                  "At least one limit."),
    FIELD("rollback", plan_value_section, 0, .section = &rollback_section,
          .preset = "its fields' defaults", .help = "How rollbacks are judged."),
    FIELD("stages", read_stages, 0, .section = &stage_section, .required = true,
          .form = "list of 1 to 32 mappings", .help = "The way from legacy to new, in order."),
};
#undef AT

static const struct plan_section spec_section =
    SECTION(spec_fields, .later = WORDS("compare", "flags", "tenants"));

static const struct plan_field root_fields[] = {
    FIELD("apiVersion", plan_value_word, 0, .words = WORDS("switchyard/v1"), .required = true,
          .help = "The version of this language."),
    FIELD("kind", plan_value_word, 0, .words = WORDS("Migration"), .required = true,
          .help = "The only kind there is."),
    FIELD("metadata", plan_value_section, 0, .section = &metadata_section, .required = true,
          .help = "What it is called."),
    FIELD("spec", plan_value_section, 0, .section = &spec_section, .required = true,
          .help = "What is to happen."),
};

const struct plan_section plan_schema = SECTION(root_fields);
