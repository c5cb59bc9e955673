/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: blocked signals become calls on the loop, one each, and stop coming when freed. */
#include "common/loop/signals.h"

#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const int signos[] = {SIGUSR1, SIGUSR2, 0};

struct seen {
    unsigned usr1;
    unsigned usr2;
};

static void on_signo(void *ctx, int signo)
{
    struct seen *seen = ctx;

    if (signo == SIGUSR1)
        seen->usr1++;
    if (signo == SIGUSR2)
        seen->usr2++;
}

static void signals_arrive_as_calls(void **state UNUSED)
{
    struct loop *l = NULL;
    struct signals *s = NULL;
    struct seen seen = {0};

    assert_int_equal(loop_new(clock_system, &l, NULL), 0);
    assert_int_equal(signals_new(l, signos, on_signo, &seen, &s, NULL), 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    loop_turn(l, dur_ns(0));
    loop_turn(l, dur_ns(0));
    loop_turn(l, dur_ns(0));
    assert_int_equal(seen.usr1, 1);
    assert_int_equal(seen.usr2, 1);
    signals_free(s);
    signals_free(NULL);
    kill(getpid(), SIGUSR1); /* stays blocked: the process lives, nobody is called */
    loop_turn(l, dur_ns(0));
    assert_int_equal(seen.usr1, 1);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_arrive_as_calls)};

    signals_block(signos);
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
