/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as bytes: every field is in them, and the largest fits what nodes take. */
#include "coordinator/fleet/fleet_wire.h"

#include "sidecar/agent/agent_state.h"
#include "tests/lib/unit.h"

static Switchyard__V1__Route *encoded(struct route *r, struct buf *b)
{
    Switchyard__V1__Route *m;

    fleet_wire_route(r, b);
    m = switchyard__v1__route__unpack(NULL, b->len, (const uint8_t *)b->data);
    assert_non_null(m);
    return m;
}

static void what_nodes_are_ahead_with_is_encoded(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}, .weight_bp = 1000, .forbid_legacy = true};
    Switchyard__V1__Route *m;

    assert_int_equal(flags_set_text(&r.flags, "color", "\"grey\"", NULL), 0);
    assert_int_equal(flags_set_text(&r.ahead.flags, "color", "\"blue\"", NULL), 0);
    assert_int_equal(selector_parse(STR("zone=a"), &r.ahead.selector[0], NULL), 0);
    assert_int_equal(selector_parse(STR("name=n1"), &r.drill, NULL), 0);
    r.ahead.selector_count = 1;
    r.ahead.weight_bp = 2500;
    (void)str_fmt(r.ahead.stage, sizeof r.ahead.stage, "quarter");
    m = encoded(&r, &b);
    assert_int_equal(m->n_flags, 1);
    assert_string_equal(m->flags[0]->name, "color");
    assert_string_equal(m->flags[0]->value, "\"grey\"");
    assert_int_equal(m->ahead->n_selectors, 1);
    assert_string_equal(m->ahead->selectors[0], "zone=a");
    assert_int_equal(m->ahead->weight_bp, 2500);
    assert_string_equal(m->ahead->stage, "quarter");
    assert_int_equal(m->ahead->n_flags, 1);
    assert_string_equal(m->ahead->flags[0]->value, "\"blue\"");
    assert_string_equal(m->drill, "name=n1");
    assert_true(m->forbid_legacy);
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void nobody_ahead_takes_no_bytes(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    struct route r = {.migration = {"app"}, .ahead = {.weight_bp = 1, .stage = "x"}};
    Switchyard__V1__Route *m = encoded(&r, &b);

    assert_null(m->ahead);
    assert_int_equal(m->n_flags, 0);
    assert_string_equal(m->drill, "");
    switchyard__v1__route__free_unpacked(m, NULL);
}

static void fill(char *text, size_t size)
{
    memset(text, 'x', size - 1);
}

static void fill_flags(struct flags *f)
{
    for (f->count = 0; f->count < FLAGS_MAX; f->count++) {
        fill(f->flag[f->count].name, NAME_SIZE);
        fill(f->flag[f->count].value, FLAG_VALUE);
    }
}

static void fill_upstream(struct route_upstream *u)
{
    for (u->endpoint_count = 0; u->endpoint_count < ROUTE_ENDPOINTS_MAX; u->endpoint_count++) {
        fill(u->endpoint[u->endpoint_count].host, ENDPOINT_SIZE);
        u->endpoint[u->endpoint_count].port = UINT16_MAX;
    }
    u->connect_timeout_ms = u->response_timeout_ms = UINT32_MAX;
}

static void fill_ahead(struct route_ahead *a)
{
    for (a->selector_count = 0; a->selector_count < ROUTE_SELECTORS_MAX; a->selector_count++)
        fill(a->selector[a->selector_count].text, SELECTOR_SIZE);
    a->weight_bp = UINT32_MAX;
    fill(a->stage, sizeof a->stage);
    fill_flags(&a->flags);
}

static void a_route_at_all_its_limits_is_taken_by_nodes(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(FLEET_ROUTE_BYTES_MAX);
    static struct route r;

    fill(r.migration.s, NAME_SIZE);
    for (r.host_count = 0; r.host_count < ROUTE_HOSTS_MAX; r.host_count++)
        fill(r.host[r.host_count], sizeof r.host[0]);
    fill(r.path_prefix, PATH_SIZE);
    r.key.source = r.fallback_key.source = KEY_HEADER;
    fill(r.key.name, NAME_SIZE);
    fill(r.fallback_key.name, NAME_SIZE);
    fill(r.salt, NAME_SIZE);
    r.weight_bp = WEIGHT_BP_MAX;
    for (unsigned i = 0; i < ROUTE_METHODS_MAX; i++)
        fill(r.fallback.method[i], sizeof r.fallback.method[0]);
    r.fallback.method_count = ROUTE_METHODS_MAX;
    r.fallback.max_body = UINT32_MAX;
    fill_upstream(&r.upstream[SYSTEM_LEGACY]);
    fill_upstream(&r.upstream[SYSTEM_NEW]);
    r.breaker = (struct route_breaker){.errors = UINT32_MAX,
                                       .window_ms = UINT32_MAX,
                                       .open_for_ms = UINT32_MAX,
                                       .half_open_requests = UINT32_MAX,
                                       .error_rate_bp = WEIGHT_BP_MAX,
                                       .slow_ms = UINT32_MAX,
                                       .slow_rate_bp = WEIGHT_BP_MAX,
                                       .min_requests = UINT32_MAX,
                                       .re_ramp_ms = UINT32_MAX,
                                       .mode = BREAKER_MODE_OFF,
                                       .order = BREAKER_ORDER_RESET,
                                       .order_number = UINT64_MAX};
    fill(r.stage, NAME_SIZE);
    fill_flags(&r.flags);
    fill_ahead(&r.ahead);
    fill(r.drill.text, SELECTOR_SIZE);
    fleet_wire_route(&r, &b);
    assert_in_range(b.len, AGENT_RULE_MAX / 2, AGENT_RULE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nodes_are_ahead_with_is_encoded),
        cmocka_unit_test(nobody_ahead_takes_no_bytes),
        cmocka_unit_test(a_route_at_all_its_limits_is_taken_by_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
