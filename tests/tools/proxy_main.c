/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy alone, without agent or coordinator: for HTTP tests and benchmarks.
 *
 *   proxy_main listen=127.0.0.1:0 legacy=http://127.0.0.1:9101 new=http://127.0.0.1:9102 weight=25
 *
 * The same NAME=VALUE words on standard input, a line at a time, change the rule set and publish it
 * as the next revision. "probe=both,/path" probes, "drain=5s" drains, "stats" shows the sums so
 * far, "endpoints" how each endpoint is, "tls" the handshakes, "reload" reads certificates anew.
 * With "access=1" at the start there is an access log of everything, and "log" shows what is new in
 * it, line by line, and "logged"; so does the end. Standard output has one line per event: "port
 * N", "tls N", "edge N", "serving REVISION", "refused REVISION WHY", "stats JSON", "drained CUT".
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/units.h"
#include "common/loop/signals.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/proxy.h"
#include "sidecar/transport/tls_server.h"

struct tool {
    struct loop *loop;
    struct proxy *proxy;
    struct proxy_config config;
    struct tls_server_config tls_config;
    struct tls_server *tls;
    struct route route;
    struct emergency emergency;
    uint64_t revision;
    bool unpublished; /* the route has changed */
    struct route_stats sums;
    bool asked; /* for the sums */
    dur_t probe_timeout;
    unsigned clients;
    struct loop_watch input;
    struct buf line;
};

/* ---- words ----------------------------------------------------------------------------------- */

static bool read_endpoints(struct str value, struct route_upstream *u, struct err *err)
{
    struct str one;

    u->endpoint_count = 0;
    while (value.n > 0 && u->endpoint_count < ROUTE_ENDPOINTS_MAX) {
        str_cut(value, ',', &one, &value);
        if (endpoint_parse(one, &u->endpoint[u->endpoint_count++], err) < 0)
            return false;
    }
    u->tls.on = u->endpoint_count > 0 && u->endpoint[0].scheme == ENDPOINT_HTTPS;
    return true;
}

/* "ca file,name,certificate,key" of both systems; "any": whoever is there is trusted. */
static bool read_known(struct str value, struct route *r)
{
    struct route_tls t = {.verify = !str_eq(value, STR("any"))};
    struct str ca = value, name = {0}, cert = {0}, key = {0};

    str_cut(ca, ',', &ca, &name);
    str_cut(name, ',', &name, &cert);
    str_cut(cert, ',', &cert, &key);
    if ((t.verify && !str_copy(ca, t.ca_file, sizeof t.ca_file)) ||
        !str_copy(name, t.name, sizeof t.name) ||
        !str_copy(cert, t.cert_file, sizeof t.cert_file) ||
        !str_copy(key, t.key_file, sizeof t.key_file))
        return false;
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        t.on = r->upstream[s].tls.on;
        r->upstream[s].tls = t;
    }
    return true;
}

/* "none", "legacy", "new" or both: who is spoken to in HTTP/2. */
static bool read_h2(struct str value, struct route *r)
{
    enum system s;
    struct str one;

    r->upstream[SYSTEM_LEGACY].protocol = r->upstream[SYSTEM_NEW].protocol = UPSTREAM_HTTP1;
    while (value.n > 0) {
        str_cut(value, ',', &one, &value);
        if (system_parse(one, &s))
            r->upstream[s].protocol = UPSTREAM_H2;
    }
    return true;
}

static bool read_fallback(struct str value, struct route_fallback *f)
{
    struct str one;

    f->on = 0;
    while (value.n > 0) {
        str_cut(value, ',', &one, &value);
        f->on |= str_eq(one, STR("connect_error")) ? FALLBACK_CONNECT_ERROR : 0u;
        f->on |= str_eq(one, STR("timeout")) ? FALLBACK_TIMEOUT : 0u;
        f->on |= str_eq(one, STR("5xx")) ? FALLBACK_5XX : 0u;
    }
    return true;
}

static bool read_methods(struct str value, char method[ROUTE_METHODS_MAX][16], unsigned *count)
{
    struct str one;

    *count = 0;
    while (value.n > 0 && *count < ROUTE_METHODS_MAX) {
        str_cut(value, ',', &one, &value);
        if (!str_copy(one, method[(*count)++], sizeof method[0]))
            return false;
    }
    return true;
}

static bool read_u32(struct str value, uint32_t *ret)
{
    uint64_t n;

    if (!str_to_u64(value, UINT32_MAX, &n))
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* "errors/window ms/open ms/probes", and on request "/error rate bp/slow ms/slow rate bp/min
 * requests/re-ramp ms/mode/order/order number". */
static bool read_breaker(struct str value, struct route_breaker *b)
{
    uint32_t mode = 0, order = 0, number = 0;
    uint32_t *part[] = {&b->errors,        &b->window_ms, &b->open_for_ms,  &b->half_open_requests,
                        &b->error_rate_bp, &b->slow_ms,   &b->slow_rate_bp, &b->min_requests,
                        &b->re_ramp_ms,    &mode,         &order,           &number};

    *b = (struct route_breaker){0};
    for (unsigned i = 0; i < ARRAY_LEN(part) && (i < 4 || value.n > 0); i++) {
        struct str one;

        str_cut(value, '/', &one, &value);
        if (!read_u32(one, part[i]))
            return false;
    }
    b->mode = (enum breaker_mode)mode;
    b->order = (enum breaker_order)order;
    b->order_number = number;
    return true;
}

/* "share bp/timeout ms/max body/max pending/bytes per s" */
static bool read_mirror(struct str value, struct route_mirror *m)
{
    uint32_t bytes = 0;
    uint32_t *part[] = {&m->share_bp, &m->timeout_ms, &m->max_body, &m->max_pending, &bytes};

    for (unsigned i = 0; i < ARRAY_LEN(part) && value.n > 0; i++) {
        struct str one;

        str_cut(value, '/', &one, &value);
        if (!read_u32(one, part[i]))
            return false;
    }
    m->max_bytes_per_s = bytes;
    return true;
}

/* "sample bp/noise bp/max body" */
static bool read_compare(struct str value, struct route_compare *r)
{
    uint32_t *part[] = {&r->sample_bp, &r->noise_bp, &r->max_body};

    for (unsigned i = 0; i < ARRAY_LEN(part) && value.n > 0; i++) {
        struct str one;

        str_cut(value, '/', &one, &value);
        if (!read_u32(one, part[i]))
            return false;
    }
    return true;
}

/* "ignore=$.at,header=ETag", tolerances as "tolerance=$.price=0.01" */
static bool read_compare_rules(struct str value, struct route_compare *r)
{
    static const char *const kinds[COMPARE_RULE_COUNT] = {"header",   "ignore",    "critical",
                                                          "cosmetic", "unordered", "tolerance"};

    for (r->rule_count = 0; value.n > 0; r->rule_count++) {
        struct compare_rule *rule = &r->rule[r->rule_count];
        struct str one, kind, path, by;

        str_cut(value, ',', &one, &value);
        str_cut(one, '=', &kind, &path);
        str_cut(path, '=', &path, &by);
        for (rule->kind = 0; rule->kind < COMPARE_RULE_COUNT; rule->kind++)
            if (str_eq(kind, str_of(kinds[rule->kind])))
                break;
        if (!str_copy(path, rule->path, sizeof rule->path) ||
            (by.n > 0 && !str_to_decimal(by, &rule->tolerance)))
            return false;
    }
    return true;
}

static bool read_emergency(struct tool *t, struct str value)
{
    uint64_t epoch;

    if (!str_to_u64(value, UINT32_MAX, &epoch))
        return false;
    t->emergency = (struct emergency){.migration = t->route.migration, .active = epoch % 2};
    t->emergency.epoch = epoch;
    return true;
}

static bool set_timeouts(struct route *r, struct str value, bool connect)
{
    uint32_t ms;

    if (!read_u32(value, &ms))
        return false;
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        *(connect ? &r->upstream[s].connect_timeout_ms : &r->upstream[s].response_timeout_ms) = ms;
    return true;
}

/* Of both systems; "" for no checks. */
static bool set_health(struct route *r, struct str path)
{
    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
        if (!str_copy(path, r->upstream[s].health_path, PATH_SIZE))
            return false;
    return true;
}

static int set_route(struct tool *t, struct str name, struct str value, struct err *err)
{
    struct route *r = &t->route;

    t->unpublished = true;
    if (str_eq(name, STR("legacy")))
        return read_endpoints(value, &r->upstream[SYSTEM_LEGACY], err);
    if (str_eq(name, STR("new")))
        return read_endpoints(value, &r->upstream[SYSTEM_NEW], err);
    if (str_eq(name, STR("h2")))
        return read_h2(value, r);
    if (str_eq(name, STR("known")))
        return read_known(value, r);
    if (str_eq(name, STR("weight")))
        return unit_parse_weight(value, &r->weight_bp, err) == 0;
    if (str_eq(name, STR("key")))
        return route_key_parse(value, &r->key, err) == 0;
    if (str_eq(name, STR("fallback_key")))
        return route_key_parse(value, &r->fallback_key, err) == 0;
    if (str_eq(name, STR("fallback")))
        return read_fallback(value, &r->fallback);
    if (str_eq(name, STR("methods")))
        return read_methods(value, r->fallback.method, &r->fallback.method_count);
    if (str_eq(name, STR("mirror")))
        return read_mirror(value, &r->mirror);
    if (str_eq(name, STR("mirror_methods")))
        return read_methods(value, r->mirror.method, &r->mirror.method_count);
    if (str_eq(name, STR("mirror_above")))
        return read_u32(value, &r->mirror.off_above_bp);
    if (str_eq(name, STR("compare")))
        return read_compare(value, &r->compare);
    if (str_eq(name, STR("compare_rules")))
        return read_compare_rules(value, &r->compare);
    if (str_eq(name, STR("compare_above")))
        return read_u32(value, &r->compare.off_above_bp);
    if (str_eq(name, STR("fallback_body")))
        return read_u32(value, &r->fallback.max_body);
    if (str_eq(name, STR("budget")))
        return read_u32(value, &r->fallback.budget_bp);
    if (str_eq(name, STR("breaker")))
        return read_breaker(value, &r->breaker);
    if (str_eq(name, STR("override")))
        return system_parse(value, &r->override);
    if (str_eq(name, STR("forbid_legacy")))
        return (r->forbid_legacy = str_eq(value, STR("1"))) || str_eq(value, STR("0"));
    if (str_eq(name, STR("emergency")))
        return read_emergency(t, value);
    if (str_eq(name, STR("health")))
        return set_health(r, value);
    if (str_eq(name, STR("health_interval")))
        return read_u32(value, &r->upstream[SYSTEM_LEGACY].health_interval_ms) &&
               read_u32(value, &r->upstream[SYSTEM_NEW].health_interval_ms);
    if (str_eq(name, STR("limit")))
        return read_u32(value, &r->upstream[SYSTEM_LEGACY].max_connections) &&
               read_u32(value, &r->upstream[SYSTEM_NEW].max_connections);
    if (str_eq(name, STR("connect_timeout")))
        return set_timeouts(r, value, true);
    if (str_eq(name, STR("response_timeout")))
        return set_timeouts(r, value, false);
    if (str_eq(name, STR("host")))
        return str_copy(value, r->host[0], sizeof r->host[0]) && (r->host_count = 1);
    if (str_eq(name, STR("tcp"))) /* a port; 0: requests */
        return read_u32(value, &r->tcp.port);
    if (str_eq(name, STR("tcp_idle")))
        return read_u32(value, &r->tcp.idle_timeout_ms);
    if (str_eq(name, STR("path")))
        return str_copy(value, r->path_prefix, sizeof r->path_prefix);
    t->unpublished = false;
    return -1;
}

/* Words end in NUL, and are kept for good. */
static int read_text(struct tool *t, struct str name, struct str value)
{
    struct tls_server_config *tls = &t->tls_config;
    const struct {
        struct str name;
        const char **ret;
    } texts[] = {
        {STR("listen"), &t->config.listen},     {STR("edge"), &t->config.edge},
        {STR("resolver"), &t->config.resolver}, {STR("tls"), &t->config.tls_listen},
        {STR("tls_certs"), &tls->dir},          {STR("tls_client_ca"), &tls->client_ca},
        {STR("tls_alpn"), &tls->alpn},          {STR("tls_cert"), &tls->pair[0].cert},
        {STR("tls_key"), &tls->pair[0].key},
    };

    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (str_eq(name, texts[i].name)) {
            *texts[i].ret = xmemdup(value.p, value.n + 1);
            tls->pair_count = tls->pair[0].cert != NULL;
            return true;
        }
    }
    return -1;
}

/* New certificates, whatever the files look like. */
static void reload_tls(struct tool *t)
{
    struct err err = {0};

    if (tls_server_check(t->tls, true, clock_system->wall(clock_system), &err) < 0)
        printf("refused %s\n", err.msg);
    else
        printf("reloaded %u\n", tls_server_cert_count(t->tls));
}

static void print_tls(struct tool *t)
{
    const struct tls_tally n = tls_server_tally(t->tls);

    printf("tls {\"handshakes\": %" PRIu64 ", \"resumed\": %" PRIu64, n.handshakes, n.resumed);
    for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++)
        printf(", \"%s\": %" PRIu64, tls_failure_name((enum tls_failure)i), n.failed[i]);
    puts("}");
}

static int set_config(struct tool *t, struct str name, struct str value, struct err *err)
{
    struct proxy_config *c = &t->config;
    const struct {
        struct str name;
        dur_t *ret;
    } times[] = {
        {STR("header_timeout"), &c->header_timeout}, {STR("body_timeout"), &c->body_timeout},
        {STR("idle_timeout"), &c->idle_timeout},     {STR("upstream_idle"), &c->upstream_idle},
        {STR("tunnel_idle"), &c->tunnel_idle},       {STR("tunnel_drain"), &c->tunnel_drain}};

    for (unsigned i = 0; i < ARRAY_LEN(times); i++) {
        if (str_eq(name, times[i].name))
            return unit_parse_duration(value, times[i].ret, err) == 0;
    }
    if (str_eq(name, STR("forwarded"))) {
        c->forwarded = str_eq(value, STR("off"))       ? PROXY_FORWARDED_OFF
                       : str_eq(value, STR("replace")) ? PROXY_FORWARDED_REPLACE
                                                       : PROXY_FORWARDED_APPEND;
        return true;
    }
    if (str_eq(name, STR("access"))) {
        c->access = access_log_new(str_eq(value, STR("1")) ? ACCESS_ALL : 0, false);
        return true;
    }
    if (str_eq(name, STR("via")))
        return (c->via = str_eq(value, STR("1"))) || str_eq(value, STR("0"));
    if (str_eq(name, STR("threads")))
        return read_u32(value, &c->threads);
    if (str_eq(name, STR("min_rate")))
        return read_u32(value, &c->min_rate);
    if (str_eq(name, STR("max_connections")))
        return read_u32(value, &c->max_connections);
    if (str_eq(name, STR("max_waiting")))
        return read_u32(value, &c->max_waiting);
    if (str_eq(name, STR("max_head")))
        return str_to_u64(value, UINT32_MAX, &c->max_head_bytes);
    if (str_eq(name, STR("max_body")))
        return str_to_u64(value, UINT64_MAX, &c->max_body_bytes);
    if (str_eq(name, STR("probe_timeout")))
        return unit_parse_duration(value, &t->probe_timeout, err) == 0;
    return read_text(t, name, value);
}

static void publish(struct tool *t)
{
    struct ruleset *set = ruleset_new("0", 1, ++t->revision);
    struct err err = {0};

    if (ruleset_add(set, &t->route, STR(""), &err) < 0 || ruleset_finish(set, &err) < 0) {
        fprintf(stderr, "proxy_main: %s\n", err.msg);
        exit(2);
    }
    ruleset_order(set, &t->emergency);
    t->unpublished = false;
    proxy_publish(t->proxy, set);
}

static void add_answer(struct json *list, const struct probe_answer *a)
{
    struct json *j = json_object();

    json_set_string(j, "system", system_name(a->system));
    json_set_string(j, "endpoint", a->endpoint);
    json_set_number(j, "status", a->status);
    json_set_string(j, "error", a->error);
    json_set_number(j, "headers", a->header_count);
    json_set(j, "body", json_from_str((struct str){a->body, a->body_kept}));
    json_set_u64(j, "bytes", a->body_bytes);
    json_set_number(j, "ms", (double)a->took.ns / 1e6);
    json_append(list, j);
}

static void on_probed(void *ctx UNUSED, const struct probe_answer *answer, unsigned count,
                      const struct err *why)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1u << 20);
    CLEANUP(json_freep) struct json *list = json_array();

    for (unsigned i = 0; i < count; i++)
        add_answer(list, &answer[i]);
    if (json_print(list, false, &text))
        printf("probe %s\n", why ? why->msg : buf_text(&text));
}

/* "legacy", "new" or "both", with ",bypass", ",head" and ",PATH" behind it. */
static void begin_probe(struct tool *t, struct str value)
{
    struct probe probe = {
        .migration = t->route.migration, .path = "/", .timeout = t->probe_timeout};
    struct err err = {0};
    struct str word;

    str_cut(value, ',', &word, &value);
    (void)!system_parse(word, &probe.system);
    while (value.n > 0) {
        str_cut(value, ',', &word, &value);
        probe.bypass_breaker |= str_eq(word, STR("bypass"));
        probe.head_only |= str_eq(word, STR("head"));
        if (str_starts(word, STR("/")))
            (void)!str_copy(word, probe.path, sizeof probe.path);
    }
    if (proxy_probe(t->proxy, &probe, on_probed, t, &err) < 0)
        printf("probe %s\n", err.msg);
}

static void add_endpoint(void *ctx, const struct proxy_endpoint *e)
{
    struct json *j = json_object();

    json_set_string(j, "system", system_name(e->system));
    json_set_string(j, "address", e->address);
    json_set_string(j, "state", sm_state_name(&endpoint_machine, (int)e->state));
    json_append(ctx, j);
}

static void print_endpoints(struct tool *t)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1u << 20);
    CLEANUP(json_freep) struct json *list = json_array();

    proxy_endpoints(t->proxy, t->route.migration.s, add_endpoint, list);
    if (json_print(list, false, &text))
        printf("endpoints %s\n", buf_text(&text));
}

static bool write_piece(void *ctx UNUSED, struct str piece)
{
    return fwrite(piece.p, 1, piece.n, stdout) == piece.n;
}

/* The lines since the last time, each as it is. */
static void print_log(struct tool *t)
{
    access_log_drain(t->config.access, write_piece, NULL);
    puts("logged");
}

static void take_word(struct tool *t, char *word)
{
    struct str name, value;
    struct err err = {0};
    dur_t deadline;
    int r;

    if (strcmp(word, "endpoints") == 0) {
        print_endpoints(t);
        return;
    }
    if (strcmp(word, "tls") == 0) {
        print_tls(t);
        return;
    }
    if (strcmp(word, "reload") == 0) {
        reload_tls(t);
        return;
    }
    if (strcmp(word, "log") == 0) {
        print_log(t);
        return;
    }
    if (strcmp(word, "stats") == 0) {
        t->asked = true;
        return;
    }
    str_cut(str_of(word), '=', &name, &value);
    if (str_eq(name, STR("drain")) && unit_parse_duration(value, &deadline, &err) == 0) {
        proxy_drain(t->proxy, deadline);
        return;
    }
    if (str_eq(name, STR("probe"))) {
        begin_probe(t, value);
        return;
    }
    if (str_eq(name, STR("expose"))) {
        t->unpublished = true;
        t->route.expose_system = str_eq(value, STR("1"));
        return;
    }
    r = set_route(t, name, value, &err);
    if (r < 0)
        r = set_config(t, name, value, &err);
    if (r <= 0) {
        fprintf(stderr, "proxy_main: cannot read \"%s\": %s\n", word, err.msg);
        exit(2);
    }
}

static void on_input(struct loop_watch *w, unsigned events UNUSED)
{
    struct tool *t = container_of(w, struct tool, input);
    char *room = buf_reserve(&t->line, 4096);
    ssize_t n = room ? read(0, room, 4095) : 0;
    char *rest, *word;

    if (n <= 0) {
        loop_unwatch(w);
        return;
    }
    t->line.len += (size_t)n;
    t->line.data[t->line.len] = '\0';
    if (t->line.data[t->line.len - 1] != '\n')
        return;
    rest = t->line.data;
    while ((word = strsep(&rest, " \n"))) {
        if (*word)
            take_word(t, word);
    }
    buf_clear(&t->line);
    if (t->unpublished)
        publish(t);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_serving(void *ctx UNUSED, const struct ruleset *set)
{
    printf("serving %llu\n", (unsigned long long)set->revision);
}

static void on_lacking(void *ctx UNUSED, const struct ruleset *set, const struct err *why)
{
    printf("lacking %llu %s\n", (unsigned long long)set->revision, why->msg);
}

static void print_system(const char *name, const struct system_stats *s)
{
    printf("\"%s\":{", name);
#define X(name) printf("\"" #name "\":%" PRIu64 ",", s->name);
    SYSTEM_COUNTS(X)
#undef X
    printf("\"answered\":%" PRIu64 ",\"p50\":%.3f,\"p99\":%.3f},", s->latency.count,
           hist_quantile_ms(&s->latency, 0.5), hist_quantile_ms(&s->latency, 0.99));
}

static void print_mirror(const struct mirror_stats *m)
{
    printf("\"mirror\":{");
#define X(name) printf("\"" #name "\":%llu,", (unsigned long long)m->name);
    MIRROR_COUNTS(X)
#undef X
    printf("\"answered\":%llu},", (unsigned long long)m->latency.count);
}

static void print_seen(const struct breaker_seen *s)
{
    printf("\"seen\":{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"slow\":%" PRIu64
           ",\"cause\":\"%s\",\"share\":%u,\"held\":%d,\"order\":%" PRIu64 ",\"opened\":%" PRIu64
           "},",
           s->requests, s->errors, s->slow, breaker_cause_name(s->cause), s->share_bp, s->held,
           s->order_number, s->opened);
}

static void print_open(const char *name, const uint32_t open[SYSTEM_COUNT])
{
    printf("\"%s\":{\"legacy\":%u,\"new\":%u},", name, open[SYSTEM_LEGACY], open[SYSTEM_NEW]);
}

static void print_compare(const struct route_stats *s)
{
    const struct compare_stats *c = &s->compare;

    printf(
        "\"compare\":{\"compared\":%llu,\"equal\":%llu,\"cosmetic\":%llu,\"critical\":%llu,"
        "\"noise_compared\":%llu,\"noise_differed\":%llu,\"skipped\":%llu,\"overhead_us\":%llu},",
        (unsigned long long)c->compared, (unsigned long long)c->equal,
        (unsigned long long)c->cosmetic, (unsigned long long)c->critical,
        (unsigned long long)c->noise_compared, (unsigned long long)c->noise_differed,
        (unsigned long long)c->skipped, (unsigned long long)c->overhead_us);
    printf("\"discrepancies\":[");
    for (unsigned i = 0; i < s->discrepancy_count; i++) {
        const struct discrepancy *d = &s->discrepancy[i];
        const char *const text[] = {d->request, d->where, d->legacy, d->new_value};
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);

        for (unsigned k = 0; k < ARRAY_LEN(text); k++)
            CHECK(buf_add_str(&b, STR(",")) && json_print_string(text[k], &b));
        printf("%s[%s%s]", i ? "," : "", d->critical ? "true" : "false", buf_text(&b));
    }
    printf("],");
}

static void on_stats(void *ctx, const struct route_stats *stats, size_t count, unsigned clients)
{
    struct tool *t = ctx;

    for (size_t i = 0; i < count; i++) {
        for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++)
            system_stats_merge(&t->sums.system[s], &stats[i].system[s]);
        mirror_stats_merge(&t->sums.mirror, &stats[i].mirror);
        compare_stats_merge(&t->sums.compare, &stats[i].compare);
        for (unsigned k = 0; k < stats[i].discrepancy_count; k++)
            route_stats_add_discrepancy(&t->sums, &stats[i].discrepancy[k]);
        t->sums.breaker = stats[i].breaker;
        t->sums.breaker_seen = stats[i].breaker_seen;
        t->sums.over_budget += stats[i].over_budget;
        t->sums.underway = stats[i].underway;
    }
    if (!t->asked)
        return;
    t->asked = false;
    printf("stats {");
    print_system("legacy", &t->sums.system[SYSTEM_LEGACY]);
    print_system("new", &t->sums.system[SYSTEM_NEW]);
    print_mirror(&t->sums.mirror);
    print_seen(&t->sums.breaker_seen);
    printf("\"over_budget\":%" PRIu64 ",", t->sums.over_budget);
    print_compare(&t->sums);
    print_open("tunnels", t->sums.underway.tunnels);
    print_open("lasting", t->sums.underway.lasting);
    printf("\"breaker\":\"%s\",\"clients\":%u}\n", breaker_state_name(t->sums.breaker), clients);
}

static void on_drained(void *ctx, unsigned cut)
{
    struct tool *t = ctx;

    printf("drained %u\n", cut);
    loop_stop(t->loop);
}

static void on_signal(void *ctx, int signo UNUSED)
{
    struct tool *t = ctx;

    loop_stop(t->loop);
}

/* ---- main ------------------------------------------------------------------------------------ */

static void set_defaults(struct tool *t)
{
    struct route *r = &t->route;

    t->config.max_body_bytes = PROXY_MAX_BODY_BYTES;
    buf_init(&t->line, 65536);
    str_fmt(r->migration.s, sizeof r->migration.s, "app");
    str_fmt(r->salt, sizeof r->salt, "app");
    str_fmt(r->stage, sizeof r->stage, "stage");
    r->key = (struct route_key){.source = KEY_HEADER, .name = "X-User-Id"};
    read_methods(STR("GET,HEAD"), r->fallback.method, &r->fallback.method_count);
    read_methods(STR("GET,HEAD"), r->mirror.method, &r->mirror.method_count);
    r->mirror.timeout_ms = 5000;
    r->mirror.max_body = 65536;
    r->mirror.max_pending = 256;
    r->mirror.off_above_bp = r->compare.off_above_bp = WEIGHT_BP_MAX;
    r->compare.max_body = 65536;
    r->fallback.on = FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX;
    r->fallback.max_body = 65536;
    set_timeouts(r, STR("1000"), true);
    set_timeouts(r, STR("15000"), false);
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct tool *t, struct err *err)
{
    static const int signos[] = {SIGINT, SIGTERM, 0};
    const struct proxy_events events = {.on_serving = on_serving,
                                        .on_lacking = on_lacking,
                                        .on_stats = on_stats,
                                        .on_drained = on_drained};
    CLEANUP(signals_freep) struct signals *signals = NULL;
    int r = signals_new(t->loop, signos, on_signal, t, &signals, err);

    if (r == 0 && t->config.tls_listen)
        r = tls_server_new(&t->tls_config, clock_system->wall(clock_system), &t->tls, err);
    t->config.tls = t->tls;
    if (r == 0)
        r = proxy_new(&t->config, t->loop, &events, t, &t->proxy, err);
    if (r < 0)
        return r;
    printf("port %u\n", proxy_port(t->proxy));
    if (t->config.tls_listen)
        printf("tls %u\n", proxy_tls_port(t->proxy));
    if (t->config.edge)
        printf("edge %u\n", proxy_edge_port(t->proxy));
    if (t->route.upstream[SYSTEM_LEGACY].endpoint_count > 0)
        publish(t);
    proxy_open(t->proxy);
    /* Standard input that cannot be watched (/dev/null) says nothing. */
    if (loop_watch(t->loop, &t->input, 0, LOOP_READ, on_input, NULL) < 0)
        t->input.loop = NULL;
    loop_run(t->loop);
    loop_unwatch(&t->input);
    t->proxy = proxy_free(t->proxy);
    if (t->config.access)
        print_log(t);
    t->tls = tls_server_free(t->tls);
    access_log_free(t->config.access);
    return 0;
}

int main(int argc, char **argv)
{
    static const int signos[] = {SIGINT, SIGTERM, 0};
    static struct tool tool;
    struct err err = {0};
    int r;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signals_block(signos);
    raise_descriptors();
    set_defaults(&tool);
    for (int i = 1; i < argc; i++)
        take_word(&tool, argv[i]);
    r = loop_new(clock_system, &tool.loop, &err);
    if (r == 0)
        r = run(&tool, &err);
    if (r < 0)
        fprintf(stderr, "proxy_main: %s%s%s\n", err.msg, err.hint[0] ? "; " : "", err.hint);
    buf_deinit(&tool.line);
    loop_free(tool.loop);
    return r < 0;
}
