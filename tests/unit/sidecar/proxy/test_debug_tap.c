/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include "common/base/mem.h"
#include "sidecar/proxy/debug_tap.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/view.h"

static const struct name app = {"app"}, other = {"other"};

struct fixture {
    struct clock_fake clock;
    struct lane lane;
    struct conn conn;
    struct request request;
    struct ruleset_entry entry;
    struct view_route route;
    struct ruleset *set;
    struct live live;
    struct view view;
    struct http1_header header[8];
    struct debug_tap *tap;
    struct buf lines;
    uint64_t lost;
};

static const char head[] = "GET /a HTTP/1.1\r\nHost: h\r\nX-User-Id: alice\r\n\r\n";

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct request *req = &f->request;
    struct err err = {0};

    clock_fake_init(&f->clock, (wall_t){1});
    assert_ok(loop_new(&f->clock.clock, &f->lane.loop, &err), &err);
    f->set = ruleset_new("0", 1, 7);
    f->live.set = f->set;
    f->view.live = &f->live;
    f->entry.route.migration = app;
    f->entry.route.key = (struct route_key){.source = KEY_HEADER, .name = "X-User-Id"};
    f->route.entry = &f->entry;
    f->conn = (struct conn){.lane = &f->lane, .req = req};
    req->route = &f->route;
    req->view = &f->view;
    req->answered = true;
    req->answer.status = 200;
    http1_parser_init(&req->parser, HTTP1_REQUEST, HTTP1_LIMITS_DEFAULT, &req->head, f->header, 8);
    assert_int_equal(http1_parse(&req->parser, head, sizeof head - 1), HTTP1_DONE);
    req->head.base = head;
    f->tap = debug_tap_new();
    buf_init(&f->lines, DEBUG_TAP_BYTES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    debug_tap_free(f->tap);
    buf_deinit(&f->lines);
    ruleset_unref(f->set);
    loop_free(f->lane.loop);
    xfreep(&f);
    return 0;
}

static void pass(struct fixture *f, dur_t d)
{
    clock_fake_advance(&f->clock, d);
    loop_turn(f->lane.loop, dur_ms(0));
}

static int ask(struct fixture *f, const struct name *migration, struct str key)
{
    struct err err;

    buf_clear(&f->lines);
    return debug_tap_ask(f->tap, migration, key, loop_now(f->lane.loop), &f->lines, &f->lost, &err);
}

static unsigned lines(const struct fixture *f)
{
    unsigned n = 0;

    for (size_t i = 0; i < f->lines.len; i++)
        n += f->lines.data[i] == '\n';
    return n;
}

static void what_is_asked_for_is_kept(void **state)
{
    struct fixture *f = *state;

    assert_false(debug_tap_is_open(f->tap));
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_true(debug_tap_is_open(f->tap));
    debug_tap_note(f->tap, &f->conn);
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_int_equal(lines(f), 1);
    assert_holds(buf_text(&f->lines), "\"migration\":\"app\"");
    assert_holds(buf_text(&f->lines), "\"revision\":7");
    assert_null(strstr(buf_text(&f->lines), "alice"));
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_int_equal(lines(f), 0);

    f->entry.route.migration = other;
    debug_tap_note(f->tap, &f->conn);
    f->entry.route.migration = app;
    f->request.route = NULL;
    debug_tap_note(f->tap, &f->conn);
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_int_equal(lines(f), 0);
}

static void keys_of_others_are_not_shown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &app, STR("alic")), 0);
    debug_tap_note(f->tap, &f->conn);
    assert_int_equal(ask(f, &app, STR("alic")), 0);
    assert_int_equal(lines(f), 0);
    assert_int_equal(f->lost, 0);
}

static void one_at_a_time_until_nobody_asks(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(ask(f, &other, STR("")), -ERR_REFUSED);
    assert_int_equal(ask(f, &app, STR("bob")), -ERR_REFUSED);
    pass(f, dur_ms(4900));
    assert_int_equal(ask(f, &app, STR("")), 0);
    pass(f, dur_ms(4900));
    debug_tap_note(f->tap, &f->conn);
    pass(f, dur_ms(200));
    debug_tap_note(f->tap, &f->conn);
    assert_false(debug_tap_is_open(f->tap));
    assert_int_equal(ask(f, &other, STR("")), 0);
    assert_int_equal(lines(f), 0);
}

static void what_comes_too_fast_is_counted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &app, STR("")), 0);
    for (unsigned i = 0; i < DEBUG_LINES_PER_S + 50; i++)
        debug_tap_note(f->tap, &f->conn);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(lines(f) + f->lost, DEBUG_LINES_PER_S + 50);
    assert_true(f->lost >= 50);
    pass(f, dur_s(1));
    debug_tap_note(f->tap, &f->conn);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(lines(f), 1);
    assert_int_equal(f->lost, 0);
}

static void a_key_that_no_request_has_is_refused(void **state)
{
    char key[DEBUG_KEY_SIZE + 1];

    memset(key, 'x', sizeof key);
    assert_int_equal(ask(*state, &app, (struct str){key, sizeof key}), -ERR_INVALID);
    assert_int_equal(ask(*state, &app, (struct str){key, sizeof key - 1}), 0);
}

static void end(struct fixture *f, struct debug_mark *mark)
{
    const struct access_end end = {
        .kind = "tcp", .ending = ENDING_CLIENT, .origin = ",\"system\":\"new\""};

    debug_tap_note_end(f->tap, &app, mark, end, loop_now(f->lane.loop));
    xfreep(&mark->origin);
}

static void connections_are_shown_when_they_begin_and_end(void **state)
{
    struct fixture *f = *state;
    struct debug_mark before = {.asked = 0}, mark = {.asked = 0};

    f->conn.tcp = true;
    debug_tap_note_begin(f->tap, &f->conn, &before);
    assert_null(before.origin);
    assert_int_equal(ask(f, &app, STR("")), 0);
    debug_tap_note_begin(f->tap, &f->conn, &mark);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(lines(f), 1);
    assert_holds(buf_text(&f->lines), "\"kind\":\"tcp\",\"end\":null");
    assert_holds(buf_text(&f->lines), "\"revision\":7");
    end(f, &mark);
    end(f, &before);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(lines(f), 2);
    assert_holds(buf_text(&f->lines), "\"end\":\"client\"");
    assert_holds(buf_text(&f->lines), "\"revision\":7");
    assert_holds(buf_text(&f->lines), "\"duration_ms\":0.000,\"system\":\"new\"}");
}

static void connections_of_other_keys_and_questions_are_not_shown(void **state)
{
    struct fixture *f = *state;
    struct debug_mark alice = {.asked = 0}, bob = {.asked = 0}, old = {.asked = 0};

    f->conn.tcp = true;
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    debug_tap_note_begin(f->tap, &f->conn, &alice);
    debug_tap_note_begin(f->tap, &f->conn, &old);
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_int_equal(lines(f), 2);
    end(f, &bob);
    end(f, &alice);
    assert_int_equal(ask(f, &app, STR("alice")), 0);
    assert_int_equal(lines(f), 1);

    pass(f, dur_s(6));
    assert_int_equal(ask(f, &app, STR("bob")), 0);
    debug_tap_note_begin(f->tap, &f->conn, &bob);
    debug_tap_note_failed(f->tap, &f->conn, (struct access_end){.kind = "tcp"});
    end(f, &bob);
    end(f, &old);
    assert_int_equal(ask(f, &app, STR("bob")), 0);
    assert_int_equal(lines(f), 0);
    assert_int_equal(f->lost, 0);
}

/* Its request has had its own line. */
static void tunnels_are_shown_when_they_end(void **state)
{
    struct fixture *f = *state;
    struct debug_mark mark = {.asked = 0};

    assert_int_equal(ask(f, &app, STR("")), 0);
    debug_tap_note_begin(f->tap, &f->conn, &mark);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_int_equal(lines(f), 0);
    end(f, &mark);
    assert_int_equal(ask(f, &app, STR("")), 0);
    assert_holds(buf_text(&f->lines), "\"path\":\"/a\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_for_is_kept),
        TEST(keys_of_others_are_not_shown),
        TEST(one_at_a_time_until_nobody_asks),
        TEST(what_comes_too_fast_is_counted),
        TEST(a_key_that_no_request_has_is_refused),
        TEST(connections_are_shown_when_they_begin_and_end),
        TEST(connections_of_other_keys_and_questions_are_not_shown),
        TEST(tunnels_are_shown_when_they_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
