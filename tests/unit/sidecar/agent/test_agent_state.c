/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"
#include "sidecar/agent/agent_state.h"
#include "tests/unit/sidecar/agent/agent_fixture.h"

/* "NAME:WEIGHT", as agent_fixture.h writes it. */
static int decode_rule(struct str rule, struct route *ret, struct err *err)
{
    struct str name, weight;
    char text[NAME_SIZE];
    uint64_t bp;

    if (!str_cut(rule, ':', &name, &weight) || !str_to_u64(weight, WEIGHT_BP_MAX, &bp) ||
        !str_copy(name, text, sizeof text))
        return err_set(err, ERR_INVALID, "no rule");
    *ret = fixture_route(text, (uint32_t)bp);
    return 0;
}

static struct ruleset *two_routes(void)
{
    struct ruleset *set = ruleset_new("00c0ffee", 3, 812);
    struct route app = fixture_route("app", 2500), shop = fixture_route("shop", 0);

    assert_int_equal(ruleset_add(set, &shop, STR("shop:0"), NULL), 0);
    assert_int_equal(ruleset_add(set, &app, STR("app:2500"), NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    return set;
}

static void two_orders(struct epochs *e)
{
    struct emergency app = {{"app"}, 7, true, "INC \"7\"\n\xc3\xa4", "anna", {123456789012345678},
                            ""};
    struct emergency gone = {{"gone"}, 2, false, "", "bert", {5}, ""};

    e->count = 0;
    assert_int_equal(epochs_take(e, &app), EPOCH_NEWER);
    assert_int_equal(epochs_take(e, &gone), EPOCH_NEWER);
}

struct kept {
    struct buf text;
    struct epochs epochs;
    struct ruleset *set;
};

static int keep(void **state)
{
    struct kept *k = xnew(struct kept);

    k->set = two_routes();
    two_orders(&k->epochs);
    k->text = BUF_INIT(AGENT_STATE_MAX);
    assert_true(agent_state_encode(k->set, &k->epochs, &k->text));
    *state = k;
    return 0;
}

static int forget(void **state)
{
    struct kept *k = *state;

    ruleset_unref(k->set);
    buf_deinit(&k->text);
    xfreep(&k);
    return 0;
}

static void what_is_kept_comes_back(void **state)
{
    struct kept *k = *state;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set;
    struct err err = {0};

    assert_ok(agent_state_decode(buf_view(&k->text), decode_rule, &set, epochs, &err), &err);
    assert_string_equal(set->incarnation, "00c0ffee");
    assert_int_equal(set->term, 3);
    assert_int_equal(set->revision, 812);
    assert_true(sha256_eq(&set->checksum, &k->set->checksum));
    assert_int_equal(set->count, 2);
    assert_int_equal(ruleset_find(set, "app")->route.weight_bp, 2500);
    assert_true(epochs_obeyed(epochs, set));
    assert_true(ruleset_find(set, "app")->emergency.active);
    assert_int_equal(epochs->count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct emergency *want = &k->epochs.item[i], *have = &epochs->item[i];

        assert_string_equal(have->migration.s, want->migration.s);
        assert_int_equal(have->epoch, want->epoch);
        assert_int_equal(have->active, want->active);
        assert_string_equal(have->reason, want->reason);
        assert_string_equal(have->operator_name, want->operator_name);
        assert_int_equal(have->ordered_at.ns, want->ordered_at.ns);
    }
    ruleset_unref(set);
}

static void a_set_without_routes_comes_back(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set = ruleset_new("a", 1, 1), *back;
    struct err err = {0};

    assert_int_equal(ruleset_finish(set, NULL), 0);
    assert_true(agent_state_encode(set, epochs, &text));
    assert_ok(agent_state_decode(buf_view(&text), decode_rule, &back, epochs, &err), &err);
    assert_int_equal(back->count, 0);
    ruleset_unref(set);
    ruleset_unref(back);
}

/* The bound that state_file.c relies on. */
static void the_largest_set_fits(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    CLEANUP(xfreep) char *rule = xalloc(AGENT_RULE_MAX);
    struct ruleset *set = ruleset_new("0123456789abcdef0123456789abcdef0123456", UINT64_MAX, 1);
    struct emergency order = {.epoch = UINT64_MAX, .ordered_at = {INT64_MIN}};

    memset(rule, 0xff, AGENT_RULE_MAX);
    memset(order.reason, 1, sizeof order.reason - 1);
    memset(order.operator_name, 1, sizeof order.operator_name - 1);
    for (unsigned i = 0; i < RULESET_ROUTES_MAX; i++) {
        struct route route = fixture_route("x", 1);

        (void)str_fmt(route.migration.s, sizeof route.migration.s, "%063u", i);
        memset(route.stage, 1, sizeof route.stage - 1);
        order.migration = route.migration;
        assert_int_equal(epochs_take(epochs, &order), EPOCH_NEWER);
        assert_int_equal(ruleset_add(set, &route, (struct str){rule, AGENT_RULE_MAX}, NULL), 0);
    }
    assert_int_equal(ruleset_finish(set, NULL), 0);
    assert_true(agent_state_encode(set, epochs, &text));
    ruleset_unref(set);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void a_cut_text_is_refused(void **state)
{
    struct kept *k = *state;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set;
    struct err err;

    for (size_t n = 0; n < k->text.len; n++)
        assert_fails(
            agent_state_decode((struct str){k->text.data, n}, decode_rule, &set, epochs, &err),
            ERR_CORRUPT);
}

/* Flipped bits may leave words for people changed (atomic_file's checksum finds those); they never
 * leave a set that is not whole. */
static void a_flipped_bit_is_refused_or_leaves_a_whole_set(void **state)
{
    struct kept *k = *state;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);

    for (size_t i = 0; i < k->text.len * 8; i++) {
        struct ruleset *set = NULL;
        struct err err = {0};

        k->text.data[i / 8] ^= (char)(1 << i % 8);
        if (agent_state_decode(buf_view(&k->text), decode_rule, &set, epochs, &err) == 0) {
            assert_true(sha256_eq(&set->checksum, &k->set->checksum));
            assert_true(epochs_obeyed(epochs, set));
            assert_true(set->revision > 0);
            ruleset_unref(set);
        } else {
            assert_true(err.msg[0] != '\0');
        }
        k->text.data[i / 8] ^= (char)(1 << i % 8);
    }
}

/* Texts that are JSON and wrong, with the word the refusal holds. */
static void wrong_texts_are_refused_with_the_reason(void **state UNUSED)
{
#define HEAD(format, inc, rev, sum)                                                   \
    "{\"format\":" format ",\"incarnation\":\"" inc "\",\"term\":1,\"revision\":" rev \
    ",\"checksum\":\"" sum "\""
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "not JSON"},
        {"[]", "format"},
        {"7", "format"},
        {HEAD("2", "a", "1", EMPTY) "}", "format"},
        {HEAD("1", "", "1", EMPTY) "}", "incarnation"},
        {HEAD("1", "0123456789012345678901234567890123456789", "1", EMPTY) "}", "incarnation"},
        {HEAD("1", "a", "0", EMPTY) "}", "revision"},
        {HEAD("1", "a", "\"x\"", EMPTY) "}", "revision"},
        {HEAD("1", "a", "1", "beef") "}", "no checksum"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[{}]}", "rule"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[7]}", "rule"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[{\"migration\":\"m\",\"rule\":\"abc\"}]}",
         "\"m\" is not hex"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[{\"migration\":\"m\",\"rule\":\"6d:\"}]}",
         "not hex"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[{\"migration\":\"m\",\"rule\":\"6d3a31\"}]}",
         "checksum does not match"},
        {HEAD("1", "a", "1", EMPTY) ",\"routes\":[{\"rule\":\"6d3a31\"},{\"rule\":\"6d3a32\"}]}",
         "m"},
        {HEAD("1", "a", "1", EMPTY) ",\"emergencies\":[{\"epoch\":1}]}", "emergency order"},
        {HEAD("1", "a", "1", EMPTY) ",\"emergencies\":[{\"migration\":\"m\"}]}", "no epoch"},
        {HEAD("1", "a", "1", EMPTY) ",\"emergencies\":[{\"migration\":\"m\",\"epoch\":2},{"
                                    "\"migration\":\"m\",\"epoch\":"
                                    "2}]}",
         "two emergency orders"},
    };
#undef HEAD
#undef EMPTY
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct ruleset *set;
        struct err err = {0};
        int r = agent_state_decode(str_of(cases[i].text), decode_rule, &set, epochs, &err);

        if (r >= 0)
            fail_msg("case %u is taken: %s", i, cases[i].text);
        assert_holds(err.msg, cases[i].why);
    }
}

/* An order whose state cannot be told is an order. */
static void an_order_without_its_state_is_active(void **state UNUSED)
{
    static const char text[] =
        "{\"format\":1,\"incarnation\":\"a\",\"term\":1,\"revision\":1,\"checksum\":"
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
        "\"emergencies\":[{\"migration\":\"m\",\"epoch\":1}]}";
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set;
    struct err err = {0};

    assert_ok(agent_state_decode(str_of(text), decode_rule, &set, epochs, &err), &err);
    assert_true(epochs_find(epochs, "m")->active);
    ruleset_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_kept_comes_back, keep, forget),
        cmocka_unit_test(a_set_without_routes_comes_back),
        cmocka_unit_test(the_largest_set_fits),
        cmocka_unit_test_setup_teardown(a_cut_text_is_refused, keep, forget),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_refused_or_leaves_a_whole_set, keep,
                                        forget),
        cmocka_unit_test(wrong_texts_are_refused_with_the_reason),
        cmocka_unit_test(an_order_without_its_state_is_active),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
