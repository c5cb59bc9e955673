/* SPDX-License-Identifier: Apache-2.0 */
/* A/B runs: which lines are requests, and what a run of answers comes to. */
#include "cli/ab_report.h"
#include "cli/ab_requests.h"
#include "tests/lib/unit.h"

/* ---- requests -------------------------------------------------------------------------------- */

static void lines_are_paths_methods_or_records(void **state UNUSED)
{
    struct ab_requests r;
    struct err err;

    assert_ok(ab_requests_read(STR("# recorded\n\n/a\n  GET /b?c=d\nHEAD  /e\nPOST /f\n"
                                   "{\"method\": \"HEAD\", \"path\": \"/g\", \"status\": 200}\n"
                                   "{\"path\": \"/h\"}"),
                               "f", &r, &err),
              &err);
    assert_int_equal(r.count, 5);
    assert_int_equal(r.unsafe, 1);
    assert_string_equal(r.item[1].path, "/b?c=d");
    assert_string_equal(r.item[2].path, "/e");
    assert_true(r.item[2].head_only && r.item[3].head_only);
    assert_false(r.item[0].head_only || r.item[4].head_only);
    ab_requests_deinit(&r);
    assert_null(r.item);
}

static void bad_lines_are_named(void **state UNUSED)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "f: no request that can be run"},
        {"DELETE /a\n", "1 with other methods"},
        {"/a\nfoo\n", "f:2: a request is a path"},
        {"GET\n", "f:1: a request is a path"},
        {"{\"path\": 7}\n", "f:1: the record has no \"path\""},
        {"{\"path\": \"x\"}\n", "f:1: a request is a path"},
        {"{\n", "f:1: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ab_requests r;
        struct err err;

        assert_fails(ab_requests_read(str_of(cases[i].text), "f", &r, &err), ERR_INVALID);
        assert_holds(err.msg, cases[i].why);
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

struct pair {
    Switchyard__V1__ProbeAnswer a[2], *at[2];
    Switchyard__V1__Label type, *type_at[1];
    Switchyard__V1__ProbeResult m;
};

static void pair_init(struct pair *p, uint32_t legacy_status, const char *legacy,
                      uint32_t new_status, const char *new_text)
{
    static char key[] = "content-type", value[] = "application/json";
    const char *text[] = {legacy, new_text};
    const uint32_t status[] = {legacy_status, new_status};

    switchyard__v1__probe_result__init(&p->m);
    switchyard__v1__label__init(&p->type);
    p->type.key = key;
    p->type.value = value;
    p->type_at[0] = &p->type;
    for (unsigned i = 0; i < 2; i++) {
        switchyard__v1__probe_answer__init(&p->a[i]);
        p->a[i].system =
            i ? SWITCHYARD__V1__SYSTEM__SYSTEM_NEW : SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY;
        p->a[i].status = status[i];
        p->a[i].took_ms = 1 + i;
        p->a[i].body = (ProtobufCBinaryData){strlen(text[i]), (uint8_t *)(uintptr_t)text[i]};
        p->a[i].body_bytes = strlen(text[i]);
        p->a[i].headers = p->type_at;
        p->a[i].n_headers = 1;
        p->at[i] = &p->a[i];
    }
    p->m.answers = p->at;
    p->m.n_answers = 2;
}

static void add(struct ab_study *s, uint32_t status, const char *legacy, const char *new_text)
{
    struct pair p;

    pair_init(&p, 200, legacy, status, new_text);
    ab_study_add(s, "GET /a", &p.m);
}

static void a_run_counts_what_differs_by_place(void **state UNUSED)
{
    static const struct compare_rule rules[] = {{COMPARE_IGNORE, "$.at", 0},
                                                {COMPARE_COSMETIC, "$.note", 0}};
    static struct ab_study s = {.rule = rules, .rule_count = ARRAY_LEN(rules)};

    assert_false(ab_study_is_good(&s));
    add(&s, 200, "{\"a\": 1, \"at\": 5}", "{\"at\": 6, \"a\": 1.0}");
    assert_true(ab_study_is_good(&s));
    add(&s, 200, "{\"note\": \"x\"}", "{\"note\": \"y\"}");
    assert_true(ab_study_is_good(&s));
    add(&s, 200, "{\"a\": 1}", "{\"a\": 2}");
    add(&s, 200, "{\"a\": 1}", "{\"a\": 3}");
    add(&s, 503, "{}", "{}");
    assert_false(ab_study_is_good(&s));
    assert_int_equal(s.runs, 5);
    assert_int_equal(s.equal, 1);
    assert_int_equal(s.cosmetic, 1);
    assert_int_equal(s.critical, 3);
    assert_int_equal(s.side[SYSTEM_NEW].errors, 1);
    assert_int_equal(s.side[SYSTEM_LEGACY].errors, 0);
    assert_int_equal(s.place_count, 3);
    assert_string_equal(s.place[1].first.where, "$.a");
    assert_string_equal(s.place[1].first.new_value, "2");
    assert_int_equal(s.place[1].count, 2);
    assert_string_equal(s.place[2].first.where, "status");
}

static void who_does_not_answer_is_not_compared(void **state UNUSED)
{
    static struct ab_study s;
    struct pair p;

    pair_init(&p, 200, "", 0, "");
    ab_study_add(&s, "GET /a", &p.m);
    p.m.n_answers = 0;
    ab_study_add(&s, "GET /a", &p.m);
    assert_int_equal(s.not_compared, 2);
    assert_int_equal(s.side[SYSTEM_NEW].errors, 2);
    assert_int_equal(s.side[SYSTEM_LEGACY].answered, 1);
    assert_false(ab_study_is_good(&s));
}

static void further_places_are_counted(void **state UNUSED)
{
    static struct ab_study s;

    for (unsigned i = 0; i < AB_PLACES_MAX + 5; i++) {
        char legacy[32], new_text[32];

        str_fmt(legacy, sizeof legacy, "{\"k%u\": 1}", i);
        str_fmt(new_text, sizeof new_text, "{\"k%u\": 2}", i);
        add(&s, 200, legacy, new_text);
    }
    assert_int_equal(s.place_count, AB_PLACES_MAX);
    assert_int_equal(s.elsewhere, 5);
}

/* "$.list[0].at" and "$.list[1].at" are one place. */
static void items_of_a_list_are_one_place(void **state UNUSED)
{
    static struct ab_study s;

    add(&s, 200, "[{\"p\": 1}, {\"p\": 1}]", "[{\"p\": 2}, {\"p\": 2}]");
    add(&s, 200, "[{\"p\": 1}, {\"p\": 1}]", "[{\"p\": 1}, {\"p\": 2}]");
    assert_int_equal(s.place_count, 1);
    assert_int_equal(s.place[0].count, 2);
    assert_string_equal(s.place[0].first.where, "$[0].p");
    assert_int_equal(s.elsewhere, 0);
}

static void the_page_and_the_json_tell_the_same(void **state UNUSED)
{
    static struct ab_study s;
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64u << 10);
    CLEANUP(json_freep) struct json *j = NULL;
    const struct ab_about about = {"orders", "eu-1", 1, 3};
    const struct doc d = {.markdown = true, .into = &b};

    add(&s, 200, "{\"a\": \"|\\u0001\"}", "{\"a\": 2}");
    ab_report_tell(&d, &about, &s);
    assert_holds(buf_text(&b), "# A/B run of orders\n");
    assert_holds(buf_text(&b), "0 equal, 0 differ cosmetically, 1 critically");
    assert_holds(buf_text(&b), "Passed over: 3, since only GET and HEAD");
    assert_holds(buf_text(&b), "| p99 | ");
    assert_holds(buf_text(&b), "| critical | $.a | 1 | GET /a | ");
    assert_null(strchr(buf_text(&b), '\x01'));
    j = ab_report_json(&about, &s);
    assert_int_equal(json_get_u64(j, "critical", 0), 1);
    assert_false(json_get_bool(j, "good", true));
    assert_int_equal(json_count(json_get(j, "differences")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_paths_methods_or_records),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(a_run_counts_what_differs_by_place),
        cmocka_unit_test(who_does_not_answer_is_not_compared),
        cmocka_unit_test(further_places_are_counted),
        cmocka_unit_test(items_of_a_list_are_one_place),
        cmocka_unit_test(the_page_and_the_json_tell_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
