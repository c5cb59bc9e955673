/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that can never work are refused before anybody is asked. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "cli/cli.h"

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

static int setup(void **state UNUSED)
{
    setenv("SWITCHYARD_CONFIG", "/nonexistent", 1);
    unsetenv("SWITCHYARD_ENDPOINTS");
    unsetenv("SWITCHYARD_OPERATOR");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_coordinators_are_taken),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_form),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
