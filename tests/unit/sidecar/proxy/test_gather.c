/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/gather.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/unit.h"

#define SIZE 16384

struct fixture {
    struct loop *loop;
    int fd[2];
    struct transport to; /* fd[0] */
    struct iobuf_pool pool;
    struct gather g;
    char scratch[SIZE];
    char big[SIZE / 2];
    char got[4 * 1024 * 1024];
    size_t got_n;
};

static void nobody(struct transport *t UNUSED, unsigned events UNUSED)
{
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    *state = f;
    for (size_t i = 0; i < sizeof f->big; i++)
        f->big[i] = (char)('a' + i % 26);
    iobuf_pool_init(&f->pool, SIZE);
    gather_init(&f->g, f->scratch, SIZE);
    assert_int_equal(loop_new(clock_system, &f->loop, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->fd), 0);
    assert_true(transport_open(&f->to, f->loop, f->fd[0], 0, nobody));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    transport_close(&f->to);
    loop_free(f->loop);
    if (f->fd[1] >= 0)
        close(f->fd[1]);
    iobuf_pool_deinit(&f->pool);
    test_free(f);
    return 0;
}

static void receive(struct fixture *f)
{
    ssize_t n;

    while ((n = read(f->fd[1], f->got + f->got_n, sizeof f->got - f->got_n)) > 0)
        f->got_n += (size_t)n;
}

static void small_pieces_are_one(void **state)
{
    struct fixture *f = *state;
    struct iobuf *pending = NULL;

    gather_add(&f->g, STR("one "));
    memcpy(gather_at(&f->g), "two ", 4);
    gather_wrote(&f->g, 4);
    gather_add(&f->g, STR("three"));
    assert_int_equal(f->g.count, 1);
    assert_int_equal(gather_send(&f->g, &f->to, &f->pool, &pending), GATHER_SENT);
    receive(f);
    assert_int_equal(f->got_n, 13);
    assert_memory_equal(f->got, "one two three", 13);
}

static void big_pieces_stay_where_they_are(void **state)
{
    struct fixture *f = *state;
    struct iobuf *pending = NULL;

    gather_add(&f->g, STR("<"));
    gather_add(&f->g, (struct str){f->big, sizeof f->big});
    gather_add(&f->g, STR(">"));
    assert_int_equal(f->g.count, 3);
    assert_ptr_equal(f->g.piece[1].iov_base, f->big);
    assert_int_equal(gather_send(&f->g, &f->to, &f->pool, &pending), GATHER_SENT);
    receive(f);
    assert_int_equal(f->got_n, sizeof f->big + 2);
    assert_memory_equal(f->got + 1, f->big, sizeof f->big);
    assert_int_equal(f->got[f->got_n - 1], '>');
}

static void what_is_left_arrives_later_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct iobuf *pending = NULL;
    size_t sent = 0;

    while (!pending) {
        gather_init(&f->g, f->scratch, SIZE);
        gather_add(&f->g, STR("<"));
        gather_add(&f->g, (struct str){f->big, sizeof f->big});
        gather_add(&f->g, STR(">"));
        assert_true(gather_send(&f->g, &f->to, &f->pool, &pending) != GATHER_BROKEN);
        sent += sizeof f->big + 2;
    }
    assert_int_equal(gather_flush(&f->to, &f->pool, &pending), GATHER_PENDING);
    receive(f);
    assert_int_equal(gather_flush(&f->to, &f->pool, &pending), GATHER_SENT);
    assert_null(pending);
    receive(f);
    assert_int_equal(f->got_n, sent);
    for (size_t at = 0; at < sent; at += sizeof f->big + 2)
        assert_memory_equal(f->got + at + 1, f->big, sizeof f->big);
}

static void a_closed_peer_is_no_signal(void **state)
{
    struct fixture *f = *state;
    struct iobuf *pending = NULL;

    close(f->fd[1]);
    f->fd[1] = -1;
    gather_add(&f->g, STR("x"));
    assert_int_equal(gather_send(&f->g, &f->to, &f->pool, &pending), GATHER_BROKEN);
    assert_null(pending);
}

static void room_leaves_place_for_framing(void **state)
{
    struct fixture *f = *state;
    size_t room = gather_room(&f->g);

    assert_in_range(room, SIZE - 128, SIZE - 32);
    gather_add(&f->g, (struct str){f->big, sizeof f->big});
    assert_int_equal(gather_room(&f->g), room - sizeof f->big);
    gather_add(&f->g, (struct str){f->big, sizeof f->big});
    assert_int_equal(gather_room(&f->g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_pieces_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(big_pieces_stay_where_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_arrives_later_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_peer_is_no_signal, setup, teardown),
        cmocka_unit_test_setup_teardown(room_leaves_place_for_framing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
