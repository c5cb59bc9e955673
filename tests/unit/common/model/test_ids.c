/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ids.h"

#include "tests/lib/unit.h"

static bool is_name(const char *s)
{
    struct name n;

    return name_parse(str_of(s), "stage name", &n, NULL) == 0 && strcmp(n.s, s) == 0;
}

static bool is_node(const char *s)
{
    struct name n;

    return name_parse_node(str_of(s), &n, NULL) == 0 && strcmp(n.s, s) == 0;
}

#define LONGEST "a23456789012345678901234567890123456789012345678901234567890123"

static void names_are_dns_labels(void **state UNUSED)
{
    static const char *const good[] = {"a", "7", "canary-10", "a--b", LONGEST};
    static const char *const bad[] = {"",    "-a",  "a-",       "A",        "a.b",
                                      "a_b", "a b", "\xc3\xa9", LONGEST "4"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(is_name(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(is_name(bad[i]));
}

static void nodes_may_hold_dots_and_underscores(void **state UNUSED)
{
    assert_true(is_node("node-1.eu_west.example"));
    assert_false(is_node(".a"));
    assert_false(is_node("a_"));
    assert_false(is_node("a/b"));
}

static void names_with_a_nul_are_refused(void **state UNUSED)
{
    struct name n;

    assert_fails(name_parse(STR("a\0b"), "stage name", &n, NULL), ERR_INVALID);
    assert_fails(name_parse_node(STR("a\0b"), &n, NULL), ERR_INVALID);
}

static void a_refusal_says_what_a_name_is(void **state UNUSED)
{
    struct name n;
    struct err err;

    assert_fails(name_parse(STR("A!"), "stage name", &n, &err), ERR_INVALID);
    assert_string_equal(err.msg,
                        "\"A!\" is not a stage name: use 1 to 63 of a-z, 0-9 and '-', a "
                        "letter or digit first and last");
    assert_fails(name_parse_node(STR("A!"), &n, &err), ERR_INVALID);
    assert_string_equal(err.msg,
                        "\"A!\" is not a node name: use 1 to 63 of a-z, 0-9, '-', '.' and "
                        "'_', a letter or digit first and last");
}

static void shown_text_is_quoted_printable_and_bounded(void **state UNUSED)
{
    char dst[SHOW_SIZE], text[200];

    assert_string_equal(ids_show(STR("a\n\x7f b"), dst), "\"a?? b\"");
    assert_string_equal(ids_show(STR(""), dst), "\"\"");
    for (size_t n = 0; n < 80; n++) {
        memset(text, 'x', n);
        ids_show((struct str){text, n}, dst);
        assert_true(strlen(dst) < SHOW_SIZE);
        assert_int_equal(strstr(dst, "...") == NULL, n <= 66);
    }
    /* A cut never leaves half a character. */
    for (size_t lead = 60; lead < 67; lead++) {
        memset(text, 'x', lead);
        memcpy(text + lead, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 9);
        ids_show((struct str){text, lead + 9}, dst);
        assert_true(str_utf8_valid(str_of(dst), &(size_t){0}));
    }
}

static void labels_are_found_by_key(void **state UNUSED)
{
    struct labels l;
    struct err err;

    assert_ok(labels_parse(STR("zone=a, cluster=eu-1,empty="), &l, &err), &err);
    assert_int_equal(l.count, 3);
    assert_string_equal(labels_get(&l, "cluster"), "eu-1");
    assert_string_equal(labels_get(&l, "empty"), "");
    assert_null(labels_get(&l, "region"));
    assert_ok(labels_parse(STR(""), &l, &err), &err);
    assert_int_equal(l.count, 0);
}

static void bad_labels_leave_the_result_alone(void **state UNUSED)
{
    static const char *const bad[] = {"a", "=b", "a=b,", "a=b,,c=d", "a b=c", "a=b=c", "a=1,a=2"};
    struct labels l = {.count = 7};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(labels_parse(str_of(bad[i]), &l, NULL), ERR_INVALID);
    assert_int_equal(l.count, 7);
}

static void labels_come_sorted(void **state UNUSED)
{
    struct label next = {.key = NULL};
    char told[64] = "";
    struct labels l;
    struct err err;

    assert_ok(labels_parse(STR("zone=a,ab=1,b=,a=2,abc=3"), &l, &err), &err);
    while (labels_next(&l, &next))
        str_fmt(told + strlen(told), sizeof told - strlen(told), "%s=%s ", next.key, next.value);
    assert_string_equal(told, "a=2 ab=1 abc=3 b= zone=a ");
    assert_fails(labels_add(&l, STR("abc"), STR("4"), &err), ERR_INVALID);
}

static void labels_are_limited(void **state UNUSED)
{
    struct labels l = {.count = 0};
    char key[LABEL_SIZE + 1], value[LABEL_SIZE - 2] = "";
    struct err err;

    for (unsigned i = 0; i < LABELS_MAX; i++) {
        str_fmt(key, sizeof key, "k%u", i);
        assert_ok(labels_add(&l, str_of(key), STR("v"), &err), &err);
    }
    assert_fails(labels_add(&l, STR("one-more"), STR("v"), &err), ERR_EXHAUSTED);
    assert_int_equal(l.count, LABELS_MAX);

    l = (struct labels){.count = 0};
    memset(value, 'v', sizeof value - 1);
    for (unsigned i = 0; i < LABELS_SIZE / LABEL_SIZE; i++) {
        str_fmt(key, sizeof key, "%u", i);
        assert_ok(labels_add(&l, str_of(key), str_of(value), &err), &err);
    }
    assert_fails(labels_add(&l, STR("k"), str_of(value), &err), ERR_EXHAUSTED);
    assert_int_equal(l.count, LABELS_SIZE / LABEL_SIZE);

    memset(key, 'k', LABEL_SIZE);
    key[LABEL_SIZE] = '\0';
    assert_fails(labels_add(&l, str_of(key), STR("v"), &err), ERR_INVALID);
}

static void systems_have_names(void **state UNUSED)
{
    enum system s;

    for (unsigned i = 0; i < SYSTEM_COUNT; i++) {
        assert_true(system_parse(str_of(system_name((enum system)i)), &s));
        assert_int_equal(s, i);
    }
    assert_false(system_parse(STR("Legacy"), &s));
    assert_false(system_parse(STR(""), &s));
    assert_string_equal(system_name(SYSTEM_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_dns_labels),
        cmocka_unit_test(nodes_may_hold_dots_and_underscores),
        cmocka_unit_test(names_with_a_nul_are_refused),
        cmocka_unit_test(a_refusal_says_what_a_name_is),
        cmocka_unit_test(shown_text_is_quoted_printable_and_bounded),
        cmocka_unit_test(labels_are_found_by_key),
        cmocka_unit_test(bad_labels_leave_the_result_alone),
        cmocka_unit_test(labels_come_sorted),
        cmocka_unit_test(labels_are_limited),
        cmocka_unit_test(systems_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
