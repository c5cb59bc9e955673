/* SPDX-License-Identifier: Apache-2.0 */
/* The two systems: where they are, and how they are spoken to. */
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

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
    if (endpoint[index].scheme != endpoint[0].scheme)
        plan_reader_problem(r, item,
                            "all endpoints of a system are spoken to alike, and [0] is written "
                            "%s",
                            endpoint_scheme_text(endpoint[0].scheme));
}

static void read_endpoints(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    struct route_upstream *upstream = dst;

    upstream->endpoint_count = plan_reader_list(r, v, "endpoints", 1, ROUTE_ENDPOINTS_MAX,
                                                read_endpoint, upstream->endpoint);
    upstream->tls.on = upstream->endpoint[0].scheme == ENDPOINT_HTTPS;
}

/* What is read is the document's; plan_start_page() finds it there. */
static void read_start_page(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst UNUSED)
{
    char shown[SHOW_SIZE];
    struct str text;

    if (!plan_value_text(r, v, "a path like \"/metrics\"", &text))
        return;
    if (!str_starts(text, STR("/")) || memchr(text.p, ' ', text.n) || text.n >= PATH_SIZE)
        plan_reader_problem(r, v, "%s is not a path, as in \"/metrics\"", ids_show(text, shown));
}

static void read_health(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst)
{
    char shown[SHOW_SIZE], *path = dst;
    struct str text;

    if (!plan_value_text(r, v, "a path like \"/healthz\"", &text))
        return;
    if (str_eq(text, STR(ROUTE_HEALTH_CONNECT)))
        str_fmt(path, PATH_SIZE, "%s", ROUTE_HEALTH_CONNECT);
    else if (!route_is_request_path(text) || !str_copy(text, path, PATH_SIZE))
        plan_reader_problem(
            r, v,
            "%s is not a path, as in \"/healthz\": start with '/', use no space, and "
            "stay under %d bytes",
            ids_show(text, shown), PATH_SIZE);
}

static const char *const protocols[] = {"http1", "h2", NULL};
static const enum upstream_protocol protocol_values[] = {UPSTREAM_HTTP1, UPSTREAM_H2};

static void read_protocol(struct plan_reader *r, const struct json *v,
                          const struct plan_field *f UNUSED, void *dst)
{
    enum upstream_protocol *protocol = dst;
    int word = plan_value_choice(r, v, protocols);

    if (word >= 0)
        *protocol = protocol_values[word];
}

static void read_server_name(struct plan_reader *r, const struct json *v,
                             const struct plan_field *f UNUSED, void *dst)
{
    char url[ENDPOINT_URL_SIZE], shown[SHOW_SIZE], *name = dst;
    struct endpoint as;
    struct str text;

    if (!plan_value_text(r, v, "a host name", &text))
        return;
    if (memchr(text.p, ':', text.n) || text.n >= ENDPOINT_SIZE ||
        !str_fmt(url, sizeof url, "https://%s:1", text.p) ||
        endpoint_parse(str_of(url), &as, NULL) < 0)
        plan_reader_problem(r, v, "%s is not a host name without port, like \"orders.example.com\"",
                            ids_show(text, shown));
    else
        str_fmt(name, ENDPOINT_SIZE, "%s", as.host);
}

static void read_file(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    char shown[SHOW_SIZE], *path = dst;
    struct str text;

    if (!plan_value_text(r, v, "a file like \"/etc/switchyard/ca.pem\"", &text))
        return;
    if (!str_starts(text, STR("/")) || !str_is_line(text, NULL) || !str_copy(text, path, PATH_SIZE))
        plan_reader_problem(r, v,
                            "%s is not a file's path from the root, under %d bytes, as in "
                            "\"/etc/switchyard/ca.pem\"",
                            ids_show(text, shown), PATH_SIZE);
}

#define AT(member) offsetof(struct route_tls, member)
static const struct plan_field tls_fields[] = {
    FIELD("serverName", read_server_name, AT(name), .form = "host name",
          .preset = "the endpoint's host",
          .help = "The name that is asked for, and that its certificate must be for."),
    FIELD("caFile", read_file, AT(ca_file), .form = "path from the root",
          .preset = "whom the node's system trusts",
          .help = "Whose signature its certificate must have; PEM, on every node."),
    FIELD("certFile", read_file, AT(cert_file), .form = "path from the root", .preset = "none",
          .help = "The certificate that a node shows, with its chain; PEM, on every node."),
    FIELD("keyFile", read_file, AT(key_file), .form = "path from the root", .preset = "none",
          .help = "The key of `certFile`; PEM, on every node."),
    FIELD("verify", plan_value_bool, AT(verify), .preset = "true",
          .help = "false: any certificate is taken, so whoever answers there is trusted."),
};
#undef AT

const struct plan_section plan_tls_section = SECTION(tls_fields);

#define AT(member) offsetof(struct route_upstream, member)
#define SYSTEM_FIELDS                                                                              \
    FIELD("endpoints", read_endpoints, 0, .required = true,                                        \
          .form = "list of 1 to 8 URLs, http://host:port or https://host:port",                    \
          .help =                                                                                  \
              "Servers of this system: the one with the fewest requests is asked, and one that "   \
              "fails is left out for a while. None may be in both systems."),                      \
        FIELD("connectTimeout", plan_value_millis, AT(connect_timeout_ms), .min = MS,              \
              .max = 60 * SECOND, .preset = "1s", .help = "Longest wait for a connection."),       \
        FIELD("responseTimeout", plan_value_millis, AT(response_timeout_ms), .min = MS,            \
              .max = HOUR, .preset = "15s",                                                        \
              .help = "Longest wait for the head of an answer, then between its bytes."),          \
        FIELD("health", read_health, AT(health_path), .form = "path, /healthz",                    \
              .preset = "not asked",                                                               \
              .help =                                                                              \
                  "Each node asks each endpoint for it. Two answers in a row that are not 2xx or " \
                  "3xx, or do not come, leave the endpoint out; two that are bring it back."),     \
        FIELD("healthInterval", plan_value_millis, AT(health_interval_ms),                         \
              .min = HEALTH_INTERVAL_MIN_MS * MS, .max = HOUR, .preset = "5s",                     \
              .help = "How often it is asked; half of that is the longest wait."),                 \
        FIELD("maxConnections", plan_value_count, AT(max_connections), .min = 1, .max = COUNT_MAX, \
              .preset = "no limit",                                                                \
              .help =                                                                              \
                  "Of one node to one endpoint, in even parts of its threads. When all "           \
                  "endpoints have theirs, a request waits in line, at most `connectTimeout`; "     \
                  "then it goes to legacy as without a connection, or gets a 503."),               \
        FIELD("protocol", read_protocol, AT(protocol), .form = "http1 or h2", .preset = "http1",   \
              .help = "HTTP/1.1, or HTTP/2 as gRPC needs it."),                                    \
        FIELD("tls", plan_value_section, AT(tls), .section = &plan_tls_section,                    \
              .preset = "its fields' defaults",                                                    \
              .help = "How a system at https:// is known, and how nodes make themselves known.")

static const struct plan_field legacy_fields[] = {SYSTEM_FIELDS};
static const struct plan_field new_fields[] = {
    SYSTEM_FIELDS,
    FIELD("metrics", read_start_page, 0, .form = "path, /metrics", .preset = "not asked",
          .help = "Where its endpoints tell since when they run, for restartsPerMinute: text for "
                  "Prometheus with process_start_time_seconds, or JSON with startTime, started_at "
                  "or uptime."),
};
#undef AT

static const struct plan_section legacy_section = SECTION(legacy_fields);
static const struct plan_section new_section = SECTION(new_fields);

static const struct plan_field systems_fields[] = {
    FIELD("legacy", plan_value_section, SYSTEM_LEGACY * sizeof(struct route_upstream),
          .section = &legacy_section, .required = true,
          .help = "The system that serves today, and what every rollback goes to."),
    FIELD("new", plan_value_section, SYSTEM_NEW * sizeof(struct route_upstream),
          .section = &new_section, .required = true, .help = "Its replacement."),
};

const struct plan_section plan_systems_section = SECTION(systems_fields);

const char *plan_start_page(const struct plan *p)
{
    const struct json *systems = json_get(json_get(p->document, "spec"), "systems");

    return json_get_string(json_get(systems, "new"), "metrics", NULL);
}
