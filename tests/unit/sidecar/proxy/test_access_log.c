/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"

/* A connection whose request is over. */
struct fixture {
    struct clock_fake clock;
    struct lane lane;
    struct conn conn;
    struct request request;
    struct http1_header header[8];
    struct buf head;
    struct rng rng;
};

static void set_head(struct fixture *f, struct str head)
{
    struct request *req = &f->request;

    buf_clear(&f->head);
    assert_true(buf_add_str(&f->head, head));
    http1_parser_init(&req->parser, HTTP1_REQUEST, HTTP1_LIMITS_DEFAULT, &req->head, f->header, 8);
    assert_int_equal(http1_parse(&req->parser, f->head.data, f->head.len), HTTP1_DONE);
    req->head.base = f->head.data;
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    clock_fake_init(&f->clock, (wall_t){1});
    assert_ok(loop_new(&f->clock.clock, &f->lane.loop, &err), &err);
    f->conn.lane = &f->lane;
    f->conn.req = &f->request;
    f->request.answered = true;
    f->request.answer.status = 200;
    f->request.began = loop_now(f->lane.loop);
    buf_init(&f->head, 65536);
    rng_seed(&f->rng, 1);
    set_head(f, STR("GET /a?secret=1 HTTP/1.1\r\nHost: shop\r\ntraceparent: 00-ab-cd-01\r\n\r\n"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    loop_free(f->lane.loop);
    buf_deinit(&f->head);
    xfreep(&f);
    return 0;
}

static void a_line_tells_the_request_without_its_query(void **state)
{
    CLEANUP(buf_deinitp) struct buf line = BUF_INIT(ACCESS_LINE_MAX);
    struct fixture *f = *state;

    f->request.to_client = 99;
    assert_true(access_log_format(&f->conn, false, &line));
    assert_holds(buf_text(&line),
                 "\"status\":200,\"bytes\":99,\"bytes_in\":66,\"duration_ms\":0.000");
    assert_holds(buf_text(&line), "\"method\":\"GET\",\"host\":\"shop\",\"path\":\"/a\",");
    assert_holds(buf_text(&line), "\"traceparent\":\"00-ab-cd-01\"}\n");
    assert_true(access_log_format(&f->conn, true, &line));
    assert_holds(buf_text(&line), "\"path\":\"/a?secret=1\"");
}

/* Whatever a client sends: one line of valid JSON, and it fits. */
static void what_clients_send_is_escaped_and_cut(void **state)
{
    CLEANUP(buf_deinitp) struct buf line = BUF_INIT(ACCESS_LINE_MAX), head = BUF_INIT(16384);
    CLEANUP(json_freep) struct json *j = NULL;
    struct fixture *f = *state;
    struct err err = {0};

    assert_true(buf_addf(&head, "GET /"));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(buf_addf(&head, "%%7e"));
    assert_true(buf_addf(&head, " HTTP/1.1\r\nHost: h\r\ntraceparent: \xc3\xa4\\\"x\r\n\r\n"));
    set_head(f, buf_view(&head));
    assert_true(access_log_format(&f->conn, true, &line));
    assert_ptr_equal(strchr(buf_text(&line), '\n'), buf_text(&line) + line.len - 1);
    assert_ok(json_parse(buf_view(&line), &j, &err), &err);
    assert_int_equal(strlen(json_get_string(j, "path", "")), 1024);
    assert_holds(buf_text(&line), "\"traceparent\":\"\\u00c3\\u00a4\\\\\\\"x\"");
}

static void a_head_that_was_refused_has_no_fields(void **state)
{
    CLEANUP(buf_deinitp) struct buf line = BUF_INIT(ACCESS_LINE_MAX);
    struct fixture *f = *state;

    f->request.answered = false;
    f->request.head = (struct http1_head){.size = 0};
    f->conn.status = 400;
    assert_true(access_log_format(&f->conn, false, &line));
    assert_holds(buf_text(&line), "\"status\":400");
    assert_holds(buf_text(&line), "\"migration\":null}\n");
}

static void check_grpc(struct fixture *f, struct http1_grpc g, const char *want)
{
    CLEANUP(buf_deinitp) struct buf line = BUF_INIT(ACCESS_LINE_MAX);

    f->request.grpc = g;
    assert_true(access_log_format(&f->conn, false, &line));
    if (want)
        assert_holds(buf_text(&line), want);
    else
        assert_null(strstr(buf_text(&line), "grpc"));
}

static void a_call_has_its_status(void **state)
{
    const struct http1_grpc unavailable = {.is_call = true, .status = 14};
    const struct http1_grpc unsaid = {.is_call = true, .status = HTTP1_GRPC_UNSAID};

    check_grpc(*state, (struct http1_grpc){.is_call = false}, NULL);
    check_grpc(*state, unavailable, ",\"grpc_status\":\"UNAVAILABLE\",");
    check_grpc(*state, unsaid, ",\"grpc_status\":null,");
}

static struct access_end an_end(enum ending ending)
{
    return (struct access_end){
        .kind = "tcp",
        .ending = ending,
        .bytes_in = 7,
        .bytes_out = 1ull << 40,
        .at = {1},
        .took = dur_ms(1500),
        .origin = ",\"migration\":null",
    };
}

static void an_end_is_a_line(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf line = BUF_INIT(ACCESS_LINE_MAX);
    const struct access_end end = an_end(ENDING_SYSTEM_RESET);

    assert_true(access_log_format_end(&end, &line));
    assert_string_equal(buf_text(&line),
                        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"tcp\","
                        "\"end\":\"system_reset\",\"bytes\":1099511627776,\"bytes_in\":7,"
                        "\"duration_ms\":1500.000,\"migration\":null}\n");
}

/* Released ones: they are in people's queries. */
static void ends_keep_their_names(void **state UNUSED)
{
    static const char *const released[] = {
        "",      "client",    "client_reset", "system",  "system_reset", "unanswered", "idle",
        "rules", "emergency", "drain",        "connect", "overload",     "nobody",     "unrouted"};

    for (unsigned i = 0; i < ARRAY_LEN(released); i++)
        assert_string_equal(ending_name((enum ending)i), released[i]);
    assert_int_equal(ENDING_UNROUTED + 1, ARRAY_LEN(released));
}

static void an_origin_tells_what_was_asked_for(void **state)
{
    CLEANUP(buf_deinitp) struct buf part = BUF_INIT(ACCESS_LINE_MAX);
    CLEANUP(buf_deinitp) struct buf small = BUF_INIT(32);
    struct fixture *f = *state;

    assert_true(access_log_format_origin(&f->conn, false, &part));
    assert_holds(buf_text(&part), ",\"migration\":null,\"method\":\"GET\",\"host\":\"shop\"");
    assert_null(strstr(buf_text(&part), "secret"));
    assert_false(access_log_format_origin(&f->conn, false, &small));
}

/* ---- rings ----------------------------------------------------------------------------------- */

struct reader {
    struct buf got;
    bool broken;
};

static bool take(void *ctx, struct str piece)
{
    struct reader *r = ctx;

    return buf_add_str(&r->got, piece) && !r->broken;
}

static unsigned lines_of(const struct reader *r)
{
    unsigned n = 0;

    for (size_t i = 0; i < r->got.len; i++)
        n += r->got.data[i] == '\n';
    return n;
}

static void a_full_ring_loses_and_counts(void **state)
{
    struct access_log *log = access_log_new(ACCESS_ALL, false);
    struct access_ring *ring = access_log_ring(log, 3);
    struct reader r = {.got = BUF_INIT(4u << 20)};
    struct fixture *f = *state;
    unsigned wrote = 20000, kept;

    for (unsigned i = 0; i < wrote; i++)
        access_log_note(ring, &f->conn, &f->rng);
    access_log_drain(log, take, &r);
    kept = lines_of(&r);
    assert_true(kept > 1000 && kept < wrote);
    assert_int_equal(access_log_lost(log), wrote - kept);
    assert_int_equal(r.got.data[r.got.len - 1], '\n');

    /* Over the ring's end and on: nothing is lost while somebody reads. */
    for (unsigned i = 0; i < wrote; i++) {
        access_log_note(ring, &f->conn, &f->rng);
        buf_clear(&r.got);
        access_log_drain(log, take, &r);
        assert_int_equal(lines_of(&r), 1);
    }
    assert_int_equal(access_log_lost(log), wrote - kept);
    access_log_free(log);
    buf_deinit(&r.got);
}

struct lane_run {
    struct fixture *f;
    struct access_ring *ring;
    atomic_bool over;
};

static void *run_lane(void *arg)
{
    struct lane_run *run = arg;

    for (unsigned i = 0; i < 50000; i++)
        access_log_note(run->ring, &run->f->conn, &run->f->rng);
    atomic_store(&run->over, true);
    return NULL;
}

/* A lane and a reader at once: each line is whole, and either there or counted as lost. */
static void a_reader_beside_the_lane_sees_whole_lines(void **state)
{
    struct access_log *log = access_log_new(ACCESS_ALL, false);
    struct lane_run run = {.f = *state, .ring = access_log_ring(log, 0)};
    struct reader r = {.got = BUF_INIT(8u << 20)};
    unsigned lines = 0;
    pthread_t thread;
    bool over;

    assert_int_equal(pthread_create(&thread, NULL, run_lane, &run), 0);
    do {
        over = atomic_load(&run.over);
        buf_clear(&r.got);
        access_log_drain(log, take, &r);
        lines += lines_of(&r);
        if (r.got.len > 0) {
            assert_int_equal(r.got.data[0], '{');
            assert_int_equal(r.got.data[r.got.len - 1], '\n');
        }
    } while (!over);
    pthread_join(thread, NULL);
    assert_int_equal(lines + access_log_lost(log), 50000);
    access_log_free(log);
    buf_deinit(&r.got);
}

static void failures_are_logged_whatever_the_sample(void **state)
{
    struct access_log *log = access_log_new(0, false);
    struct access_ring *ring = access_log_ring(log, 0);
    struct reader r = {.got = BUF_INIT(1u << 20)};
    struct fixture *f = *state;

    assert_ptr_equal(access_log_ring(log, 0), ring);
    access_log_note(ring, &f->conn, &f->rng);
    f->request.answer.status = 404;
    access_log_note(ring, &f->conn, &f->rng);
    access_log_drain(log, take, &r);
    assert_int_equal(lines_of(&r), 0);

    f->request.answer.status = 503;
    access_log_note(ring, &f->conn, &f->rng);
    f->request.answer.status = 200;
    f->request.rescued = true;
    access_log_note(ring, &f->conn, &f->rng);
    f->request.rescued = false;
    f->request.failure = FAILURE_TIMEOUT;
    access_log_note(ring, &f->conn, &f->rng);
    f->request.failure = FAILURE_NONE;
    f->request.grpc = (struct http1_grpc){.is_call = true, .is_failed = true, .status = 14};
    access_log_note(ring, &f->conn, &f->rng);
    access_log_drain(log, take, &r);
    assert_int_equal(lines_of(&r), 4);
    access_log_free(log);
    buf_deinit(&r.got);
}

static void failed_ends_are_logged_whatever_the_sample(void **state)
{
    struct access_log *log = access_log_new(0, false);
    struct access_ring *ring = access_log_ring(log, 0);
    struct reader r = {.got = BUF_INIT(1u << 20)};
    struct fixture *f = *state;
    struct access_end end;

    for (int i = ENDING_CLIENT; i <= ENDING_UNROUTED; i++) {
        end = an_end((enum ending)i);
        access_log_note_end(ring, &end, &f->rng);
        buf_clear(&r.got);
        access_log_drain(log, take, &r);
        assert_int_equal(lines_of(&r), ending_is_failure((enum ending)i));
    }
    end = an_end(ENDING_CLIENT);
    end.rescued = true;
    access_log_note_end(ring, &end, &f->rng);
    buf_clear(&r.got);
    access_log_drain(log, take, &r);
    assert_int_equal(lines_of(&r), 1);
    access_log_free(log);
    buf_deinit(&r.got);
}

static void a_sample_is_a_sample(void **state)
{
    struct access_log *log = access_log_new(ACCESS_ALL / 10, false);
    struct access_ring *ring = access_log_ring(log, 0);
    struct reader r = {.got = BUF_INIT(1u << 20)};
    struct fixture *f = *state;

    for (unsigned i = 0; i < 10000; i++)
        access_log_note(ring, &f->conn, &f->rng);
    access_log_drain(log, take, &r);
    assert_in_range(lines_of(&r), 800, 1200);
    access_log_free(log);
    buf_deinit(&r.got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_tells_the_request_without_its_query),
        TEST(what_clients_send_is_escaped_and_cut),
        TEST(a_head_that_was_refused_has_no_fields),
        TEST(a_call_has_its_status),
        TEST(a_full_ring_loses_and_counts),
        TEST(a_reader_beside_the_lane_sees_whole_lines),
        TEST(failures_are_logged_whatever_the_sample),
        TEST(a_sample_is_a_sample),
        TEST(an_end_is_a_line),
        TEST(ends_keep_their_names),
        TEST(an_origin_tells_what_was_asked_for),
        TEST(failed_ends_are_logged_whatever_the_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
