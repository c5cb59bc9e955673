/* SPDX-License-Identifier: Apache-2.0 */
/* One webhook and a receiver that is well, broken or away; events and store are the test's. */
#include "coordinator/notify/notify.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "tests/lib/wait.h"
#include "tests/rude/rude_server.h"

#define TAKEN  "HTTP/1.1 204 No Content\r\n\r\n"
#define BROKEN "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
#define SECRET "kept in a file"
#define HEARD  4096

struct fixture {
    struct loop *loop;
    struct rude_server *receiver;
    struct notify_config config;
    struct notify_host host;
    struct notify *notify;
    char url[256];
    uint64_t first, last; /* sequences that are kept; event N has revision 10 * N */
    const char *incarnation;
    char id[64];
    struct buf saved;
    unsigned saves;
    bool refuses; /* the store */
};

static struct event event = {.kind = "paused",
                             .time = {INT64_C(1795255200) * 1000000000},
                             .operator_name = "ann",
                             .stage = "canary",
                             .node = "",
                             .text = "lunch"};

static bool next(void *ctx, const struct event_place *after, struct notify_event *ret)
{
    struct fixture *f = ctx;

    *ret = (struct notify_event){.event = &event, .oldest = f->first};
    for (uint64_t n = f->first; n <= f->last; n++) {
        ret->at = (struct event_place){.revision = 10 * n, .migration = {"orders"}, .sequence = n};
        if (event_place_cmp(&ret->at, after) > 0)
            return true;
    }
    return false;
}

static uint64_t now(void *ctx)
{
    return 10 * ((struct fixture *)ctx)->last;
}

static const char *incarnation(void *ctx)
{
    return ((struct fixture *)ctx)->incarnation;
}

static int save(void *ctx, const char *id, struct str state, notify_saved_fn fn, void *fn_ctx,
                struct err *err UNUSED)
{
    struct fixture *f = ctx;

    f->saves++;
    str_fmt(f->id, sizeof f->id, "%s", id);
    if (!f->refuses) {
        buf_clear(&f->saved);
        assert_true(buf_add_str(&f->saved, state));
    }
    fn(fn_ctx, !f->refuses);
    return 0;
}

static void open_notify(struct fixture *f)
{
    struct err err;

    assert_ok(notify_new(&f->config, &f->host, f->loop, &f->notify, &err), &err);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    f->receiver = rude_start(RUDE_ANSWER, TAKEN);
    str_fmt(f->url, sizeof f->url, "http://hook:hidden@127.0.0.1:%u/in?token=hidden",
            rude_port(f->receiver));
    buf_init(&f->saved, NOTIFY_STATE_MAX);
    f->first = 1;
    f->incarnation = "5f0c1d";
    f->host = (struct notify_host){f, next, now, incarnation, save};
    f->config = (struct notify_config){.url = {f->url},
                                       .count = 1,
                                       .secret = STR(SECRET),
                                       .retry_min = dur_ms(1),
                                       .retry_max = dur_ms(5),
                                       .save_every = dur_ms(1)};
    open_notify(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    notify_free(f->notify);
    rude_stop(f->receiver);
    buf_deinit(&f->saved);
    loop_free(f->loop);
    free(f);
    return 0;
}

static struct notify_status status(struct fixture *f)
{
    struct notify_status s[NOTIFY_HOOKS_MAX];

    assert_int_equal(notify_status(f->notify, s), 1);
    return s[0];
}

static uint64_t saved_sequence(const struct fixture *f)
{
    CLEANUP(json_freep) struct json *j = NULL;
    struct err err;

    return f->saved.len && json_parse(buf_view(&f->saved), &j, &err) == 0
               ? json_get_u64(j, "sequence", 0)
               : 0;
}

/* Each of `want` stands after the one before it. */
static void heard_in_order(struct fixture *f, const char *const *want)
{
    char text[HEARD];
    const char *at = rude_heard(f->receiver, text);

    for (; *want; want++) {
        at = strstr(at, *want);
        if (!at)
            fail_msg("not heard, or not in its place: %s\n%s", *want, text);
        at++;
    }
}

static void test_events_are_posted_in_order_and_signed(void **state)
{
    struct fixture *f = *state;
    char text[HEARD], timestamp[32], hex[SHA256_HEX], signed_text[HEARD];
    const char *body;
    struct sha256 mac;

    notify_lead(f->notify, true);
    f->last = 2;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 2);
    heard_in_order(f, (const char *const[]){"POST /in?token=hidden", "X-Switchyard-Event: paused",
                                            "X-Switchyard-Delivery: orders-1",
                                            "X-Switchyard-Delivery: orders-2", NULL});
    assert_true(sscanf(strstr(rude_heard(f->receiver, text), "Timestamp: "), "Timestamp: %31s",
                       timestamp) == 1);
    body = strstr(text, "\r\n\r\n") + 4;
    str_fmt(signed_text, sizeof signed_text, "%s.%.*s", timestamp,
            (int)(strchr(body, '}') + 1 - body), body);
    mac = hash_hmac_sha256(STR(SECRET), str_of(signed_text));
    sha256_hex(&mac, hex);
    assert_non_null(strstr(text, hex));
    assert_null(strstr(buf_text(&f->saved), "hidden"));
    assert_null(strstr(status(f).shown, "hidden"));
}

static void test_a_post_that_is_not_taken_comes_again(void **state)
{
    struct fixture *f = *state;

    rude_become(f->receiver, RUDE_ANSWER, BROKEN);
    notify_lead(f->notify, true);
    f->last = 2;
    notify_look(f->notify);
    WAIT_FOR(f->loop, wall_is_set(status(f).failing));
    assert_non_null(strstr(status(f).why, "500"));
    assert_int_equal(status(f).behind, 2);
    rude_become(f->receiver, RUDE_RESET, NULL);
    WAIT_FOR(f->loop, !strstr(status(f).why, "500"));
    rude_become(f->receiver, RUDE_ANSWER, TAKEN);
    WAIT_FOR(f->loop, saved_sequence(f) == 2);
    assert_false(wall_is_set(status(f).failing));
    assert_int_equal(status(f).behind, 0);
}

static void test_who_was_away_for_long_is_told_what_it_lost(void **state)
{
    struct fixture *f = *state;

    notify_lead(f->notify, true);
    f->last = 1;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 1);
    f->first = 300;
    f->last = 300;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 300);
    heard_in_order(f, (const char *const[]){"\"sequence\":1,", "\"lost\":0", "\"sequence\":300,",
                                            "\"lost\":298", NULL});
}

static void test_the_next_leader_goes_on_from_what_is_stored(void **state)
{
    struct fixture *f = *state;

    notify_lead(f->notify, true);
    f->last = 2;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 2);
    notify_stop(f->notify);
    notify_free(f->notify);
    open_notify(f);
    assert_false(status(f).known);
    f->last = 3;
    notify_look(f->notify); /* it does not lead */
    notify_stored(f->notify, f->id, buf_view(&f->saved));
    assert_int_equal(status(f).behind, 1);
    notify_lead(f->notify, true);
    WAIT_FOR(f->loop, saved_sequence(f) == 3);
    heard_in_order(f, (const char *const[]){"orders-1", "orders-2", "orders-3", NULL});
}

/* One that is new is told of what happens from then on; in another store all is new. */
static void test_where_it_begins(void **state)
{
    struct fixture *f = *state;
    char text[HEARD];

    f->last = 2;
    notify_lead(f->notify, true);
    assert_int_equal(f->saves, 1);
    f->last = 3;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 3);
    assert_null(strstr(rude_heard(f->receiver, text), "orders-2"));
    notify_lead(f->notify, false);
    f->incarnation = "77aa00";
    notify_lead(f->notify, true);
    WAIT_FOR(f->loop, strstr(rude_heard(f->receiver, text), "orders-2"));
}

static void test_what_was_not_asked_for_is_left_out(void **state)
{
    struct fixture *f = *state;
    char text[HEARD];

    notify_free(f->notify);
    f->config.kinds = UINT64_C(1) << EVENT_ROLLBACK;
    open_notify(f);
    notify_lead(f->notify, true);
    f->last = 3;
    notify_look(f->notify);
    WAIT_FOR(f->loop, saved_sequence(f) == 3);
    assert_string_equal(rude_heard(f->receiver, text), "");
}

static void test_a_store_that_refuses_is_asked_again(void **state)
{
    struct fixture *f = *state;

    f->refuses = true;
    notify_lead(f->notify, true);
    f->last = 1;
    notify_look(f->notify);
    WAIT_FOR(f->loop, f->saves > 3);
    f->refuses = false;
    WAIT_FOR(f->loop, saved_sequence(f) == 1);
}

static void test_what_is_stored_and_is_none_counts_for_nothing(void **state)
{
    struct fixture *f = *state;

    notify_lead(f->notify, true);
    notify_lead(f->notify, false);
    notify_stored(f->notify, f->id, STR("{"));
    notify_stored(f->notify, f->id, STR("{\"version\":9}"));
    notify_stored(f->notify, "0000", STR("{\"version\":1}"));
    assert_true(status(f).known);
    assert_false(wall_is_set(status(f).failing));
}

static void test_addresses_that_cannot_be_are_refused(void **state UNUSED)
{
    struct err err;

    assert_fails(notify_check_url("ftp://x/", &err), ERR_INVALID);
    assert_fails(notify_check_url("http://x/a b", &err), ERR_INVALID);
    assert_fails(notify_check_url("http://x/a\nb", &err), ERR_INVALID);
    assert_ok(notify_check_url("https://x/a?b=c", &err), &err);
}

#define NOTIFY_TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOTIFY_TEST(events_are_posted_in_order_and_signed),
        NOTIFY_TEST(a_post_that_is_not_taken_comes_again),
        NOTIFY_TEST(who_was_away_for_long_is_told_what_it_lost),
        NOTIFY_TEST(the_next_leader_goes_on_from_what_is_stored),
        NOTIFY_TEST(where_it_begins),
        NOTIFY_TEST(what_was_not_asked_for_is_left_out),
        NOTIFY_TEST(a_store_that_refuses_is_asked_again),
        NOTIFY_TEST(what_is_stored_and_is_none_counts_for_nothing),
        cmocka_unit_test(test_addresses_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
