/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/selector.h"

#include "tests/lib/unit.h"

static struct selector selector_of(const char *text)
{
    struct selector s;
    struct err err;

    assert_ok(selector_parse(str_of(text), &s, &err), &err);
    return s;
}

static bool matches(const char *selector, const char *node, const char *labels)
{
    struct selector s = selector_of(selector);
    struct name name;
    struct labels l;
    struct err err;

    assert_ok(name_parse_node(str_of(node), &name, &err), &err);
    assert_ok(labels_parse(str_of(labels), &l, &err), &err);
    return selector_matches(&s, &name, &l);
}

static void selectors_read_into_their_normal_form(void **state UNUSED)
{
    assert_string_equal(selector_of("*").text, "*");
    assert_string_equal(selector_of(" * ").text, "*");
    assert_string_equal(selector_of("cluster=eu-1").text, "cluster=eu-1");
    assert_string_equal(selector_of(" zone=a , cluster=eu-1").text, "cluster=eu-1,zone=a");
    assert_string_equal(selector_of("cluster=").text, "cluster=");
    assert_string_equal(selector_of("name=node-7.eu").text, "name=node-7.eu");
    assert_true(selector_is_all(&(struct selector){"*"}));
    assert_false(selector_is_all(&(struct selector){"cluster=*"}));
}

static void equal_selectors_are_equal_bytes(void **state UNUSED)
{
    struct selector a = selector_of("b=2,a=1"), b = selector_of("a=1,b=2");

    assert_memory_equal(&a, &b, sizeof a);
}

static void bad_selectors_are_refused_by_name(void **state UNUSED)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "a selector is empty"},
        {"  ", "a selector is empty"},
        {"eu-1", "selector \"eu-1\": label \"eu-1\" has no value"},
        {"*,cluster=a", "label \"*\" has no value"},
        {"cluster=*", "label \"cluster\""},
        {"=a", "label \"\""},
        {"a=1,", "labels end with ','"},
        {"a=1,,b=2", "label \"\" has no value"},
        {"a=1,a=2", "label \"a\" is given twice"},
        {"name=Node", "\"Node\" is not a node name"},
        {"name=", "is not a node name"},
    };
    struct selector s;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(selector_parse(str_of(bad[i].text), &s, &err), ERR_INVALID);
        assert_holds(err.msg, bad[i].why);
    }
    assert_fails(selector_parse(STR("a=1\0"), &s, &err), ERR_INVALID);
}

#define PART "a123456789a123456789a123456789a123456789a123456789"

static void a_selector_has_a_greatest_length(void **state UNUSED)
{
    struct selector s;
    struct err err;

    assert_ok(selector_parse(STR("a=" PART ",b=" PART ",c=0123456789012345678"), &s, &err), &err);
    assert_int_equal(strlen(s.text), SELECTOR_SIZE - 1);
    assert_fails(selector_parse(STR("a=" PART ",b=" PART ",c=01234567890123456789"), &s, &err),
                 ERR_INVALID);
    assert_holds(err.msg, "is longer than 127 bytes");
}

static void every_pair_must_hold(void **state UNUSED)
{
    assert_true(matches("cluster=eu-1", "n1", "cluster=eu-1,zone=a"));
    assert_true(matches("cluster=eu-1,zone=a", "n1", "cluster=eu-1,zone=a"));
    assert_false(matches("cluster=eu-1,zone=b", "n1", "cluster=eu-1,zone=a"));
    assert_false(matches("cluster=eu-1,rack=7", "n1", "cluster=eu-1,zone=a"));
    assert_false(matches("cluster=eu", "n1", "cluster=eu-1"));
    assert_false(matches("cluster=eu-1", "n1", "cluster=eu"));
    assert_false(matches("cluster=eu-1", "n1", ""));
}

static void an_empty_value_is_not_a_missing_label(void **state UNUSED)
{
    assert_true(matches("cluster=", "n1", "cluster="));
    assert_false(matches("cluster=", "n1", ""));
    assert_false(matches("cluster=", "n1", "cluster=a"));
}

static void a_node_is_named_by_its_name(void **state UNUSED)
{
    assert_true(matches("name=n1", "n1", ""));
    assert_true(matches("name=n1,zone=a", "n1", "zone=a"));
    assert_false(matches("name=n1", "n11", ""));
    /* A label of that key says nothing. */
    assert_false(matches("name=n2", "n1", "name=n2"));
}

static void the_star_is_everybody_and_nothing_is_nobody(void **state UNUSED)
{
    struct name node = {"n1"};
    struct labels l = {.count = 0};

    assert_true(matches("*", "n1", ""));
    assert_true(matches("*", "n1", "zone=a"));
    assert_false(selector_matches(&(struct selector){""}, &node, &l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_read_into_their_normal_form),
        cmocka_unit_test(equal_selectors_are_equal_bytes),
        cmocka_unit_test(bad_selectors_are_refused_by_name),
        cmocka_unit_test(a_selector_has_a_greatest_length),
        cmocka_unit_test(every_pair_must_hold),
        cmocka_unit_test(an_empty_value_is_not_a_missing_label),
        cmocka_unit_test(a_node_is_named_by_its_name),
        cmocka_unit_test(the_star_is_everybody_and_nothing_is_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
