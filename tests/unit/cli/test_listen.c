/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/listen.h"

static void addresses_are_split_at_the_last_colon(void **state UNUSED)
{
    struct listen_address a;
    struct err err = {0};

    assert_ok(listen_parse("api", "127.0.0.1:7400", &a, &err), &err);
    assert_string_equal(a.host, "127.0.0.1");
    assert_int_equal(a.port, 7400);
    assert_ok(listen_parse("api", "[::1]:65535", &a, &err), &err);
    assert_string_equal(a.host, "[::1]");
    assert_int_equal(a.port, 65535);
}

static void other_forms_are_refused_with_an_example(void **state UNUSED)
{
    static const char *const bad[] = {"", "8080", ":8080", "h:", "h:0", "h:65536", "h:x", "h:-1"};
    struct listen_address a;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};

        assert_fails(listen_parse("listen", bad[i], &a, &err), ERR_INVALID);
        assert_holds(err.msg, "--listen");
        assert_holds(err.hint, "--listen 127.0.0.1:8080");
    }
}

static void a_taken_port_is_told(void **state UNUSED)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct listen_address a = {.host = "127.0.0.1"};
    socklen_t len = sizeof in;
    struct err err = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    a.port = ntohs(in.sin_port);
    assert_true(listen_check_free("api", &a, &err) < 0);
    assert_holds(err.msg, "--api");
    assert_holds(err.hint, "another");
    close(fd);
    assert_ok(listen_check_free("api", &a, &err), &err);
}

static void an_address_of_nobody_is_told(void **state UNUSED)
{
    struct listen_address a = {.host = "192.0.2.1", .port = 7400}; /* RFC 5737 */
    struct err err = {0};

    assert_true(listen_check_free("api", &a, &err) < 0);
    assert_holds(err.msg, "192.0.2.1:7400");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_split_at_the_last_colon),
        cmocka_unit_test(other_forms_are_refused_with_an_example),
        cmocka_unit_test(a_taken_port_is_told),
        cmocka_unit_test(an_address_of_nobody_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
