/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/unit.h"

struct fixture {
    struct loop *loop;
    struct transport ours;
    int theirs;
    unsigned events;              /* since last looked at */
    const struct transport *told; /* whom they were told for */
};

static struct fixture *current;

static void on_event(struct transport *t, unsigned events)
{
    current->events |= events;
    current->told = t;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    int fd[2];

    *state = current = f;
    assert_int_equal(loop_new(clock_system, &f->loop, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    assert_true(transport_open(&f->ours, f->loop, fd[0], 0, on_event));
    f->theirs = fd[1];
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    transport_close(&f->ours);
    transport_close(&f->ours); /* a closed one is tolerated */
    close(f->theirs);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

static unsigned turn(struct fixture *f)
{
    f->events = 0;
    loop_turn(f->loop, dur_ms(0));
    return f->events;
}

static void say(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->theirs, text, strlen(text)), (ssize_t)strlen(text));
}

static ssize_t hear(struct fixture *f)
{
    char got[64];

    return transport_recv(&f->ours, got, sizeof got);
}

static void bytes_pass_both_ways(void **state)
{
    struct fixture *f = *state;
    const struct iovec piece[] = {{(void *)(uintptr_t) "one ", 4}, {(void *)(uintptr_t) "two", 3}};
    char got[16];

    assert_int_equal(transport_establish(&f->ours), TRANSPORT_STANDS);
    assert_int_equal(transport_send(&f->ours, piece, 2), 7);
    assert_int_equal(read(f->theirs, got, sizeof got), 7);
    assert_memory_equal(got, "one two", 7);
    assert_int_equal(hear(f), -1);
    assert_int_equal(errno, EAGAIN);
    say(f, "four");
    assert_int_equal(hear(f), 4);
}

static void a_full_socket_takes_nothing(void **state)
{
    struct fixture *f = *state;
    static char much[1 << 20];
    const struct iovec piece = {much, sizeof much};

    while (transport_send(&f->ours, &piece, 1) > 0)
        continue;
    assert_int_equal(transport_send(&f->ours, &piece, 1), 0);
    transport_want(&f->ours, LOOP_WRITE);
    assert_int_equal(turn(f), 0);
}

static void a_gone_peer_is_an_error(void **state)
{
    struct fixture *f = *state;
    const struct iovec piece = {(void *)(uintptr_t) "x", 1};

    assert_true(transport_is_quiet(&f->ours));
    shutdown(f->theirs, SHUT_RDWR);
    assert_false(transport_is_quiet(&f->ours));
    assert_int_equal(hear(f), 0);
    assert_int_equal(transport_send(&f->ours, &piece, 1), -1);
}

static void an_end_is_read_as_one(void **state)
{
    struct fixture *f = *state;
    char got;

    transport_end(&f->ours);
    assert_int_equal(read(f->theirs, &got, 1), 0);
    say(f, "still here");
    assert_int_equal(hear(f), 10);
}

static void events_come_while_wanted(void **state)
{
    struct fixture *f = *state;

    say(f, "x");
    assert_int_equal(turn(f), 0);
    transport_want(&f->ours, LOOP_READ);
    assert_int_equal(turn(f), LOOP_READ);
    assert_int_equal(turn(f), LOOP_READ);
    transport_want(&f->ours, LOOP_WRITE);
    assert_true(turn(f) & LOOP_WRITE);
}

static void a_silent_one_can_still_be_read(void **state)
{
    struct fixture *f = *state;

    transport_want(&f->ours, LOOP_READ);
    say(f, "last words");
    transport_silence(&f->ours);
    assert_true(f->ours.silent);
    assert_int_equal(turn(f), 0);
    assert_int_equal(hear(f), 10);
}

static void it_moves_with_what_waits_in_it(void **state)
{
    struct fixture *f = *state;
    struct transport other = {.is_open = false};

    transport_want(&f->ours, LOOP_READ);
    say(f, "early");
    assert_true(transport_move(&f->ours, &other, on_event));
    assert_int_equal(turn(f), 0); /* wants nothing until it says so */
    transport_want(&other, LOOP_READ);
    assert_int_equal(turn(f), LOOP_READ);
    assert_ptr_equal(f->told, &other);
    assert_true(transport_move(&other, &f->ours, on_event));
    assert_int_equal(hear(f), 5);
}

static void a_refused_connection_fails(void **state)
{
    struct fixture *f = *state;
    int pair[2];

    /* As a connect(2) under way that was refused: the socket carries an error. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(write(pair[0], "x", 1), 1);
    transport_close(&f->ours);
    assert_true(transport_open(&f->ours, f->loop, pair[0], LOOP_WRITE, on_event));
    close(pair[1]); /* with a byte unread: ECONNRESET */
    assert_true(turn(f) & LOOP_HANGUP);
    assert_int_equal(transport_establish(&f->ours), TRANSPORT_FAILED);
    assert_string_equal(transport_why(&f->ours), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_pass_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_socket_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gone_peer_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_is_read_as_one, setup, teardown),
        cmocka_unit_test_setup_teardown(events_come_while_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_one_can_still_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(it_moves_with_what_waits_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_connection_fails, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
