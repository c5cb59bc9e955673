/* SPDX-License-Identifier: Apache-2.0 */
/* Names under a resolver that can be told to fail: it stands in for the system's in this program.
 */
#include "sidecar/proxy/names.h"

#include <netdb.h>
#include <netinet/in.h>

#include "common/base/mem.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

static bool resolver_is_down;

int getaddrinfo(const char *host UNUSED, const char *service UNUSED,
                const struct addrinfo *hints UNUSED, struct addrinfo **ret)
{
    static struct sockaddr_in loopback = {.sin_family = AF_INET};
    static struct addrinfo found = {.ai_family = AF_INET,
                                    .ai_addr = (struct sockaddr *)&loopback,
                                    .ai_addrlen = sizeof loopback};

    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *ret = resolver_is_down ? NULL : &found;
    return resolver_is_down ? EAI_AGAIN : 0;
}

void freeaddrinfo(struct addrinfo *found UNUSED)
{
}

struct fixture {
    struct loop *loop;
    struct names *names;
    unsigned answers;
    char unresolved[ENDPOINT_SIZE];
};

static void on_names(void *ctx, const struct ruleset *set UNUSED, const char *unresolved,
                     const char *why UNUSED)
{
    struct fixture *f = ctx;

    f->answers++;
    str_fmt(f->unresolved, sizeof f->unresolved, "%s", unresolved ? unresolved : "");
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    resolver_is_down = false;
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(names_new(f->loop, on_names, f, &f->names, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    names_free(f->names);
    loop_free(f->loop);
    xfreep(&f);
    return 0;
}

/* What is not resolved of a set with these two hosts; "": nothing. */
static const char *unresolved_of(struct fixture *f, const char *legacy, const char *new)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("store", 1, 1);
    struct route r = {.migration = {"app"}, .key = {.source = KEY_RANDOM}};
    const char *host[SYSTEM_COUNT] = {[SYSTEM_LEGACY] = legacy, [SYSTEM_NEW] = new};
    unsigned before = f->answers;
    struct err err;

    for (int s = SYSTEM_LEGACY; s < SYSTEM_COUNT; s++) {
        r.upstream[s].endpoint_count = 1;
        r.upstream[s].endpoint[0].port = 80;
        assert_true(str_copy(str_of(host[s]), r.upstream[s].endpoint[0].host, ENDPOINT_SIZE));
    }
    assert_ok(ruleset_add(set, &r, STR("rule"), &err), &err);
    assert_ok(ruleset_finish(set, &err), &err);
    names_look_up(f->names, set);
    WAIT_FOR(f->loop, f->answers > before);
    return f->unresolved;
}

static void a_known_name_outlives_its_resolver(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
    resolver_is_down = true;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
}

/* The known name fails first; that it has addresses says nothing about the other. */
static void an_unknown_name_behind_a_known_one_is_told(void **state)
{
    struct fixture *f = *state;
    struct endpoint two = {.host = "two.example", .port = 80};
    struct address address[NAMES_ADDRESSES_MAX];

    assert_string_equal(unresolved_of(f, "one.example", "one.example"), "");
    resolver_is_down = true;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "two.example");
    assert_int_equal(names_get(f->names, &two, address), 0);

    resolver_is_down = false;
    assert_string_equal(unresolved_of(f, "one.example", "two.example"), "");
    assert_int_equal(names_get(f->names, &two, address), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_known_name_outlives_its_resolver),
        TEST(an_unknown_name_behind_a_known_one_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
