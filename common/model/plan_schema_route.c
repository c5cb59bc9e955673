/* SPDX-License-Identifier: Apache-2.0 */
/* What a node serves with: routing, fallback, breaker. */
#include <arpa/inet.h>

#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

#define BODY_MAX (INT64_C(1) << 20)

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

/* Kept in one form, so that overlaps are seen. */
static void read_address(struct plan_reader *r, const struct json *v,
                         const struct plan_field *f UNUSED, void *dst)
{
    char shown[SHOW_SIZE], *address = dst;
    struct in6_addr bytes;
    struct str text;
    int family;

    if (!plan_value_text(r, v, "an address like \"10.0.0.1\"", &text))
        return;
    family = memchr(text.p, ':', text.n) ? AF_INET6 : AF_INET;
    if (inet_pton(family, text.p, &bytes) != 1 || strlen(text.p) != text.n)
        plan_reader_problem(r, v, "%s is not an address, as \"10.0.0.1\" or \"::1\"",
                            ids_show(text, shown));
    else
        inet_ntop(family, &bytes, address, NAME_SIZE);
}

#define AT(member) offsetof(struct route_tcp, member)
static const struct plan_field tcp_fields[] = {
    FIELD("port", plan_value_count, AT(port), .min = 1, .max = UINT16_MAX, .required = true,
          .help = "Of every node; its connections are this migration's."),
    FIELD("address", read_address, AT(address), .form = "address, 10.0.0.1 or ::1",
          .preset = "where the node listens for requests",
          .help = "Of every node; 0.0.0.0 or :: for all that it has."),
    FIELD("idleTimeout", plan_value_millis, AT(idle_timeout_ms), .min = SECOND, .max = 30 * DAY,
          .preset = "1h", .help = "A connection on which nothing has moved for so long is closed."),
};
#undef AT

const struct plan_section plan_tcp_section = SECTION(tcp_fields);

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
    FIELD("tcp", plan_value_section, AT(tcp), .section = &plan_tcp_section,
          .preset = "requests are split",
          .help = "Whole connections to a port are split, whatever protocol they speak, and "
                  "endpoints are tcp://. What is about requests (hosts, mirror, compare...) does "
                  "not go with it."),
};
#undef AT

const struct plan_section plan_routing_section = SECTION(routing_fields);

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
          .help = "Only safe methods: new may have acted before it failed. Where nothing was sent, "
                  "any method goes."),
    FIELD("maxBody", plan_value_size, offsetof(struct route_fallback, max_body), .max = BODY_MAX,
          .preset = "64KiB", .help = "Requests with a longer body are not sent a second time."),
    FIELD("budget", plan_value_weight, offsetof(struct route_fallback, budget_bp),
          .preset = "no limit",
          .help = "Second tries per request to new, over ten seconds; ten are free. Past it users "
                  "get the answer of new."),
};

const struct plan_section plan_fallback_section = SECTION(fallback_fields);

/* ---- spec.breaker ---- */

static const char *const breaker_modes[] = {"enforce", "watch", "off", NULL};
static const enum breaker_mode breaker_mode_values[] = {BREAKER_MODE_ENFORCE, BREAKER_MODE_WATCH,
                                                        BREAKER_MODE_OFF};

static void read_mode(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    enum breaker_mode *mode = dst;
    int word = plan_value_choice(r, v, breaker_modes);

    if (word >= 0)
        *mode = breaker_mode_values[word];
}

#define AT(member) offsetof(struct plan_fleet_breaker, member)
static const struct plan_field fleet_fields[] = {
    FIELD("quorum", plan_value_weight, AT(quorum_bp), .preset = "50%",
          .help = "When this share of the nodes has opened its breaker, all do. 0: not by them."),
    FIELD("errorRate", plan_value_weight, AT(error_rate_bp), .preset = "20%",
          .help = "So do all when more of the fleet's requests to new fail in the window, proven "
                  "at 99.9 %. 0: not by their rate."),
    FIELD("minRequests", plan_value_count, AT(min_requests), .min = 1, .max = COUNT_MAX,
          .preset = "100", .help = "The rate counts from so many requests on."),
    FIELD("minNodes", plan_value_count, AT(min_nodes), .min = 1, .max = 20000, .preset = "2",
          .help = "So many nodes must be sick, either way: one that is opens its own only."),
};
#undef AT

static const struct plan_section fleet_section = SECTION(fleet_fields);

static void read_fleet(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst UNUSED)
{
    struct plan_fleet_breaker *fleet = &r->plan->fleet_breaker;

    *fleet = (struct plan_fleet_breaker){
        .quorum_bp = 5000, .error_rate_bp = 2000, .min_requests = 100, .min_nodes = 2};
    plan_reader_section(r, v, &fleet_section, fleet);
    if (!r->partial && !plan_has_fleet_breaker(fleet))
        plan_reader_problem(r, v, "nothing opens it: give quorum or errorRate, or leave it out");
}

#define AT(member) offsetof(struct route_breaker, member)
static const struct plan_field breaker_fields[] = {
    FIELD("errors", plan_value_count, AT(errors), .min = 0, .max = COUNT_MAX, .preset = "5",
          .help = "So many errors of new in the window open the breaker: all to legacy. 0: only "
                  "rates do."),
    FIELD("window", plan_value_millis, AT(window_ms), .min = SECOND, .max = HOUR, .preset = "300s",
          .help = "How far back errors count."),
    FIELD("openFor", plan_value_millis, AT(open_for_ms), .min = SECOND, .max = DAY,
          .preset = "600s", .help = "How long it stays open before new is tried again."),
    FIELD(
        "halfOpenRequests", plan_value_count, AT(half_open_requests), .min = 1, .max = COUNT_MAX,
        .preset = "10",
        .help = "So many requests at once may try new while half open; the first answer decides."),
    FIELD("errorRate", plan_value_weight, AT(error_rate_bp), .preset = "not by a rate",
          .help = "This share of the requests to new in the window opens it, too."),
    FIELD("slow", plan_value_millis, AT(slow_ms), .min = MS, .max = HOUR, .preset = "none is slow",
          .help = "An answer of new whose head takes longer is slow."),
    FIELD("slowRate", plan_value_weight, AT(slow_rate_bp), .preset = "50% where slow is given",
          .help = "This share of slow answers in the window opens it, too."),
    FIELD("minRequests", plan_value_count, AT(min_requests), .min = 1, .max = COUNT_MAX,
          .preset = "20", .help = "Rates count from so many requests in the window on."),
    FIELD("reRamp", plan_value_millis, AT(re_ramp_ms), .min = 0, .max = DAY, .preset = "0s",
          .help = "Closed again, new gets its share little by little over this time, the same "
                  "users first. 0s: at once."),
    FIELD("mode", read_mode, AT(mode), .form = "enforce, watch or off", .preset = "enforce",
          .help = "`watch` counts and tells, and diverts no request."),
    FIELD("fleet", read_fleet, 0, .section = &fleet_section, .preset = "each node by itself",
          .help = "When so many nodes fail that new is to blame, the coordinator opens all."),
};
#undef AT

const struct plan_section plan_breaker_section = SECTION(breaker_fields);

static void check_conditions(struct plan_reader *r, const struct json *v,
                             const struct route_breaker *b)
{
    if (b->mode != BREAKER_MODE_OFF && !route_breaker_is_on(b))
        plan_reader_problem(r, v,
                            "nothing opens this breaker: give errors, errorRate or slow with "
                            "slowRate, or mode: off");
    if (b->slow_rate_bp && !b->slow_ms)
        plan_reader_problem_of(r, v, "slowRate",
                               "needs slow, the time from which answers are slow");
}

/* Defaults count only with the section: without it there is no breaker. */
void plan_read_breaker(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct route_breaker *breaker = dst;

    *breaker = (struct route_breaker){
        .errors = 5,
        .window_ms = 300000,
        .open_for_ms = 600000,
        .half_open_requests = 10,
    };
    plan_reader_section(r, v, &plan_breaker_section, breaker);
    if (breaker->slow_ms && !json_get(v, "slowRate"))
        breaker->slow_rate_bp = 5000;
    if (route_breaker_has_rate(breaker) && !json_get(v, "minRequests"))
        breaker->min_requests = 20;
    if (!r->partial)
        check_conditions(r, v, breaker);
}
