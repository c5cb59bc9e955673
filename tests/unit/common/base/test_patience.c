/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/patience.h"

#include <poll.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static void it_ends_at_its_instant(void **state UNUSED)
{
    struct patience p = patience_for(dur_ms(30), NULL);
    struct err err;

    assert_ok(patience_check(&p, &err), &err);
    assert_fails(patience_wait(&p, -1, 0, &err), ERR_TIMEOUT);
    assert_int_equal(patience_left(&p).ns, 0);
    assert_fails(patience_check(&p, &err), ERR_TIMEOUT);
}

static void it_ends_when_told(void **state UNUSED)
{
    atomic_bool stop = true;
    struct patience p = patience_for(dur_s(60), &stop);
    struct err err;

    assert_fails(patience_wait(&p, -1, 0, &err), ERR_CANCELLED);
    atomic_store(&stop, false);
    assert_ok(patience_check(&p, &err), &err);
}

static void what_is_ready_is_not_waited_for(void **state UNUSED)
{
    struct patience p = patience_for(dur_s(60), NULL);
    int ends[2];
    struct err err;

    assert_int_equal(pipe(ends), 0);
    assert_ok(patience_wait(&p, ends[1], POLLOUT, &err), &err);
    p = patience_for(dur_ms(10), NULL);
    assert_fails(patience_wait(&p, ends[0], POLLIN, &err), ERR_TIMEOUT);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_at_its_instant),
        cmocka_unit_test(it_ends_when_told),
        cmocka_unit_test(what_is_ready_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
