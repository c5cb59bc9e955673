/* SPDX-License-Identifier: Apache-2.0 */
/* What a good plan means: every field, the defaults, the stored form, changes and overlaps. */
#include "common/base/buf.h"
#include "common/model/plan.h"
#include "tests/lib/unit.h"
#include "tests/unit/common/model/plan_fixture.h"

static struct plan *parse(struct str text)
{
    struct plan *p = NULL;
    struct err err = {.msg = ""};

    if (plan_parse(text, "orders.yaml", &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

/* full_plan with the first `from` replaced. */
static struct plan *parse_with(const char *from, const char *to)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16);
    const char *at = strstr(full_plan, from);

    assert_non_null(at);
    assert_true(
        buf_addf(&text, "%.*s%s%s", (int)(at - full_plan), full_plan, to, at + strlen(from)));
    return parse(buf_view(&text));
}

static const char small_plan[] =
    "apiVersion: switchyard/v1\n"
    "kind: Migration\n"
    "metadata: {name: small}\n"
    "spec:\n"
    "  systems:\n"
    "    legacy: {endpoints: [\"http://Old.Example:81/\"]}\n"
    "    new: {endpoints: [\"http://[::1]:82\", \"http://b\"]}\n"
    "  routing: {key: random}\n"
    "  stages: [{name: all, weight: 12.5%}]\n";

static void check_full_route(const struct route *route)
{
    assert_string_equal(route->migration.s, "orders");
    assert_int_equal(route->key.source, KEY_HEADER);
    assert_string_equal(route->key.name, "X-User-Id");
    assert_int_equal(route->fallback_key.source, KEY_CLIENT_ADDRESS);
    assert_string_equal(route->salt, "pepper");
    assert_int_equal(route->host_count, 1);
    assert_string_equal(route->host[0], "shop.example.com");
    assert_string_equal(route->path_prefix, "/api");
    assert_true(route->expose_system);
    assert_int_equal(route->weight_bp, 0);
    assert_int_equal(route->override, SYSTEM_NONE);
    assert_string_equal(route->stage, "legacy");
    assert_int_equal(route->fallback.on, FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX);
    assert_int_equal(route->fallback.method_count, 2);
    assert_string_equal(route->fallback.method[1], "HEAD");
    assert_int_equal(route->fallback.max_body, 65536);
    assert_int_equal(route->breaker.errors, 5);
    assert_int_equal(route->breaker.window_ms, 300000);
    assert_int_equal(route->breaker.open_for_ms, 600000);
    assert_int_equal(route->breaker.half_open_requests, 10);
    assert_int_equal(route->upstream[SYSTEM_NEW].endpoint_count, 1);
    assert_string_equal(route->upstream[SYSTEM_NEW].endpoint[0].host, "127.0.0.1");
    assert_int_equal(route->upstream[SYSTEM_NEW].endpoint[0].port, 8001);
}

static void check_full_stages(const struct plan *p)
{
    assert_int_equal(p->stage_count, 3);
    assert_string_equal(p->stage[0].name.s, "shadow");
    assert_int_equal(p->stage[0].weight_bp, 0);
    assert_int_equal(dur_to_ms(p->stage[0].bake), 600000);
    assert_false(p->stage[0].approval);
    assert_false(p->stage[0].has_gate);
    assert_true(p->stage[1].approval);
    assert_true(p->stage[1].has_gate);
    assert_int_equal(p->stage[1].gate.error_rate_ppm, 1000);
    assert_int_equal(dur_to_ms(p->stage[1].gate.p99), 100);
    assert_int_equal(p->stage[1].gate.latency_ratio_m, 0);
    assert_int_equal(p->stage[1].gate.min_requests, 100);
    assert_int_equal(dur_to_ms(p->stage[1].gate.window), 1800000);
    assert_int_equal(p->stage[2].weight_bp, 10000);
}

static void every_field_arrives(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(full_plan));
    struct err err;

    assert_string_equal(p->name.s, "orders");
    assert_string_equal(labels_get(&p->labels, "team"), "checkout");
    check_full_route(&p->route);
    assert_int_equal(route_check(&p->route, &err), 0);
    assert_true(p->has_triggers);
    assert_int_equal(p->triggers.error_rate_ppm, 10000);
    assert_int_equal(dur_to_ms(p->triggers.p99), 500);
    assert_int_equal(p->triggers.latency_ratio_m, 2000);
    assert_int_equal(p->triggers.min_requests, 50);
    assert_int_equal(dur_to_ms(p->triggers.window), 20000);
    assert_int_equal(p->rollback_to, 1);
    assert_int_equal(dur_to_ms(p->rollback_deadline), 45000);
    check_full_stages(p);
}

static void defaults_fill_a_small_plan(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(small_plan));
    const struct route *route = &p->route;
    struct err err;

    assert_int_equal(route_check(route, &err), 0);
    assert_string_equal(route->salt, "small");
    assert_int_equal(route->key.source, KEY_RANDOM);
    assert_int_equal(route->fallback_key.source, KEY_NONE);
    assert_true(route->expose_system);
    assert_int_equal(route->host_count, 0);
    assert_string_equal(route->path_prefix, "");
    assert_int_equal(route->fallback.on, FALLBACK_CONNECT_ERROR | FALLBACK_TIMEOUT | FALLBACK_5XX);
    assert_int_equal(route->fallback.method_count, 2);
    assert_int_equal(route->fallback.max_body, 65536);
    assert_int_equal(route->breaker.errors, 0);
    assert_int_equal(route->upstream[SYSTEM_LEGACY].connect_timeout_ms, 1000);
    assert_int_equal(route->upstream[SYSTEM_LEGACY].response_timeout_ms, 15000);
    assert_string_equal(route->upstream[SYSTEM_LEGACY].endpoint[0].host, "old.example");
    assert_string_equal(route->upstream[SYSTEM_NEW].endpoint[0].host, "::1");
    assert_int_equal(route->upstream[SYSTEM_NEW].endpoint[1].port, 80);
    assert_false(p->has_triggers);
    assert_int_equal(p->rollback_to, 0);
    assert_int_equal(dur_to_ms(p->rollback_deadline), 30000);
    assert_int_equal(p->stage[0].weight_bp, 1250);
    assert_false(p->stage[0].approval);
}

static void a_breaker_has_rates_a_ramp_and_a_mode(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = parse_with("    errors: 5\n",
                                "    errors: 0\n"
                                "    errorRate: 5%\n"
                                "    slow: 2s\n"
                                "    reRamp: 1m\n"
                                "    mode: watch\n");
    CLEANUP(plan_freep)
    struct plan *off = parse_with("    errors: 5\n", "    mode: off\n");
    CLEANUP(plan_freep)
    struct plan *budget = parse_with("    maxBody: 64KiB\n", "    budget: 20%\n");
    const struct route_breaker *b = &p->route.breaker;

    assert_int_equal(b->errors, 0);
    assert_int_equal(b->error_rate_bp, 500);
    assert_int_equal(b->slow_ms, 2000);
    assert_int_equal(b->slow_rate_bp, 5000);
    assert_int_equal(b->min_requests, 20);
    assert_int_equal(b->re_ramp_ms, 60000);
    assert_int_equal(b->mode, BREAKER_MODE_WATCH);
    assert_true(route_breaker_is_on(b));
    assert_false(route_breaker_is_on(&off->route.breaker));
    assert_int_equal(budget->route.fallback.budget_bp, 2000);
    assert_int_equal(off->route.fallback.budget_bp, 0);
}

static void sections_have_their_own_defaults(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = parse_with(
        "    errors: 5\n"
        "    window: 300s\n"
        "    openFor: 600s\n",
        "");
    CLEANUP(plan_freep)
    struct plan *q = parse_with(
        "        minRequests: 100\n"
        "        for: 30m\n",
        "");
    CLEANUP(plan_freep)
    struct plan *t = parse_with(
        "    minRequests: 50\n"
        "    window: 20s\n",
        "");

    assert_int_equal(p->route.breaker.errors, 5);
    assert_int_equal(p->route.breaker.window_ms, 300000);
    assert_int_equal(p->route.breaker.open_for_ms, 600000);
    assert_int_equal(p->route.breaker.half_open_requests, 10);
    assert_int_equal(q->stage[1].gate.min_requests, 20);
    assert_int_equal(dur_to_ms(q->stage[1].gate.window), 30000);
    assert_int_equal(t->triggers.min_requests, 20);
    assert_int_equal(dur_to_ms(t->triggers.window), 60000);
    assert_int_equal(dur_to_ms(t->triggers.every), 30000);
    assert_int_equal(dur_to_ms(q->stage[1].gate.every), 30000);
}

static void an_empty_list_switches_fallback_off(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse_with("on: [connect_error, timeout, 5xx]", "on: []");

    assert_int_equal(p->route.fallback.on, 0);
}

static void forms_of_the_same_value_mean_the_same(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *slash = parse_with("path: /api", "path: /api//");
    CLEANUP(plan_freep) struct plan *root = parse_with("path: /api", "path: /");
    CLEANUP(plan_freep) struct plan *ratio = parse_with("latencyRatio: 2.0", "latencyRatio: 1.25");
    CLEANUP(plan_freep) struct plan *number = parse_with("rollbackTo: shadow", "rollbackTo: 1");
    CLEANUP(plan_freep)
    struct plan *legacy = parse_with("rollbackTo: shadow", "rollbackTo: legacy");
    CLEANUP(plan_freep) struct plan *zero = parse_with("rollbackTo: shadow", "rollbackTo: 0");

    assert_string_equal(slash->route.path_prefix, "/api");
    assert_string_equal(root->route.path_prefix, "");
    assert_int_equal(ratio->triggers.latency_ratio_m, 1250);
    assert_int_equal(number->rollback_to, 1);
    assert_int_equal(legacy->rollback_to, 0);
    assert_int_equal(zero->rollback_to, 0);
}

static void json_text_is_a_plan_as_well(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p =
        parse(STR("{\"apiVersion\": \"switchyard/v1\", \"kind\": \"Migration\",\n"
                  " \"metadata\": {\"name\": \"j\"}, \"spec\": {\n"
                  "\t\"systems\": {\"legacy\": {\"endpoints\": [\"http://a:1\"]},\n"
                  "\t             \"new\": {\"endpoints\": [\"http://a:2\"]}},\n"
                  "\t\"routing\": {\"key\": \"cookie:sid\"}, \"stages\": [{\"name\": \"s\", "
                  "\"weight\": 1}]}}"));

    assert_int_equal(p->route.key.source, KEY_COOKIE);
    assert_int_equal(p->stage[0].weight_bp, 100);
}

static void the_document_survives_storing(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(full_plan)), *q = NULL;
    CLEANUP(buf_deinitp) struct buf stored = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
    CLEANUP(json_freep) struct json *document = NULL;
    struct err err;

    assert_true(json_print(p->document, false, &stored));
    assert_int_equal(json_parse(buf_view(&stored), &document, &err), 0);
    assert_int_equal(plan_load(document, &q, &err), 0);
    check_full_route(&q->route);
    check_full_stages(q);
    assert_true(json_print(q->document, false, &again));
    assert_string_equal(buf_text(&stored), buf_text(&again));
}

static void a_stored_plan_of_a_newer_version_loads_and_keeps_its_fields(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(full_plan)), *q = NULL;
    struct err err;

    json_set_string(p->document, "colour", "red");
    json_set_number(json_get(p->document, "spec"), "tenants", 1);
    assert_int_equal(plan_load(p->document, &q, &err), 0);
    assert_string_equal(json_get_string(q->document, "colour", ""), "red");
}

static void a_comparison_has_shares_and_rules(void **state UNUSED)
{
    static const char text[] =
        "apiVersion: switchyard/v1\nkind: Migration\nmetadata: {name: app}\nspec:\n"
        "  systems:\n    legacy: {endpoints: [\"http://a\"]}\n"
        "    new: {endpoints: [\"http://b\"]}\n"
        "  routing: {key: client-ip}\n"
        "  compare:\n"
        "    sample: 12.5%\n"
        "    noise: 0\n"
        "    offAbove: 50\n"
        "    maxBody: 1KiB\n"
        "    headers: [ETag]\n"
        "    ignore: [\"$.at\", \"header ETag\"]\n"
        "    critical: [$.total]\n"
        "    cosmetic: [\"$..note\"]\n"
        "    unordered: [\"$.items[*].tags\"]\n"
        "    tolerance: {$.price: 0.01, $.weight: \"2\"}\n"
        "  stages: [{name: all, weight: 60, gate: {criticalDiscrepancies: 0, for: 1h}}]\n";
    static const struct compare_rule rules[] = {
        {COMPARE_HEADER, "ETag", 0},         {COMPARE_IGNORE, "$.at", 0},
        {COMPARE_IGNORE, "header ETag", 0},  {COMPARE_CRITICAL, "$.total", 0},
        {COMPARE_COSMETIC, "$..note", 0},    {COMPARE_UNORDERED, "$.items[*].tags", 0},
        {COMPARE_TOLERANCE, "$.price", .01}, {COMPARE_TOLERANCE, "$.weight", 2},
    };
    CLEANUP(plan_freep) struct plan *p = parse(STR(text));
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1 << 16);
    const struct route_compare *c = &p->route.compare;

    assert_int_equal(c->sample_bp, 1250);
    assert_int_equal(c->noise_bp, 0);
    assert_int_equal(c->off_above_bp, 5000);
    assert_int_equal(c->max_body, 1024);
    assert_int_equal(c->rule_count, ARRAY_LEN(rules));
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        assert_int_equal(c->rule[i].kind, rules[i].kind);
        assert_string_equal(c->rule[i].path, rules[i].path);
        assert_true(c->rule[i].tolerance == rules[i].tolerance);
    }
    assert_true(plan_explain(p, &b));
    assert_holds(buf_text(&b),
                 "Of 12.5 % of the requests the answers of both systems are "
                 "compared by 8 rules; none above weight 50.");
}

static void note_lint(void *ctx, const char *path, const char *text)
{
    (void)buf_addf(ctx, "%s %s\n", path, text);
}

static void gates_that_ask_about_comparisons_need_some(void **state UNUSED)
{
    static const char text[] =
        "apiVersion: switchyard/v1\nkind: Migration\nmetadata: {name: app}\nspec:\n"
        "  systems:\n    legacy: {endpoints: [\"http://a\"]}\n"
        "    new: {endpoints: [\"http://b\"]}\n"
        "  routing: {key: client-ip}\n"
        "  compare: {}\n"
        "  stages:\n"
        "    - {name: most, weight: 90, gate: {criticalDiscrepancies: 0, for: 1h}}\n"
        "    - {name: all, weight: 100, gate: {criticalDiscrepancies: 0, for: 1h}}\n";
    CLEANUP(plan_freep) struct plan *p = parse(STR(text));
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1 << 16);

    plan_lint(p, note_lint, &b);
    assert_holds(buf_text(&b), "spec.stages[1].gate.criticalDiscrepancies asks about comparisons");
    assert_null(strstr(buf_text(&b), "spec.stages[0].gate.criticalDiscrepancies"));
}

static void stages_are_found_by_name_and_number(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(full_plan));

    assert_int_equal(plan_stage_by_name(p, "canary"), 2);
    assert_int_equal(plan_stage_by_name(p, "legacy"), 0);
    assert_string_equal(plan_stage_name(p, 0), "legacy");
    assert_string_equal(plan_stage_name(p, 3), "all");
    assert_int_equal(plan_stage_weight_bp(p, 0), 0);
    assert_int_equal(plan_stage_weight_bp(p, 2), 1000);
}

static void the_default_plan_is_a_plan(void **state UNUSED)
{
    static const uint32_t weights[] = {0, 1000, 2500, 5000, 10000};
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(plan_freep) struct plan *p = NULL;
    struct err err;

    assert_int_equal(
        plan_default("app", "http://127.0.0.1:8000", "http://127.0.0.1:8001/", &text, &err), 0);
    p = parse(buf_view(&text));
    assert_string_equal(p->name.s, "app");
    assert_string_equal(p->route.key.name, "X-User-Id");
    assert_int_equal(p->route.fallback_key.source, KEY_RANDOM);
    assert_int_equal(p->triggers.error_rate_ppm, 50000);
    assert_int_equal(p->stage_count, ARRAY_LEN(weights));
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        assert_int_equal(p->stage[i].weight_bp, weights[i]);
        assert_true(p->stage[i].approval);
    }
}

static void the_default_plan_checks_what_it_is_given(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1 << 16), small = BUF_INIT(16);
    struct err err;

    assert_int_equal(plan_default("App", "http://a", "http://b", &text, &err), -ERR_INVALID);
    assert_int_equal(plan_default("app", "a", "http://b", &text, &err), -ERR_INVALID);
    assert_int_equal(plan_default("app", "http://a", "b\"]", &text, &err), -ERR_INVALID);
    assert_int_equal(plan_default("app", "http://a", "http://a:80", &text, &err), -ERR_INVALID);
    assert_string_equal(err.msg, "legacy and new are both http://a:80; the two must differ");
    assert_int_equal(plan_default("app", "http://a", "http://b", &small, &err), -ERR_EXHAUSTED);
}

/* Changes of full_plan under way at stage 2 of 3; NULL: allowed. */
static const struct {
    const char *from;
    const char *to;
    const char *refusal;
} changes[] = {
    {"team: checkout", "team: payments", NULL},
    {"weight: 100", "weight: 50", NULL},
    {"name: all", "name: everyone", NULL},
    {"bake: 10m", "bake: 20m", NULL},
    {"\"http://127.0.0.1:8001\"", "\"http://10.0.0.2:8001\"", NULL},
    {"    - name: all\n      weight: 100\n", "", NULL},
    {"\"http://127.0.0.1:8000\"", "\"http://127.0.0.1:9000\"", NULL},
    {"header:X-User-Id", "cookie:sid",
     "routing.key changes from \"header:X-User-Id\" to \"cookie:sid\", which would move people "
     "between the systems"},
    {"    fallbackKey: client-ip\n", "",
     "routing.fallbackKey changes from \"client-ip\" to \"none\", which would move people between "
     "the systems"},
    {"    salt: pepper\n", "",
     "routing.salt changes from \"pepper\" to \"orders\", which would move people between the "
     "systems"},
    {"name: canary", "name: canary-10",
     "stage 2 changes from \"canary\" to \"canary-10\", and the rollout is at 2"},
    {"weight: 10\n", "weight: 20\n",
     "stage 2 \"canary\" changes its weight from 10 to 20, and the rollout is at 2"},
};

static void only_what_lies_ahead_may_change(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *old = parse(str_of(full_plan));

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(plan_freep) struct plan *new = parse_with(changes[i].from, changes[i].to);
        struct err err = {.msg = ""};
        int r = plan_check_change(old, new, 2, 0, &err);

        assert_int_equal(r, changes[i].refusal ? -ERR_REFUSED : 0);
        assert_string_equal(err.msg, changes[i].refusal ? changes[i].refusal : "");
        if (r < 0)
            assert_string_equal(err.hint,
                                "change only what lies ahead, or `switchyard abort "
                                "orders` first and apply it anew");
    }
}

static void stages_that_are_reached_stay(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *old = parse(str_of(full_plan));
    CLEANUP(plan_freep) struct plan *new = parse_with("    - name: all\n      weight: 100\n", "");
    struct err err;

    assert_int_equal(plan_check_change(old, new, 3, 0, &err), -ERR_REFUSED);
    assert_string_equal(err.msg, "stage 3 \"all\" is gone, and the rollout is at 3");
}

static void systems_say_how_their_endpoints_are_asked(void **state UNUSED)
{
    CLEANUP(plan_freep)
    struct plan *p = parse_with("connectTimeout: 1s",
                                "health: /healthz?deep=1\n      healthInterval: 250ms\n"
                                "      maxConnections: 64");
    const struct route_upstream *legacy = &p->route.upstream[SYSTEM_LEGACY],
                                *new = &p->route.upstream[SYSTEM_NEW];

    assert_string_equal(legacy->health_path, "/healthz?deep=1");
    assert_int_equal(legacy->health_interval_ms, 250);
    assert_int_equal(legacy->max_connections, 64);
    assert_string_equal(new->health_path, "");
    assert_int_equal(new->max_connections, 0);
}

static void systems_do_not_change_sides(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *old = parse(str_of(full_plan));
    CLEANUP(plan_freep)
    struct plan *new = parse_with(
        "[\"http://127.0.0.1:8000\"]\n"
        "      connectTimeout: 1s\n"
        "    new:\n"
        "      endpoints: [\"http://127.0.0.1:8001\"]",
        "[\"http://127.0.0.1:8001\"]\n"
        "    new:\n"
        "      endpoints: [\"http://127.0.0.1:8000\"]");
    struct err err;

    assert_int_equal(plan_check_change(old, new, 0, 0, &err), -ERR_REFUSED);
    assert_string_equal(err.msg,
                        "http://127.0.0.1:8000 was legacy and would become new in the "
                        "middle of the rollout");
}

static void plans_overlap_on_the_same_host_and_path(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *p = parse(str_of(full_plan));
    CLEANUP(plan_freep)
    struct plan *same = parse_with("[shop.example.com]", "[other.example.com, SHOP.example.com]");
    CLEANUP(plan_freep) struct plan *path = parse_with("path: /api", "path: /api/v2");
    CLEANUP(plan_freep) struct plan *wild = parse_with("[shop.example.com]", "[\"*.example.com\"]");
    CLEANUP(plan_freep) struct plan *any = parse_with("    hosts: [shop.example.com]\n", "");

    assert_true(plan_overlaps(p, p));
    assert_true(plan_overlaps(p, same));
    assert_true(plan_overlaps(any, any));
    assert_false(plan_overlaps(p, path));
    assert_false(plan_overlaps(p, wild));
    assert_false(plan_overlaps(p, any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(defaults_fill_a_small_plan),
        cmocka_unit_test(a_breaker_has_rates_a_ramp_and_a_mode),
        cmocka_unit_test(sections_have_their_own_defaults),
        cmocka_unit_test(an_empty_list_switches_fallback_off),
        cmocka_unit_test(forms_of_the_same_value_mean_the_same),
        cmocka_unit_test(json_text_is_a_plan_as_well),
        cmocka_unit_test(the_document_survives_storing),
        cmocka_unit_test(a_stored_plan_of_a_newer_version_loads_and_keeps_its_fields),
        cmocka_unit_test(a_comparison_has_shares_and_rules),
        cmocka_unit_test(gates_that_ask_about_comparisons_need_some),
        cmocka_unit_test(stages_are_found_by_name_and_number),
        cmocka_unit_test(the_default_plan_is_a_plan),
        cmocka_unit_test(the_default_plan_checks_what_it_is_given),
        cmocka_unit_test(only_what_lies_ahead_may_change),
        cmocka_unit_test(stages_that_are_reached_stay),
        cmocka_unit_test(systems_do_not_change_sides),
        cmocka_unit_test(systems_say_how_their_endpoints_are_asked),
        cmocka_unit_test(plans_overlap_on_the_same_host_and_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
