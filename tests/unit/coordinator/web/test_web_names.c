/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver that does not answer holds up nobody past the time limit. */
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "coordinator/web/web.h"
#include "tests/lib/unit.h"

static atomic_bool released;
static atomic_int asking;

/* Takes the place of the system's, for libcurl as well. */
int getaddrinfo(const char *host UNUSED, const char *service UNUSED,
                const struct addrinfo *hints UNUSED, struct addrinfo **ret UNUSED)
{
    atomic_fetch_add(&asking, 1);
    while (!atomic_load(&released))
        (void)poll(NULL, 0, 1);
    atomic_fetch_sub(&asking, 1);
    return EAI_FAIL;
}

static void time_limits_hold_while_names_are_looked_up(void **state UNUSED)
{
    struct web_config config = {.ca = NULL};
    struct web_request req = {.url = "http://stuck.example/", .timeout = dur_ms(200)};
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(64);
    mono_t begun = clock_system->mono(clock_system);
    struct web *w;
    unsigned status;
    struct err err;

    web_start();
    assert_ok(web_new(&config, &w, &err), &err);
    assert_fails(web_call(w, &req, &status, &body, &err), ERR_TIMEOUT);
    web_free(w);
    assert_true(mono_sub(clock_system->mono(clock_system), begun).ns < dur_s(5).ns);
    assert_int_equal(atomic_load(&asking), 1);
    atomic_store(&released, true);
    while (atomic_load(&asking) > 0)
        (void)poll(NULL, 0, 1);
    web_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_limits_hold_while_names_are_looked_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
