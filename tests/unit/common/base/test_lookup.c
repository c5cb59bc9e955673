/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* The system's resolver, played: "stuck" is not answered until `released`. Numbers are real. */
static atomic_bool released;
static atomic_int asked;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_in));
    struct sockaddr_in *at = (struct sockaddr_in *)(void *)(a + 1);

    *at = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)strtoul(service, NULL, 10)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a->ai_addr = (struct sockaddr *)at;
    a->ai_addrlen = sizeof *at;
    *ret = a;
    if (strcmp(host, "127.0.0.1") == 0)
        return 0;
    if (hints->ai_flags & AI_NUMERICHOST || strcmp(host, "nobody") == 0) {
        free(a);
        return EAI_NONAME;
    }
    atomic_fetch_add(&asked, 1);
    while (strcmp(host, "stuck") == 0 && !atomic_load(&released))
        (void)poll(NULL, 0, 1);
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    free(a);
}

static void addresses_need_no_lookup(void **state UNUSED)
{
    struct patience p = patience_for(dur_s(10), NULL);
    char text[LOOKUP_TEXT_SIZE];
    struct lookup found;
    struct err err;

    assert_ok(lookup_host("127.0.0.1", "80", &p, &found, &err), &err);
    assert_int_equal(found.count, 1);
    assert_string_equal(lookup_text(&found.address[0], text), "127.0.0.1");
    assert_int_equal(atomic_load(&asked), 0);
}

static void names_are_asked_for(void **state UNUSED)
{
    struct patience p = patience_for(dur_s(10), NULL);
    struct lookup found;
    struct err err;

    assert_ok(lookup_host("db", "5432", &p, &found, &err), &err);
    assert_int_equal(found.count, 1);
    assert_int_equal(atomic_load(&asked), 1);
    assert_fails(lookup_host("nobody", "1", &p, &found, &err), ERR_UNAVAILABLE);
    assert_holds(err.msg, "look up nobody: ");
    assert_fails(lookup_host("", "1", &p, &found, &err), ERR_INVALID);
    assert_fails(lookup_host("db", "123456789", &p, &found, &err), ERR_INVALID);
}

static void a_resolver_that_hangs_is_left_behind(void **state UNUSED)
{
    atomic_bool stop = true;
    struct patience p;
    struct lookup found;
    struct err err;

    for (int i = 0; i < LOOKUP_LEFT_MAX; i++) {
        p = patience_for(dur_ms(1), i % 2 ? &stop : NULL);
        assert_fails(lookup_host("stuck", "1", &p, &found, &err),
                     i % 2 ? ERR_CANCELLED : ERR_TIMEOUT);
    }
    p = patience_for(dur_s(10), NULL);
    assert_fails(lookup_host("db", "1", &p, &found, &err), ERR_EXHAUSTED);

    atomic_store(&released, true);
    while (lookup_host("db", "1", &p, &found, &err) < 0)
        assert_ok(patience_check(&p, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_need_no_lookup),
        cmocka_unit_test(names_are_asked_for),
        cmocka_unit_test(a_resolver_that_hangs_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
