/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log_ring.h"

#include <pthread.h>
#include <stdio.h>

#include "tests/lib/unit.h"

#include "common/base/log.h"

/* More than the ring holds of the shortest lines. */
#define MANY 20000u

static void add(unsigned n)
{
    char line[32];

    assert_true(str_fmt(line, sizeof line, "line %u\n", n));
    log_ring_add(str_of(line));
}

static const char *read_all(struct buf *b)
{
    buf_clear(b);
    assert_true(log_ring_read(b));
    return buf_text(b);
}

static void the_last_lines_are_kept_whole_and_in_order(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LOG_RING_BYTES);
    struct str line, rest;
    char wanted[32];
    unsigned n;

    add(1);
    assert_string_equal(read_all(&b), "line 1\n");
    for (n = 2; n <= MANY; n++)
        add(n);
    rest = str_of(read_all(&b));
    assert_true(rest.n > LOG_RING_BYTES - sizeof wanted);
    assert_int_equal(sscanf(rest.p, "line %u\n", &n), 1);
    for (; rest.n > 0; n++) {
        assert_true(str_cut(rest, '\n', &line, &rest));
        (void)str_fmt(wanted, sizeof wanted, "line %u", n);
        assert_true(str_eq(line, str_of(wanted)));
    }
    assert_int_equal(n, MANY + 1);
}

static void what_is_no_line_is_not_kept(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf before = BUF_INIT(LOG_RING_BYTES);
    CLEANUP(buf_deinitp) struct buf after = BUF_INIT(LOG_RING_BYTES);
    static char huge[LOG_RING_BYTES + 1];

    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\n';
    (void)read_all(&before);
    log_ring_add(STR(""));
    log_ring_add(STR("no end"));
    log_ring_add((struct str){huge, sizeof huge});
    assert_string_equal(read_all(&after), buf_text(&before));
}

static void the_largest_line_takes_all_of_it(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LOG_RING_BYTES);
    static char huge[LOG_RING_BYTES];

    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\n';
    add(1);
    log_ring_add((struct str){huge, sizeof huge});
    (void)read_all(&b);
    assert_int_equal(b.len, sizeof huge);
    assert_memory_equal(b.data, huge, sizeof huge);
}

static void who_has_no_room_is_told(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4);

    add(1);
    assert_false(log_ring_read(&b));
}

static void what_is_logged_is_kept(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LOG_RING_BYTES);
    enum log_level was = log_get_level();

    log_set_level(LOG_WARN);
    assert_int_equal(log_get_level(), LOG_WARN);
    log_line(LOG_WARN, LOG_STARTED, "mark=%s", "kept");
    log_line(LOG_INFO, LOG_STARTED, "mark=%s", "silent");
    log_set_level(was);
    assert_non_null(strstr(read_all(&b), " mark=kept\n"));
    assert_null(strstr(buf_text(&b), "mark=silent"));
}

static void *add_many(void *ctx UNUSED)
{
    for (unsigned n = 0; n < MANY; n++)
        add(n);
    return NULL;
}

static void threads_do_not_tear_lines(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LOG_RING_BYTES);
    struct str line, rest;
    pthread_t other;

    assert_int_equal(pthread_create(&other, NULL, add_many, NULL), 0);
    for (unsigned i = 0; i < 100; i++) {
        rest = str_of(read_all(&b));
        while (rest.n > 0) {
            assert_true(str_cut(rest, '\n', &line, &rest));
            assert_true(str_starts(line, STR("line ")) || str_starts(line, STR("time=")));
        }
    }
    assert_int_equal(pthread_join(other, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_lines_are_kept_whole_and_in_order),
        cmocka_unit_test(what_is_no_line_is_not_kept),
        cmocka_unit_test(the_largest_line_takes_all_of_it),
        cmocka_unit_test(who_has_no_room_is_told),
        cmocka_unit_test(what_is_logged_is_kept),
        cmocka_unit_test(threads_do_not_tear_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
