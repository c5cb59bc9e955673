/* SPDX-License-Identifier: Apache-2.0 */
/* One route goes to all nodes; each finds out what it is by its own name and labels. */
#include "common/model/ruleset.h"
#include "tests/lib/unit.h"

static struct selector selector_of(const char *text)
{
    struct selector s;

    assert_int_equal(selector_parse(str_of(text), &s, NULL), 0);
    return s;
}

/* 10 % for all, 25 % for cluster a and zone b of cluster c. */
static void make(struct route *r)
{
    *r = (struct route){.weight_bp = 1000, .stage = "canary", .salt = "s"};
    r->mirror.share_bp = 300;
    r->ahead.mirror_bp = 700;
    assert_int_equal(flags_set_text(&r->flags, "color", "\"grey\"", NULL), 0);
    r->ahead.selector[0] = selector_of("cluster=a");
    r->ahead.selector[1] = selector_of("cluster=c,zone=b");
    r->ahead.selector_count = 2;
    r->ahead.weight_bp = 2500;
    str_fmt(r->ahead.stage, sizeof r->ahead.stage, "quarter");
    assert_int_equal(flags_set_text(&r->ahead.flags, "color", "\"blue\"", NULL), 0);
}

static void resolve(struct route *r, const char *node, const char *labels)
{
    struct name name;
    struct labels l;

    assert_int_equal(name_parse_node(str_of(node), &name, NULL), 0);
    assert_int_equal(labels_parse(str_of(labels), &l, NULL), 0);
    route_for_node(r, &name, &l, r);
}

static void assert_serves(const char *labels, uint32_t weight_bp, const char *stage,
                          const char *color)
{
    struct route r;

    make(&r);
    resolve(&r, "n1", labels);
    assert_int_equal(r.weight_bp, weight_bp);
    assert_string_equal(r.stage, stage);
    assert_int_equal(r.mirror.share_bp, weight_bp == 1000 ? 300 : 700);
    assert_string_equal(flags_find(&r.flags, "color")->value, color);
    assert_string_equal(r.salt, "s");
}

static void nodes_of_a_wave_are_ahead_of_the_others(void **state UNUSED)
{
    assert_serves("cluster=a", 2500, "quarter", "\"blue\"");
    assert_serves("cluster=c,zone=b", 2500, "quarter", "\"blue\"");
    assert_serves("cluster=c,zone=a", 1000, "canary", "\"grey\"");
    assert_serves("", 1000, "canary", "\"grey\"");
}

static void nothing_is_left_of_what_it_was_chosen_from(void **state UNUSED)
{
    struct route ahead, behind;

    make(&ahead);
    ahead.drill = selector_of("name=n1");
    behind = ahead;
    resolve(&ahead, "n1", "cluster=a");
    resolve(&behind, "n2", "cluster=b");
    assert_memory_equal(&ahead.ahead, &(struct route_ahead){.selector_count = 0},
                        sizeof ahead.ahead);
    assert_string_equal(ahead.drill.text, "");
    assert_memory_equal(&behind.ahead, &(struct route_ahead){.selector_count = 0},
                        sizeof behind.ahead);
    assert_string_equal(behind.drill.text, "");
}

static void a_drill_sends_its_nodes_to_legacy_and_leaves_their_stage(void **state UNUSED)
{
    struct route r;

    make(&r);
    r.drill = selector_of("cluster=a");
    resolve(&r, "n1", "cluster=a");
    assert_int_equal(r.weight_bp, 0);
    assert_string_equal(r.stage, "quarter");

    make(&r);
    r.drill = selector_of("cluster=a");
    resolve(&r, "n1", "cluster=b");
    assert_int_equal(r.weight_bp, 1000);
}

static void without_waves_and_drill_all_nodes_serve_the_same(void **state UNUSED)
{
    struct route r = {.weight_bp = 5000, .stage = "half"}, before = r;

    resolve(&r, "n1", "cluster=a");
    assert_memory_equal(&r, &before, sizeof r);
}

static void the_route_may_be_left_alone(void **state UNUSED)
{
    struct name node = {"n1"};
    struct labels none = {.count = 0};
    struct route r, before, of_node;

    make(&r);
    r.ahead.selector[0] = selector_of("*");
    before = r;
    route_for_node(&r, &node, &none, &of_node);
    assert_memory_equal(&r, &before, sizeof r);
    assert_int_equal(of_node.weight_bp, 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_of_a_wave_are_ahead_of_the_others),
        cmocka_unit_test(nothing_is_left_of_what_it_was_chosen_from),
        cmocka_unit_test(a_drill_sends_its_nodes_to_legacy_and_leaves_their_stage),
        cmocka_unit_test(without_waves_and_drill_all_nodes_serve_the_same),
        cmocka_unit_test(the_route_may_be_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
