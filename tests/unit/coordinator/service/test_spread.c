/* SPDX-License-Identifier: Apache-2.0 */
/* Where the nodes of a migration are: by cluster, and by the wave that reaches them first. */
#include "tests/lib/unit.h"

#include "coordinator/service/spread.h"

static const char document[] =
    "apiVersion: switchyard/v1\n"
    "kind: Migration\n"
    "metadata: {name: orders}\n"
    "spec:\n"
    "  systems:\n"
    "    legacy: {endpoints: [\"http://127.0.0.1:8000\"]}\n"
    "    new: {endpoints: [\"http://127.0.0.1:8001\"]}\n"
    "  routing: {key: \"header:X-User-Id\"}\n"
    "  stages:\n"
    "    - {name: canary, weight: 20, waves: [{select: \"cluster=us-1\"}, {select: \"zone=a\"}, "
    "{select: \"*\"}]}\n";

struct fixture {
    struct registry *registry;
    struct plan *plan;
    struct rollout rollout;
    struct emergency order;
    struct view_status status;
    struct route route;
    struct arena arena;
    struct spread spread;
};

static void joins(struct fixture *f, const char *name, const char *labels, uint64_t rev)
{
    const struct name here = {"c-1"};
    struct fleet_node n = {.connected = true, .serving_rev = rev, .same_incarnation = true};
    struct err err;

    assert_true(str_copy(str_of(name), n.name.s, sizeof n.name.s));
    assert_ok(labels_parse(str_of(labels), &n.labels, &err), &err);
    assert_int_equal(registry_update(f->registry, &here, &n, (mono_t){1}), REGISTRY_TAKEN);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err;

    f->registry = registry_new();
    assert_ok(plan_parse(STR(document), "plan.yaml", &f->plan, &err), &err);
    f->rollout.stage = 1;
    f->rollout.wave = 1;
    f->rollout.decision_rev = 7;
    f->status = (struct view_status){.plan = f->plan, .rollout = &f->rollout};
    f->route = f->plan->route;
    f->route.ahead.selector_count = 1;
    f->route.ahead.weight_bp = 2000;
    assert_ok(selector_parse(STR("cluster=us-1"), &f->route.ahead.selector[0], &err), &err);
    (void)str_fmt(f->route.ahead.stage, sizeof f->route.ahead.stage, "canary");
    (void)str_fmt(f->route.stage, sizeof f->route.stage, "legacy");
    arena_init(&f->arena, 1u << 20);
    joins(f, "n1", "cluster=eu-1,zone=a", 7);
    joins(f, "n2", "cluster=us-1,zone=a", 7);
    joins(f, "n3", "cluster=us-1", 6);
    joins(f, "n4", "zone=b", 7);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_deinit(&f->arena);
    registry_free(f->registry);
    plan_free(f->plan);
    test_free(f);
    return 0;
}

static void count(struct fixture *f)
{
    spread_count(f->registry, &f->status, &f->route, &f->arena, &f->spread);
}

static void clusters_have_their_own_weight_and_stage(void **state)
{
    struct fixture *f = *state;
    const struct spread_cluster *c;

    count(f);
    assert_int_equal(f->spread.clusters, 3);
    c = f->spread.cluster;
    assert_string_equal(c[0].cluster, "");
    assert_string_equal(c[1].cluster, "eu-1");
    assert_int_equal(c[1].weight_sum_bp, 0);
    assert_string_equal(c[1].stage, "legacy");
    assert_string_equal(c[2].cluster, "us-1");
    assert_int_equal(c[2].nodes, 2);
    assert_int_equal(c[2].serving, 1);
    assert_int_equal(c[2].weight_sum_bp, 4000);
    assert_string_equal(c[2].stage, "canary");
}

static void a_node_belongs_to_the_first_wave_that_reaches_it(void **state)
{
    struct fixture *f = *state;

    count(f);
    assert_int_equal(f->spread.wave[0].nodes, 2);
    assert_int_equal(f->spread.wave[0].serving, 1);
    assert_int_equal(f->spread.wave[1].nodes, 1);
    assert_int_equal(f->spread.wave[2].nodes, 1);
}

static void an_emergency_order_beats_every_weight(void **state)
{
    struct fixture *f = *state;

    f->order.active = true;
    f->status.emergency = &f->order;
    count(f);
    assert_int_equal(f->spread.cluster[2].weight_sum_bp, 0);
}

static void a_drill_takes_its_nodes_to_legacy(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(selector_parse(STR("name=n3"), &f->route.drill, &err), &err);
    count(f);
    assert_int_equal(f->spread.cluster[2].weight_sum_bp, 2000);
    f->route.override = SYSTEM_NEW;
    count(f);
    assert_int_equal(f->spread.cluster[2].weight_sum_bp, 20000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(clusters_have_their_own_weight_and_stage),
        T(a_node_belongs_to_the_first_wave_that_reaches_it),
        T(an_emergency_order_beats_every_weight),
        T(a_drill_takes_its_nodes_to_legacy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
