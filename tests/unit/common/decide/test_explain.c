/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decide/explain.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

/* 10 % for all, 25 % for cluster a. */
struct fixture {
    struct route route;
    struct emergency emergency;
    struct name node;
    struct labels labels;
    struct explain_question q;
    struct explanation got;
};

static struct selector selector_of(const char *text)
{
    struct selector s;

    assert_int_equal(selector_parse(str_of(text), &s, NULL), 0);
    return s;
}

static void make(struct fixture *f, const char *labels)
{
    *f = (struct fixture){
        .route = {.migration = {"app"}, .salt = "app", .weight_bp = 1000, .stage = "canary"},
        .node = {"n1"},
    };
    f->route.ahead.selector[0] = selector_of("cluster=a");
    f->route.ahead.selector_count = 1;
    f->route.ahead.weight_bp = 2500;
    (void)str_fmt(f->route.ahead.stage, sizeof f->route.ahead.stage, "quarter");
    assert_int_equal(labels_parse(str_of(labels), &f->labels, NULL), 0);
    f->q = (struct explain_question){.route = &f->route,
                                     .emergency = &f->emergency,
                                     .node = &f->node,
                                     .labels = &f->labels,
                                     .key = STR("user-5"),
                                     .breaker = BREAKER_CLOSED};
}

/* The steps as "layer*: text" lines; '*' at the one that decides. */
static void assert_story(struct fixture *f, const char *want)
{
    char text[4096] = "";
    size_t n = 0;

    explain(&f->q, &f->got);
    for (unsigned i = 0; i < EXPLAIN_LAYER_COUNT; i++) {
        const struct explain_step *s = &f->got.step[i];

        assert_true(str_fmt(text + n, sizeof text - n, "%s%s: %s\n", explain_layer_name(s->layer),
                            s->decides ? "*" : "", s->text));
        n += strlen(text + n);
    }
    assert_string_equal(text, want);
}

static void a_quiet_route_is_decided_by_its_weight(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=b");
    f.route.ahead.selector_count = 0;
    assert_story(&f,
                 "emergency: no emergency order stands\n"
                 "enforce: legacy is allowed\n"
                 "override: no override is set\n"
                 "breaker: the breaker of new is closed\n"
                 "drill: no drill is on\n"
                 "wave: no wave is under way: all nodes are on stage \"canary\"\n"
                 "weight*: bucket 1649 of 10000 is not below 1000, the weight of 10 %: "
                 "legacy\n"
                 "mirror: nothing is copied to new\n");
    assert_int_equal(f.got.decision.system, SYSTEM_LEGACY);
}

static void a_wave_is_told_by_its_selector(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=a");
    explain(&f.q, &f.got);
    assert_int_equal(f.got.decision.system, SYSTEM_NEW);
    assert_string_equal(f.got.route.stage, "quarter");
    assert_string_equal(f.got.step[EXPLAIN_WAVE].text,
                        "a wave has reached this node (cluster=a): stage \"quarter\"");
    assert_string_equal(f.got.step[EXPLAIN_WEIGHT].text,
                        "bucket 1649 of 10000 is below 2500, the weight of 25 %: new");

    make(&f, "cluster=b");
    explain(&f.q, &f.got);
    assert_string_equal(f.got.step[EXPLAIN_WAVE].text,
                        "no wave has reached this node yet: stage \"canary\"");
}

static void each_layer_tells_what_it_says(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=a");
    f.emergency =
        (struct emergency){.epoch = 9, .active = true, .reason = "INC-1", .operator_name = "ann"};
    f.route.forbid_legacy = true;
    f.route.override = SYSTEM_LEGACY;
    f.route.drill = selector_of("zone=b");
    f.q.breaker = BREAKER_OPEN;
    assert_story(&f,
                 "emergency*: an emergency order holds everything on legacy: \"INC-1\" (ann, "
                 "epoch 9)\n"
                 "enforce: the breaker of new is open, and legacy is forbidden: requests are "
                 "refused with 503\n"
                 "override: an override to legacy has no effect where legacy is forbidden\n"
                 "breaker: the breaker of new is open\n"
                 "drill: the drill is for others (zone=b)\n"
                 "wave: a wave has reached this node (cluster=a): stage \"quarter\"\n"
                 "weight: bucket 1649 of 10000 is below 2500, the weight of 25 %: new\n"
                 "mirror: nothing is copied to new\n");
}

static void an_override_to_new_stands_below_the_breaker(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=b,zone=b");
    f.route.override = SYSTEM_NEW;
    f.route.drill = selector_of("zone=b");
    f.q.breaker = BREAKER_HALF_OPEN;
    assert_story(&f,
                 "emergency: no emergency order stands\n"
                 "enforce: legacy is allowed\n"
                 "breaker*: the breaker of new is half open: a few requests try new, the "
                 "others do not\n"
                 "override: an operator's override sends everything to new\n"
                 "drill: this node rehearses a rollback (zone=b): weight 0\n"
                 "wave: no wave has reached this node yet: stage \"canary\"\n"
                 "weight: bucket 1649 of 10000 is not below 0, the weight of 0 %: legacy\n"
                 "mirror: nothing is copied to new\n");
}

static const char *of_mirror(struct fixture *f)
{
    explain(&f->q, &f->got);
    return f->got.step[EXPLAIN_MIRROR].text;
}

static void what_is_copied_is_told_last(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=b");
    f.route.mirror = (struct route_mirror){.share_bp = 2550, .off_above_bp = 5000};
    assert_string_equal(of_mirror(&f),
                        "25.5 % of what legacy answers, and may be copied, is copied to new");
    f.route.mirror.by_hand = true;
    assert_string_equal(
        of_mirror(&f),
        "25.5 % of what legacy answers, and may be copied, is copied to new, by hand");
    f.q.breaker = BREAKER_HALF_OPEN;
    assert_string_equal(of_mirror(&f), "nothing is copied while new is to be left alone");
    f.q.breaker = BREAKER_DISABLED;
    f.route.mirror.off_above_bp = 500;
    assert_string_equal(of_mirror(&f), "nothing is copied above a weight of 5 %");
    f.route.weight_bp = WEIGHT_BP_MAX;
    assert_string_equal(of_mirror(&f), "nothing is copied: legacy does not answer");
    f.route.mirror.share_bp = 0;
    assert_string_equal(of_mirror(&f), "nothing is copied to new, by hand");
}

static void a_drill_decides_where_the_weight_would(void **state UNUSED)
{
    struct fixture f;

    make(&f, "cluster=a");
    f.route.drill = selector_of("name=n1");
    explain(&f.q, &f.got);
    assert_true(f.got.step[EXPLAIN_DRILL].decides);
    assert_int_equal(f.got.decision.system, SYSTEM_LEGACY);
}

static void a_breaker_that_is_not_known_is_told_as_a_guess(void **state UNUSED)
{
    struct fixture f;

    make(&f, "");
    f.q.breaker_unknown = true;
    explain(&f.q, &f.got);
    assert_string_equal(f.got.step[EXPLAIN_BREAKER].text,
                        "each node has its own breaker: taken as closed here");
}

static void scramble(struct fixture *f, struct rng *rng)
{
    static const char *const labels[] = {"", "cluster=a", "cluster=b,zone=b", "zone=b"};
    static const char *const drills[] = {NULL, "*", "zone=b", "name=n1", "name=n2"};
    const char *drill = drills[rng_below(rng, ARRAY_LEN(drills))];
    static char key[8];

    make(f, labels[rng_below(rng, ARRAY_LEN(labels))]);
    f->emergency.active = rng_below(rng, 4) == 0;
    f->route.forbid_legacy = rng_below(rng, 4) == 0;
    f->route.override = (enum system)rng_below(rng, SYSTEM_COUNT);
    f->route.weight_bp = (uint32_t)rng_below(rng, WEIGHT_BP_MAX + 1);
    f->route.ahead.weight_bp = (uint32_t)rng_below(rng, WEIGHT_BP_MAX + 1);
    f->route.ahead.selector_count = (unsigned)rng_below(rng, 2);
    if (drill)
        f->route.drill = selector_of(drill);
    (void)str_fmt(key, sizeof key, "%u", (unsigned)rng_below(rng, 1000));
    f->q.key = str_of(key);
    f->q.breaker = (enum breaker_state)rng_below(rng, BREAKER_STATE_COUNT);
}

/* What the proxy would do on that node. */
static struct decision decide_as_served(const struct fixture *f)
{
    struct ruleset_entry e = {.emergency = f->emergency};

    route_for_node(&f->route, &f->node, &f->labels, &e.route);
    return decide(&e, bucket_of(str_of(e.route.salt), f->q.key), f->q.breaker);
}

/* Nothing above the step that decides has anything to say, and it says what is done. */
static void check_story(const struct explanation *x)
{
    unsigned at = 0;

    while (!x->step[at].decides) {
        assert_int_equal(x->step[at].says, SYSTEM_NONE);
        at++;
    }
    assert_int_equal(x->step[at].says, x->decision.system);
    for (unsigned i = at + 1; i < EXPLAIN_LAYER_COUNT; i++)
        assert_false(x->step[i].decides);
}

static void the_answer_is_that_of_the_proxy(void **state UNUSED)
{
    struct fixture f;
    struct rng rng;

    rng_seed(&rng, 4);
    for (unsigned i = 0; i < 20000; i++) {
        struct decision want;

        scramble(&f, &rng);
        want = decide_as_served(&f);
        explain(&f.q, &f.got);
        assert_memory_equal(&f.got.decision, &want, sizeof want);
        check_story(&f.got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_route_is_decided_by_its_weight),
        cmocka_unit_test(a_wave_is_told_by_its_selector),
        cmocka_unit_test(each_layer_tells_what_it_says),
        cmocka_unit_test(an_override_to_new_stands_below_the_breaker),
        cmocka_unit_test(what_is_copied_is_told_last),
        cmocka_unit_test(a_drill_decides_where_the_weight_would),
        cmocka_unit_test(a_breaker_that_is_not_known_is_told_as_a_guess),
        cmocka_unit_test(the_answer_is_that_of_the_proxy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
