/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that can never work are refused before anybody is asked. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/base/atomic_file.h"

static char config[] = "/tmp/sy-config-XXXXXX";

static int init_with(const char *endpoints, struct err *err)
{
    struct args args = {0};
    struct cli c = {0};
    int r;

    args.option[OPT_ENDPOINTS] = endpoints;
    r = cli_init(&c, &args, err);
    cli_deinit(&c);
    return r;
}

static void addresses_of_coordinators_are_taken(void **state UNUSED)
{
    static const char *const good[] = {
        "127.0.0.1:7400", "[::1]:7400", "coordinator.example:1", "a:1, b:65535", "unix:/run/x.sock",
    };
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(init_with(good[i], &err), &err);
}

static void what_is_no_address_is_refused_with_the_form(void **state UNUSED)
{
    static const char *const bad[] = {
        "127.0.0.1", "http://127.0.0.1:7400", "a:0", "a:65536", "a:7400x", ":7400", "a:1,b",
        "unix:",
    };
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(init_with(bad[i], &err), -ERR_INVALID);
        assert_non_null(strstr(err.msg, "is no address of a coordinator"));
        assert_non_null(strstr(err.hint, "host:port"));
    }
}

static void addresses_are_counted_and_listed(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf many = BUF_INIT(1000);
    struct cli c = {.endpoints = " a:1,, b:2 ,"};
    char endpoint[ENDPOINT_SIZE];
    struct err err;

    assert_true(cli_endpoint(&c, 0, endpoint));
    assert_string_equal(endpoint, "a:1");
    assert_true(cli_endpoint(&c, 1, endpoint));
    assert_string_equal(endpoint, "b:2");
    assert_false(cli_endpoint(&c, 2, endpoint));

    for (unsigned i = 0; i < CLI_ENDPOINTS_MAX; i++)
        assert_true(buf_addf(&many, "a:%u,", i + 1));
    assert_ok(init_with(buf_text(&many), &err), &err);
    assert_true(buf_addf(&many, "a:99"));
    assert_fails(init_with(buf_text(&many), &err), ERR_INVALID);
    assert_string_equal(err.msg, "17 coordinators are given; name 1 to 16");
    assert_fails(init_with(", ,", &err), ERR_INVALID);
}

static void an_address_that_is_too_long_is_refused(void **state UNUSED)
{
    char endpoint[ENDPOINT_SIZE + 1];
    struct err err;

    memset(endpoint, 'a', sizeof endpoint);
    memcpy(endpoint + ENDPOINT_SIZE - 3, ":1", 3);
    assert_ok(init_with(endpoint, &err), &err);
    memcpy(endpoint + ENDPOINT_SIZE - 3, "a:1", 4);
    assert_fails(init_with(endpoint, &err), ERR_INVALID);
}

/* ---- where settings come from ---------------------------------------------------------------- */

static void write_config(const char *text)
{
    struct err err;

    assert_ok(file_write(config, str_of(text), true, &err), &err);
    setenv("SWITCHYARD_CONFIG", config, 1);
}

static void assert_settings(const struct args *args, const char *endpoints,
                            const char *operator_name)
{
    struct cli c = {.loop = NULL};
    struct err err;

    assert_ok(cli_init(&c, args, &err), &err);
    assert_string_equal(c.endpoints, endpoints);
    assert_string_equal(c.operator_name, operator_name);
    cli_deinit(&c);
}

static void options_beat_the_environment_and_that_the_file(void **state UNUSED)
{
    struct args args = {.name_count = 0};

    write_config("endpoints: [\"f:1\", \"f:2\"]\noperator: felix\n");
    assert_settings(&args, "f:1,f:2", "felix");
    setenv("SWITCHYARD_ENDPOINTS", "e:1", 1);
    setenv("SWITCHYARD_OPERATOR", "", 1); /* says nothing */
    assert_settings(&args, "e:1", "felix");
    setenv("SWITCHYARD_OPERATOR", "eva", 1);
    assert_settings(&args, "e:1", "eva");
    args.option[OPT_ENDPOINTS] = "o:1";
    args.option[OPT_OPERATOR] = "otto";
    assert_settings(&args, "o:1", "otto");
}

static void a_file_may_name_one_address_or_nothing(void **state UNUSED)
{
    struct args args = {.option = {[OPT_OPERATOR] = "x"}};

    write_config("endpoints: f:1\n");
    assert_settings(&args, "f:1", "x");
    write_config("");
    assert_settings(&args, "127.0.0.1:7400", "x");
}

static void a_wrong_file_is_refused_by_name_and_place(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"endpoint: f:1\n", ":1: unknown field \"endpoint\"; did you mean endpoints"},
        {"[1]\n", "a mapping is expected"},
        {"endpoints: {a: 1}\n", "a list of host:port is expected"},
        {"endpoints: [1]\n", "a list of host:port is expected"},
        {"endpoints: f\n", "\"f\" is no address"},
        {"a: [\n", ""},
    };
    struct args args = {.name_count = 0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cli c = {.loop = NULL};
        struct err err;

        write_config(cases[i].text);
        assert_fails(cli_init(&c, &args, &err), ERR_INVALID);
        assert_holds(err.msg, cases[i].want);
        cli_deinit(&c);
    }
}

static void waits_are_within_their_limits(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool fine;
    } cases[] = {{"10ms", true}, {"60s", true}, {"9ms", false}, {"61s", false}, {"soon", false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct args timeout = {.option = {[OPT_TIMEOUT] = cases[i].text}};
        struct args wait = {.option = {[OPT_WAIT] = cases[i].text}};
        struct cli c = {.loop = NULL};

        assert_int_equal(cli_init(&c, &timeout, NULL) == 0, cases[i].fine);
        cli_deinit(&c);
        assert_int_equal(cli_init(&c, &wait, NULL) == 0, cases[i].fine);
        cli_deinit(&c);
    }
}

/* An election takes five seconds, and two more to act on it. */
static void the_default_wait_covers_an_election(void **state UNUSED)
{
    struct args args = {.name_count = 0};
    struct cli c = {.loop = NULL};
    struct err err;

    assert_ok(cli_init(&c, &args, &err), &err);
    assert_true(c.timeout.ns > dur_s(7).ns);
    assert_int_equal(c.output, OUTPUT_TABLE);
    cli_deinit(&c);
}

static int make_config(void **state UNUSED)
{
    int fd = mkstemp(config);

    return fd < 0 ? -1 : close(fd);
}

static int remove_config(void **state UNUSED)
{
    return unlink(config);
}

static int setup(void **state UNUSED)
{
    setenv("SWITCHYARD_CONFIG", "/nonexistent", 1);
    unsetenv("SWITCHYARD_ENDPOINTS");
    unsetenv("SWITCHYARD_OPERATOR");
    return 0;
}

#define SETTINGS_TEST(t) cmocka_unit_test_setup(t, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(addresses_of_coordinators_are_taken),
        SETTINGS_TEST(what_is_no_address_is_refused_with_the_form),
        SETTINGS_TEST(addresses_are_counted_and_listed),
        SETTINGS_TEST(an_address_that_is_too_long_is_refused),
        SETTINGS_TEST(options_beat_the_environment_and_that_the_file),
        SETTINGS_TEST(a_file_may_name_one_address_or_nothing),
        SETTINGS_TEST(a_wrong_file_is_refused_by_name_and_place),
        SETTINGS_TEST(waits_are_within_their_limits),
        SETTINGS_TEST(the_default_wait_covers_an_election),
    };

    return cmocka_run_group_tests(tests, make_config, remove_config);
}
