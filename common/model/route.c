/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a route: keys as people write them, and the check of a whole one. */
#include "common/model/compare_rule.h"
#include "common/model/ruleset.h"

#define KEY_SEGMENT_MAX 64

/* RFC 9110 5.6.2; header and cookie names are tokens. */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

static const struct {
    const char *word;
    enum key_source source;
} key_words[] = {
    {"random", KEY_RANDOM}, {"client-ip", KEY_CLIENT_ADDRESS}, {"header", KEY_HEADER},
    {"cookie", KEY_COOKIE}, {"path", KEY_PATH_SEGMENT},
};

static const char *key_word(enum key_source source)
{
    for (size_t i = 0; i < ARRAY_LEN(key_words); i++) {
        if (key_words[i].source == source)
            return key_words[i].word;
    }
    return "none";
}

static enum key_source find_key_source(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(key_words); i++) {
        if (str_eq(word, str_of(key_words[i].word)))
            return key_words[i].source;
    }
    return KEY_NONE;
}

/* What follows the ':' fits the source. */
static bool read_key_argument(struct str arg, bool given, struct route_key *key)
{
    uint64_t segment;

    switch (key->source) {
    case KEY_RANDOM:
    case KEY_CLIENT_ADDRESS:
        return !given;
    case KEY_HEADER:
    case KEY_COOKIE:
        return is_token(arg) && str_copy(arg, key->name, sizeof key->name);
    case KEY_PATH_SEGMENT:
        if (!str_to_u64(arg, KEY_SEGMENT_MAX, &segment) || segment == 0)
            return false;
        key->segment = (unsigned)segment;
        return true;
    case KEY_NONE:
    case KEY_SOURCE_COUNT:
        break;
    }
    return false;
}

int route_key_parse(struct str s, struct route_key *ret, struct err *err)
{
    struct route_key key = {0};
    struct str word, arg;
    char shown[SHOW_SIZE];
    bool given = str_cut(s, ':', &word, &arg);

    key.source = find_key_source(word);
    if (!read_key_argument(arg, given, &key))
        return err_set(err, ERR_INVALID,
                       "%s is not a key: use header:NAME, cookie:NAME, path:N (segment 1 to %d), "
                       "client-ip or random, as in \"header:X-User-Id\"",
                       ids_show(s, shown), KEY_SEGMENT_MAX);
    *ret = key;
    return 0;
}

const char *route_key_text(const struct route_key *k, char *dst)
{
    const char *word = key_word(k->source);

    if (k->source == KEY_HEADER || k->source == KEY_COOKIE)
        str_fmt(dst, ROUTE_KEY_TEXT_SIZE, "%s:%s", word, k->name);
    else if (k->source == KEY_PATH_SEGMENT)
        str_fmt(dst, ROUTE_KEY_TEXT_SIZE, "%s:%u", word, k->segment);
    else
        str_fmt(dst, ROUTE_KEY_TEXT_SIZE, "%s", word);
    return dst;
}

static bool is_host(const char *s, const char *punctuation)
{
    for (const char *c = s; *c; c++) {
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && !strchr(punctuation, *c))
            return false;
    }
    return *s != '\0';
}

const struct selector *route_ahead_by(const struct route *r, const struct name *node,
                                      const struct labels *l)
{
    for (unsigned i = 0; i < r->ahead.selector_count; i++) {
        if (selector_matches(&r->ahead.selector[i], node, l))
            return &r->ahead.selector[i];
    }
    return NULL;
}

void route_for_node(const struct route *r, const struct name *node, const struct labels *l,
                    struct route *ret)
{
    if (ret != r)
        *ret = *r;
    if (route_ahead_by(r, node, l)) {
        ret->weight_bp = r->ahead.weight_bp;
        ret->mirror.share_bp = r->ahead.mirror_bp;
        ret->flags = r->ahead.flags;
        memcpy(ret->stage, r->ahead.stage, sizeof ret->stage);
    }
    if (selector_matches(&r->drill, node, l))
        ret->weight_bp = ret->mirror.share_bp = ret->compare.sample_bp = 0;
    memset(&ret->ahead, 0, sizeof ret->ahead);
    memset(&ret->drill, 0, sizeof ret->drill);
}

uint32_t route_weight_at(const struct route *r, const struct name *node, const struct labels *l,
                         const char **ret_stage)
{
    bool ahead = route_ahead_by(r, node, l) != NULL;

    *ret_stage = ahead ? r->ahead.stage : r->stage;
    if (r->override != SYSTEM_NONE)
        return r->override == SYSTEM_NEW ? WEIGHT_BP_MAX : 0;
    if (selector_matches(&r->drill, node, l))
        return 0;
    return ahead ? r->ahead.weight_bp : r->weight_bp;
}

static const char *find_key_fault(const struct route_key *k)
{
    switch (k->source) {
    case KEY_RANDOM:
    case KEY_CLIENT_ADDRESS:
        return NULL;
    case KEY_HEADER:
    case KEY_COOKIE:
        return is_token(str_of(k->name)) ? NULL : "a key's name is not a token";
    case KEY_PATH_SEGMENT:
        return k->segment >= 1 && k->segment <= KEY_SEGMENT_MAX ? NULL
                                                                : "a key's path segment is off";
    case KEY_NONE:
    case KEY_SOURCE_COUNT:
        break;
    }
    return "the key's source is unknown";
}

bool route_is_request_path(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '#')
            return false;
    }
    return str_starts(s, STR("/"));
}

static bool is_health(const struct route_upstream *u)
{
    if (u->endpoint_count > 0 && u->endpoint[0].scheme == ENDPOINT_TCP)
        return strcmp(u->health_path, ROUTE_HEALTH_CONNECT) == 0;
    return route_is_request_path(str_of(u->health_path));
}

static const char *find_tls_fault(const struct route_upstream *u)
{
    const struct route_tls *t = &u->tls;
    const char *const files[] = {t->ca_file, t->cert_file, t->key_file};

    for (unsigned i = 0; i < u->endpoint_count; i++) {
        if ((u->endpoint[i].scheme == ENDPOINT_HTTPS) != t->on)
            return "a system has endpoints with and without TLS";
    }
    if (!t->on && (t->name[0] || t->ca_file[0] || t->cert_file[0] || t->key_file[0]))
        return "a system has settings of TLS, and does without it";
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i][0] && files[i][0] != '/')
            return "a file of a system's TLS is no absolute path";
    }
    if (!t->cert_file[0] != !t->key_file[0])
        return "a certificate lacks its key, or the key its certificate";
    return NULL;
}

static const char *find_upstream_fault(const struct route_upstream *u)
{
    if (u->endpoint_count == 0 || u->endpoint_count > ROUTE_ENDPOINTS_MAX)
        return "a system has no endpoint, or too many";
    for (unsigned i = 0; i < u->endpoint_count; i++) {
        if (!u->endpoint[i].host[0] || !u->endpoint[i].port)
            return "an endpoint has no host or no port";
    }
    if (!u->connect_timeout_ms || !u->response_timeout_ms)
        return "a system's timeout is 0";
    if (u->health_path[0] && !is_health(u))
        return "a system's health path is none";
    if (u->health_path[0] && u->health_interval_ms < HEALTH_INTERVAL_MIN_MS)
        return "a system's health is asked for too often";
    if ((unsigned)u->protocol >= UPSTREAM_PROTOCOL_COUNT)
        return "a system's protocol is unknown";
    return find_tls_fault(u);
}

static const char *find_match_fault(const struct route *r)
{
    if (r->host_count > ROUTE_HOSTS_MAX)
        return "there are too many hosts";
    for (unsigned i = 0; i < r->host_count; i++) {
        const char *host = r->host[i];

        if (!is_host(host[0] == '*' && host[1] == '.' ? host + 2 : host, "-._:"))
            return "a host is empty or not in lower case";
    }
    if (r->path_prefix[0] && r->path_prefix[0] != '/')
        return "the path prefix does not start with '/'";
    return NULL;
}

/* What a connection has not. */
static bool needs_requests(const struct route *r)
{
    return r->host_count > 0 || r->path_prefix[0] || r->mirror.share_bp || r->ahead.mirror_bp ||
           r->compare.sample_bp || r->fallback.on & ~(unsigned)FALLBACK_CONNECT_ERROR ||
           (r->key.source != KEY_RANDOM && r->key.source != KEY_CLIENT_ADDRESS) ||
           r->upstream[SYSTEM_LEGACY].protocol || r->upstream[SYSTEM_NEW].protocol;
}

static const char *find_tcp_fault(const struct route *r)
{
    const bool tcp = r->tcp.port > 0;

    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        for (unsigned i = 0; i < r->upstream[s].endpoint_count; i++) {
            if ((r->upstream[s].endpoint[i].scheme == ENDPOINT_TCP) != tcp)
                return "connections go to tcp:// endpoints, and nothing else does";
        }
    }
    if (!tcp)
        return NULL;
    if (r->tcp.port > UINT16_MAX || !r->tcp.idle_timeout_ms)
        return "a route of connections lacks its port or its time";
    return needs_requests(r) ? "a route of connections has what only requests have" : NULL;
}

static bool is_normal(const struct selector *s)
{
    struct selector normal;

    return selector_parse(str_of(s->text), &normal, NULL) == 0 && strcmp(s->text, normal.text) == 0;
}

/* Names and values are flags.c's: sets are made by it alone. */
static const char *find_nodes_fault(const struct route *r)
{
    const struct route_ahead *a = &r->ahead;

    if (r->flags.count > FLAGS_MAX || a->flags.count > FLAGS_MAX)
        return "there are too many flags";
    if (a->selector_count > ROUTE_SELECTORS_MAX)
        return "there are too many selectors of nodes ahead";
    for (unsigned i = 0; i < a->selector_count; i++) {
        if (!is_normal(&a->selector[i]))
            return "a selector of nodes ahead is off";
    }
    if (a->weight_bp > WEIGHT_BP_MAX)
        return "the weight of nodes ahead is over 100 %";
    if (r->drill.text[0] && !is_normal(&r->drill))
        return "the selector of the drill is off";
    return NULL;
}

bool route_breaker_is_on(const struct route_breaker *b)
{
    return b->mode != BREAKER_MODE_OFF && (b->errors || route_breaker_has_rate(b));
}

bool route_breaker_has_rate(const struct route_breaker *b)
{
    return b->error_rate_bp || b->slow_rate_bp;
}

static const char *find_breaker_fault(const struct route_breaker *b)
{
    if (route_breaker_is_on(b) && (!b->window_ms || !b->open_for_ms || !b->half_open_requests))
        return "the breaker lacks its window, its time or its probes";
    if (b->error_rate_bp > WEIGHT_BP_MAX || b->slow_rate_bp > WEIGHT_BP_MAX)
        return "a rate of the breaker is over 100 %";
    if (b->slow_rate_bp && !b->slow_ms)
        return "the breaker has a rate of slow answers, and nothing says what is slow";
    if ((unsigned)b->mode >= BREAKER_MODE_COUNT || (unsigned)b->order >= BREAKER_ORDER_COUNT)
        return "the breaker's mode or order is unknown";
    return NULL;
}

static const char *find_compare_fault(const struct route_compare *c)
{
    if (c->sample_bp > WEIGHT_BP_MAX || c->noise_bp > WEIGHT_BP_MAX ||
        c->off_above_bp > WEIGHT_BP_MAX)
        return "a share of the comparison is over 100 %";
    if (c->sample_bp && c->max_body == 0)
        return "the comparison keeps nothing of a body";
    if (c->rule_count > COMPARE_RULES_MAX)
        return "the comparison has too many rules";
    for (unsigned i = 0; i < c->rule_count; i++) {
        if (compare_rule_check(&c->rule[i], NULL) < 0)
            return "a rule of the comparison is off";
    }
    return NULL;
}

static const char *find_mirror_fault(const struct route *r)
{
    const struct route_mirror *m = &r->mirror;
    const bool on = m->share_bp || r->ahead.mirror_bp;

    if (m->share_bp > WEIGHT_BP_MAX || r->ahead.mirror_bp > WEIGHT_BP_MAX ||
        m->off_above_bp > WEIGHT_BP_MAX)
        return "a share of the mirror is over 100 %";
    if (m->method_count > ROUTE_METHODS_MAX)
        return "the mirror has too many methods";
    for (unsigned i = 0; i < m->method_count; i++) {
        if (!is_token(str_of(m->method[i])))
            return "a mirror's method is not a token";
    }
    return on && (!m->timeout_ms || !m->max_pending) ? "the mirror lacks its time or its number"
                                                     : NULL;
}

static const char *find_policy_fault(const struct route *r)
{
    const struct route_fallback *f = &r->fallback;
    const char *why;

    if (r->weight_bp > WEIGHT_BP_MAX)
        return "the weight is over 100 %";
    if ((unsigned)r->override >= SYSTEM_COUNT)
        return "the override is no system";
    if (f->on & ~(unsigned)(FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX))
        return "the fallback has unknown conditions";
    if (f->method_count > ROUTE_METHODS_MAX)
        return "the fallback has too many methods";
    if (f->budget_bp > WEIGHT_BP_MAX)
        return "the fallback's budget is over 100 %";
    for (unsigned i = 0; i < f->method_count; i++) {
        if (!is_token(str_of(f->method[i])))
            return "a fallback's method is not a token";
    }
    why = find_breaker_fault(&r->breaker);
    if (!why)
        why = find_mirror_fault(r);
    return why ? why : find_compare_fault(&r->compare);
}

int route_check(const struct route *r, struct err *err)
{
    struct name name;
    const char *fault;
    int rc = name_parse(str_of(r->migration.s), "migration name", &name, err);

    if (rc < 0)
        return rc;
    fault = find_match_fault(r);
    if (!fault)
        fault = find_key_fault(&r->key);
    if (!fault && r->fallback_key.source != KEY_NONE)
        fault = find_key_fault(&r->fallback_key);
    if (!fault)
        fault = find_policy_fault(r);
    if (!fault)
        fault = find_nodes_fault(r);
    if (!fault)
        fault = find_upstream_fault(&r->upstream[SYSTEM_LEGACY]);
    if (!fault)
        fault = find_upstream_fault(&r->upstream[SYSTEM_NEW]);
    if (!fault)
        fault = find_tcp_fault(r);
    if (fault)
        return err_set(err, ERR_INVALID, "route \"%s\": %s", r->migration.s, fault);
    return 0;
}
