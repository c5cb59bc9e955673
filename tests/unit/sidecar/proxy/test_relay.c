/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/relay.h"

#include "tests/lib/unit.h"

#define SIZE 4096

struct fixture {
    struct iobuf_pool pool;
    struct iobuf *in;
    struct gather g;
    char scratch[SIZE];
    char sent[8 * SIZE];
    size_t sent_n;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    *state = f;
    iobuf_pool_init(&f->pool, SIZE);
    f->in = iobuf_take(&f->pool);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    iobuf_give(&f->pool, &f->in);
    iobuf_pool_deinit(&f->pool);
    test_free(f);
    return 0;
}

static void arrive(struct fixture *f, const char *bytes)
{
    size_t n = strlen(bytes);

    if (f->in->start == f->in->end)
        f->in->start = f->in->end = 0;
    memcpy(f->in->data + f->in->end, bytes, n);
    f->in->end += (uint32_t)n;
}

static void take_sent(struct fixture *f)
{
    for (int i = 0; i < f->g.count; i++) {
        memcpy(f->sent + f->sent_n, f->g.piece[i].iov_base, f->g.piece[i].iov_len);
        f->sent_n += f->g.piece[i].iov_len;
    }
    f->sent[f->sent_n] = '\0';
}

static bool up(struct fixture *f, struct upload *u, uint64_t max)
{
    bool some;

    gather_init(&f->g, f->scratch, SIZE);
    some = upload_piece(u, f->in, max, &f->g);
    take_sent(f);
    return some;
}

static bool down(struct fixture *f, struct download *d)
{
    bool good;

    gather_init(&f->g, f->scratch, SIZE);
    good = download_piece(d, f->in, &f->g);
    take_sent(f);
    return good;
}

static const struct http1_framing none = {.kind = HTTP1_BODY_NONE};
static const struct http1_framing chunked = {.kind = HTTP1_BODY_CHUNKED};
static const struct http1_framing until_close = {.kind = HTTP1_BODY_UNTIL_CLOSE};

static struct http1_framing length(uint64_t n)
{
    return (struct http1_framing){.kind = HTTP1_BODY_LENGTH, .length = n};
}

static void no_body_is_complete_from_the_start(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, none, 100);
    assert_true(u.received && u.sent && upload_can_restart(&u));
    upload_init(&u, length(0), 100);
    assert_true(u.received && u.sent && upload_can_restart(&u));
    arrive(f, "GET /next");
    assert_false(up(f, &u, 0));
    assert_int_equal(f->in->end - f->in->start, 9);
}

static void a_length_ends_where_the_next_request_begins(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, length(5), 0);
    arrive(f, "he");
    assert_true(up(f, &u, 0));
    assert_false(u.received || u.sent || upload_can_restart(&u));
    arrive(f, "lloGET");
    assert_true(up(f, &u, 0));
    assert_true(u.received && u.sent);
    assert_string_equal(f->sent, "hello");
    assert_true(str_eq(iobuf_view(f->in), STR("GET")));
}

static void chunks_are_framed_anew(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, chunked, 0);
    arrive(f, "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\nGET");
    assert_true(up(f, &u, 0));
    assert_true(u.sent);
    assert_string_equal(f->sent, "5\r\nabcde\r\n0\r\n\r\n");
    assert_true(str_eq(iobuf_view(f->in), STR("GET")));
}

/* Also by a second try, and where there is no room for them behind the body at first. */
static void trailers_go_on(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};
    char line[3001] = "T:";

    memset(line + 2, 'x', sizeof line - 3);
    upload_init(&u, chunked, 100);
    upload_pass_trailers(&u);
    arrive(f, "3\r\nabc\r\n0\r\nHost: x\r\n");
    arrive(f, line);
    arrive(f, "\r\n\r\nGET");
    assert_true(up(f, &u, 0));
    assert_true(u.sent);
    assert_int_equal(f->sent_n, 3000 + strlen("3\r\nabc\r\n0\r\n \r\n\r\n"));
    assert_string_equal(f->sent + f->sent_n - 6, "xx\r\n\r\n");
    upload_restart(&u);
    f->sent_n = 0;
    gather_init(&f->g, f->scratch, SIZE);
    gather_wrote(&f->g, 2000);
    assert_true(upload_piece(&u, f->in, 0, &f->g));
    assert_false(u.sent);
    assert_true(up(f, &u, 0));
    assert_true(u.sent);
    assert_memory_equal(f->sent, "0\r\nT: xx", 8);
    upload_deinit(&u);
}

static void what_is_kept_goes_once_no_second_try_will_come(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, chunked, 100);
    arrive(f, "3\r\nabc\r\n");
    assert_true(up(f, &u, 0));
    upload_restart(&u);
    upload_keep_no_more(&u);
    assert_true(upload_can_restart(&u)); /* it is not sent yet */
    assert_true(up(f, &u, 0));
    upload_keep_no_more(&u);
    assert_false(upload_can_restart(&u));
    assert_null(u.keep.data);
    arrive(f, "2\r\nde\r\n0\r\n\r\n");
    assert_true(up(f, &u, 0));
    assert_true(u.sent);
    assert_string_equal(f->sent, "3\r\nabc\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    upload_deinit(&u);
}

static void trailers_stay_where_nobody_can_take_them(void **state)
{
    struct fixture *f = *state;
    struct download d;

    download_init(&d, chunked, 0);
    download_pass_trailers(&d);
    arrive(f, "3\r\nabc\r\n0\r\nT: x\r\n\r\n");
    assert_true(down(f, &d) && d.done);
    assert_string_equal(buf_text(&d.trailers), "T: x\r\n");
    download_deinit(&d);
    download_init(&d, chunked, 1);
    arrive(f, "1\r\nd\r\n0\r\nT: x\r\n\r\n");
    assert_true(down(f, &d) && d.done);
    download_init(&d, chunked, 1);
    download_pass_trailers(&d);
    arrive(f, "1\r\ne\r\n0\r\nT: x\r\n\r\n");
    assert_true(down(f, &d) && d.done);
    assert_string_equal(f->sent, "abc1\r\nd\r\n0\r\n\r\n1\r\ne\r\n0\r\nT: x\r\n\r\n");
    download_deinit(&d);
}

static void what_is_kept_is_sent_again(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, chunked, 100);
    arrive(f, "3\r\nabc\r\n");
    assert_true(up(f, &u, 0));
    assert_true(upload_can_restart(&u));
    upload_restart(&u);
    f->sent_n = 0;
    assert_true(up(f, &u, 0));
    assert_string_equal(f->sent, "3\r\nabc\r\n");
    arrive(f, "2\r\nde\r\n0\r\n\r\n");
    assert_true(up(f, &u, 0));
    assert_string_equal(f->sent, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    upload_restart(&u);
    f->sent_n = 0;
    assert_true(up(f, &u, 0));
    assert_string_equal(f->sent, "5\r\nabcde\r\n0\r\n\r\n");
    assert_true(u.sent);
    upload_deinit(&u);
}

static void a_body_that_outgrows_what_is_kept_has_one_try(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, chunked, 4);
    arrive(f, "3\r\nabc\r\n");
    assert_true(up(f, &u, 0));
    assert_true(upload_can_restart(&u));
    arrive(f, "3\r\ndef\r\n0\r\n\r\n");
    assert_true(up(f, &u, 0));
    assert_false(upload_can_restart(&u));
    assert_string_equal(f->sent, "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    upload_deinit(&u);
}

static void too_much_and_nonsense_are_faults(void **state)
{
    struct fixture *f = *state;
    struct upload u = {0};

    upload_init(&u, chunked, 0);
    arrive(f, "5\r\nabcde\r\n");
    assert_false(up(f, &u, 4));
    assert_int_equal(u.fault, 413);
    f->in->start = f->in->end = 0;
    upload_init(&u, chunked, 0);
    arrive(f, "five\r\n");
    assert_false(up(f, &u, 4));
    assert_int_equal(u.fault, 400);
    assert_int_equal(f->sent_n, 0);
}

static void answers_until_close_become_chunks(void **state)
{
    struct fixture *f = *state;
    struct download d;

    download_init(&d, until_close, 1);
    arrive(f, "some");
    assert_true(down(f, &d));
    assert_false(d.done);
    gather_init(&f->g, f->scratch, SIZE);
    assert_true(download_end(&d, &f->g));
    take_sent(f);
    assert_true(d.done);
    assert_string_equal(f->sent, "4\r\nsome\r\n0\r\n\r\n");
}

static void http_1_0_gets_chunks_plain(void **state)
{
    struct fixture *f = *state;
    struct download d;

    download_init(&d, chunked, 0);
    assert_int_equal(d.framing.kind, HTTP1_BODY_UNTIL_CLOSE);
    arrive(f, "4\r\nsome\r\n0\r\n\r\n");
    assert_true(down(f, &d));
    assert_true(d.done);
    assert_string_equal(f->sent, "some");
}

static void a_cut_answer_is_no_end(void **state)
{
    struct fixture *f = *state;
    struct download d;

    download_init(&d, length(10), 1);
    arrive(f, "some");
    assert_true(down(f, &d));
    gather_init(&f->g, f->scratch, SIZE);
    assert_false(download_end(&d, &f->g));
    download_init(&d, chunked, 1);
    arrive(f, "4\r\nsomeX");
    assert_false(down(f, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_body_is_complete_from_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_ends_where_the_next_request_begins, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(chunks_are_framed_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(trailers_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept_goes_once_no_second_try_will_come, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(trailers_stay_where_nobody_can_take_them, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept_is_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_that_outgrows_what_is_kept_has_one_try, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(too_much_and_nonsense_are_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_until_close_become_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(http_1_0_gets_chunks_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_answer_is_no_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
