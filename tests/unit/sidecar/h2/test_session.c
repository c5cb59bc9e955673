/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: two sessions, a client's and a server's, carry HTTP/1.1 text between their streams:
 * heads, bodies of any size, resets, goodbyes; and what one does not read is bounded. */
#include "sidecar/h2/h2_session.h"

#include <errno.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "tests/lib/unit.h"

#define PEERS    8
#define TEXT_MAX (1u << 20)
#define HEAD_MAX 8192

/* Either end of a stream: what it heard, and what it has yet to say. */
struct peer {
    struct transport t;
    struct buf heard;
    struct buf says;
    size_t said;
    bool ends;    /* closes when everything is said */
    bool deaf;    /* reads nothing */
    bool hung_up; /* heard of a broken stream */
    bool at_end;  /* read the end */
};

static struct loop *loop;
static struct h2_session *server, *client;
static struct peer asked[PEERS], asking[PEERS];
static unsigned asked_count;
static bool server_over, client_over;

static void want(struct peer *p)
{
    const bool more = p->said < p->says.len;

    transport_want(&p->t, (p->deaf || p->at_end ? 0u : LOOP_READ) | (more ? LOOP_WRITE : 0u));
}

static void hear(struct peer *p)
{
    char bytes[1000]; /* an odd size, so that text is cut anywhere */
    ssize_t n = transport_recv(&p->t, bytes, sizeof bytes);

    if (n > 0)
        assert_true(buf_add(&p->heard, bytes, (size_t)n));
    p->at_end |= n == 0;
}

static void say(struct peer *p)
{
    const struct iovec piece = {p->says.data + p->said, p->says.len - p->said};
    ssize_t n = transport_send(&p->t, &piece, 1);

    if (n < 0)
        p->hung_up = true;
    else
        p->said += (size_t)n;
}

static void on_event(struct transport *t, unsigned events)
{
    struct peer *p = container_of(t, struct peer, t);

    if (events & LOOP_READ)
        hear(p);
    if (events & LOOP_WRITE && p->said < p->says.len)
        say(p);
    if (events & LOOP_HANGUP) {
        p->hung_up = true;
        transport_silence(t);
    } else if (p->ends && p->said == p->says.len) {
        transport_close(t);
    } else {
        want(p);
    }
}

static void on_stream(void *ctx UNUSED, struct h2_session *s UNUSED, struct h2_stream *stream)
{
    struct peer *p = &asked[asked_count++];

    assert_true(asked_count <= PEERS);
    h2_stream_take(stream, &p->t, p->deaf ? 0 : LOOP_READ, on_event);
}

static void on_over(void *ctx UNUSED, struct h2_session *s)
{
    if (s == server) {
        server = NULL;
        server_over = true;
    } else {
        client = NULL;
        client_over = true;
    }
    h2_session_free(s);
}

static struct h2_session *new_session(bool is_server, int fd)
{
    const struct h2_config config = {
        .is_server = is_server, .head_max = HEAD_MAX, .streams_max = 4, .idle = dur_s(60)};
    const struct h2_hooks hooks = {.on_stream = on_stream, .on_over = on_over};
    struct h2_session *s = h2_session_new(loop, &config, &hooks, NULL);

    assert_true(transport_open(h2_session_link(s), loop, fd, LOOP_READ, h2_session_on_event));
    h2_session_start(s, (struct str){NULL, 0});
    return s;
}

static int set_up(void **state UNUSED)
{
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    assert_int_equal(loop_new(clock_system, &loop, NULL), 0);
    memset(asked, 0, sizeof asked);
    memset(asking, 0, sizeof asking);
    for (unsigned i = 0; i < PEERS; i++) {
        buf_init(&asked[i].heard, TEXT_MAX);
        buf_init(&asked[i].says, TEXT_MAX);
        buf_init(&asking[i].heard, TEXT_MAX);
        buf_init(&asking[i].says, TEXT_MAX);
    }
    asked_count = 0;
    server_over = client_over = false;
    server = new_session(true, fd[0]);
    client = new_session(false, fd[1]);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    h2_session_free(client);
    h2_session_free(server);
    for (unsigned i = 0; i < PEERS; i++) {
        transport_close(&asked[i].t);
        transport_close(&asking[i].t);
        buf_deinit(&asked[i].heard);
        buf_deinit(&asked[i].says);
        buf_deinit(&asking[i].heard);
        buf_deinit(&asking[i].says);
    }
    loop_free(loop);
    return 0;
}

/* Both ends are here, so when nothing is left to do for a while nothing comes any more. */
static void settle(void)
{
    for (unsigned i = 0; i < 2000; i++)
        loop_turn(loop, dur_ms(0));
}

static void tell(struct peer *p, const char *text)
{
    assert_true(buf_add_str(&p->says, str_of(text)));
    if (p->t.is_open)
        want(p);
}

static void ask(unsigned i, const char *text)
{
    tell(&asking[i], text);
    h2_session_open(client, &asking[i].t, LOOP_READ | LOOP_WRITE, on_event);
    settle();
}

#define GET "GET /a HTTP/1.1\r\nHost: app\r\n\r\n"

static void request_and_answer(void **state UNUSED)
{
    ask(0, GET);
    assert_string_equal(buf_text(&asked[0].heard),
                        "GET /a HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
    assert_false(asked[0].at_end);
    tell(&asked[0], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
    settle();
    assert_string_equal(buf_text(&asking[0].heard),
                        "HTTP/1.1 200 OK\r\nx-a: b\r\nConnection: close\r\ncontent-length: 5\r\n"
                        "\r\nhello");
    assert_true(asking[0].at_end);
    assert_int_equal(h2_session_streams(client), 0);
    assert_int_equal(h2_session_streams(server), 0);
}

static void chunks_both_ways(void **state UNUSED)
{
    ask(0, "POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_holds(buf_text(&asked[0].heard), "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    tell(&asked[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard), "\r\n\r\n1\r\nx\r\n");
    tell(&asking[0], "2\r\nde\r\n0\r\n\r\n");
    settle();
    assert_holds(buf_text(&asked[0].heard), "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    tell(&asked[0], "0\r\n\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard), "1\r\nx\r\n0\r\n\r\n");
    assert_int_equal(h2_session_streams(server), 0);
}

static void trailers_both_ways(void **state UNUSED)
{
    ask(0,
        "POST / HTTP/1.1\r\nHost: app\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_holds(buf_text(&asked[0].heard), "\r\nConnection: close, TE\r\nTE: trailers\r\n");
    assert_holds(buf_text(&asked[0].heard), "1\r\na\r\n0\r\nx-sum: 1\r\n\r\n");
    tell(&asked[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    settle();
    tell(&asked[0], "0\r\nGrpc-Status: 5\r\nGrpc-Message: no\r\n\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard),
                 "\r\n\r\n0\r\ngrpc-status: 5\r\ngrpc-message: no\r\n\r\n");
    assert_true(asking[0].at_end);
}

static void interim_answers_come_before_the_final_one(void **state UNUSED)
{
    ask(0, GET);
    tell(&asked[0], "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard), "HTTP/1.1 103 ");
    tell(&asked[0], "HTTP/1.1 204 No Content\r\n\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard),
                 "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    assert_true(asking[0].at_end);
}

static void answer_to_head_has_no_body(void **state UNUSED)
{
    ask(0, "HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
    tell(&asked[0], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    settle();
    assert_true(asking[0].at_end);
    assert_holds(buf_text(&asking[0].heard), "\r\ncontent-length: 5\r\n");
}

static void fill(struct buf *b, size_t n)
{
    char *room = buf_reserve(b, n);

    assert_non_null(room);
    memset(room, 'a', n);
    b->len += n;
}

/* Several windows, and many times what waits in between. */
static void large_bodies_pass(void **state UNUSED)
{
    enum { SIZE = 500000 };

    buf_addf(&asking[0].says, "PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n\r\n", SIZE);
    fill(&asking[0].says, SIZE);
    ask(0, "");
    assert_true(asked[0].heard.len > SIZE);
    buf_addf(&asked[0].says, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
    fill(&asked[0].says, SIZE);
    tell(&asked[0], "");
    settle();
    assert_true(asking[0].heard.len > SIZE && asking[0].at_end);
}

/* What nobody reads stops at the window; other streams go on. */
static void deaf_stream_holds_up_nobody(void **state UNUSED)
{
    asked[0].deaf = true;
    buf_addf(&asking[0].says, "PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 900000\r\n\r\n");
    fill(&asking[0].says, 900000);
    ask(0, "");
    assert_true(asking[0].said < 2 * H2_STREAM_WINDOW);
    ask(1, GET);
    tell(&asked[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    settle();
    assert_true(asking[1].at_end);
    asked[0].deaf = false;
    want(&asked[0]);
    settle();
    assert_true(asked[0].heard.len > 900000);
}

static void who_gives_up_is_heard_of(void **state UNUSED)
{
    ask(0, GET);
    transport_close(&asking[0].t);
    settle();
    assert_true(asked[0].hung_up);
    ask(1, GET);
    tell(&asked[1], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    settle();
    transport_close(&asked[1].t);
    settle();
    assert_true(asking[1].hung_up);
    assert_int_equal(h2_session_streams(client), 0);
    assert_int_equal(h2_session_streams(server), 0);
}

/* The answer is whole and its writer gone before all of it was sent. */
static void answer_is_sent_behind_its_writer(void **state UNUSED)
{
    asking[0].deaf = true;
    ask(0, GET);
    asked[0].ends = true;
    buf_addf(&asked[0].says, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n");
    fill(&asked[0].says, 90000);
    tell(&asked[0], "");
    settle();
    assert_false(asked[0].t.is_open);
    asking[0].deaf = false;
    want(&asking[0]);
    settle();
    assert_true(asking[0].heard.len > 90000 && asking[0].at_end);
}

/* RFC 9113 8.1: who has its answer is told to stop sending. */
static void early_answer_ends_the_upload(void **state UNUSED)
{
    buf_addf(&asking[0].says, "PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 900000\r\n\r\n");
    fill(&asking[0].says, 1000);
    ask(0, "");
    asked[0].ends = true;
    tell(&asked[0], "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    settle();
    assert_holds(buf_text(&asking[0].heard), "HTTP/1.1 413 ");
    assert_false(asking[0].hung_up);
    assert_int_equal(h2_session_streams(server), 0);
}

static void streams_are_limited(void **state UNUSED)
{
    for (unsigned i = 0; i < 4; i++) {
        assert_true(h2_session_has_room(client));
        ask(i, GET);
    }
    assert_false(h2_session_has_room(client));
    assert_int_equal(asked_count, 4);
}

static void drained_connection_ends_with_its_streams(void **state UNUSED)
{
    ask(0, GET);
    h2_session_drain(server);
    settle();
    assert_true(h2_session_is_leaving(client));
    assert_false(server_over);
    tell(&asked[0], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    settle();
    assert_true(asking[0].at_end);
    assert_true(server_over && client_over);
}

static void broken_connection_breaks_its_streams(void **state UNUSED)
{
    ask(0, GET);
    h2_session_free(steal(server));
    settle();
    assert_true(asked[0].hung_up && asking[0].hung_up && client_over);
    assert_false(transport_was_refused(&asking[0].t));
}

static void message_that_cannot_be_sent_breaks_its_stream(void **state UNUSED)
{
    char byte;

    ask(0, "no request\r\n\r\n");
    assert_true(asking[0].hung_up);
    assert_int_equal(transport_recv(&asking[0].t, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    transport_close(&asking[0].t);
    settle();
    assert_int_equal(h2_session_streams(client), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(request_and_answer),
        T(chunks_both_ways),
        T(trailers_both_ways),
        T(interim_answers_come_before_the_final_one),
        T(answer_to_head_has_no_body),
        T(large_bodies_pass),
        T(deaf_stream_holds_up_nobody),
        T(who_gives_up_is_heard_of),
        T(answer_is_sent_behind_its_writer),
        T(early_answer_ends_the_upload),
        T(streams_are_limited),
        T(drained_connection_ends_with_its_streams),
        T(broken_connection_breaks_its_streams),
        T(message_that_cannot_be_sent_breaks_its_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
