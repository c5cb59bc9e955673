/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/probe.h"

#include "tests/lib/unit.h"

static struct probe probe_of(const char *path)
{
    struct probe p = {.migration = {"app"}};

    assert_true(str_fmt(p.path, sizeof p.path, "%s", path));
    return p;
}

static int check_header(const char *name, const char *value, struct err *err)
{
    struct probe p = probe_of("/");

    p.header_count = 1;
    assert_true(str_fmt(p.header[0].name, NAME_SIZE, "%s", name));
    assert_true(str_fmt(p.header[0].value, PROBE_VALUE_SIZE, "%s", value));
    return probe_check(&p, err);
}

static void paths_are_those_of_a_request_line(void **state UNUSED)
{
    static const char *const good[] = {"/", "/api/v2?x=%20y&z", "//", "/*"};
    static const char *const bad[] = {"",     "api",   "/a b",      "/a\r\nX: y",
                                      "/a#b", "/\x7f", "/\xc3\xa9", "*"};
    struct probe p;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        p = probe_of(good[i]);
        assert_ok(probe_check(&p, &err), &err);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        p = probe_of(bad[i]);
        assert_fails(probe_check(&p, &err), ERR_INVALID);
        assert_holds(err.msg, "is not a path");
    }
}

static void headers_are_fields_that_leave_the_framing_alone(void **state UNUSED)
{
    static const struct {
        const char *name, *value, *why;
    } bad[] = {
        {"", "x", "is none"},
        {"A B", "x", "is none"},
        {"A", "x\r\ny", "is none"},
        {"A:", "x", "is none"},
        {"connection", "close", "is the prober's own"},
        {"Transfer-Encoding", "chunked", "is the prober's own"},
        {"content-length", "5", "is the prober's own"},
        {"X-Switchyard-Probe", "0", "is the prober's own"},
    };
    struct err err;

    assert_ok(check_header("Accept", "text/html", &err), &err);
    assert_ok(check_header("Host", "shop.example", &err), &err);
    assert_ok(check_header("X-Empty", "", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(check_header(bad[i].name, bad[i].value, &err), ERR_INVALID);
        assert_holds(err.msg, bad[i].why);
    }
}

static void numbers_have_limits(void **state UNUSED)
{
    struct probe p = probe_of("/");
    struct err err;

    p.timeout = dur_s(60);
    assert_ok(probe_check(&p, &err), &err);
    p.timeout = dur_ms(60001);
    assert_fails(probe_check(&p, &err), ERR_INVALID);
    p = probe_of("/");
    p.header_count = PROBE_HEADERS_MAX + 1;
    assert_fails(probe_check(&p, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_those_of_a_request_line),
        cmocka_unit_test(headers_are_fields_that_leave_the_framing_alone),
        cmocka_unit_test(numbers_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
