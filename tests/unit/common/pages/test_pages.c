/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/pages/pages.h"

struct fixture {
    struct clock_fake clock;
    struct loop *loop;
    struct pages *pages;
    bool ready, too_large;
};

static bool is_ready(void *ctx)
{
    struct fixture *f = ctx;

    return f->ready;
}

static bool status(void *ctx, struct buf *ret)
{
    struct fixture *f = ctx;

    return !f->too_large && buf_addf(ret, "{\"state\": \"stale\"}\n");
}

static bool metrics(void *ctx UNUSED, struct buf *ret)
{
    return buf_addf(ret, "up 1\n");
}

static bool is_alive(void *ctx UNUSED)
{
    return true;
}

static const struct page table[] = {
    {.path = STR("/healthz"), .is_fine = is_alive, .fine = "alive"},
    {.path = STR("/readyz"), .is_fine = is_ready, .fine = "ready", .not_fine = "not yet"},
    {.path = STR("/status"), .type = PAGES_JSON, .tell = status},
    {.path = STR("/metrics"), .type = PAGES_METRICS, .tell = metrics},
};

static int open_pages(struct fixture *f, const char *listen, struct pages **ret, struct err *err)
{
    return pages_new(listen, f->loop, table, ARRAY_LEN(table), f, ret, err);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    clock_fake_init(&f->clock, (wall_t){1});
    assert_ok(loop_new(&f->clock.clock, &f->loop, &err), &err);
    assert_ok(open_pages(f, "127.0.0.1:0", &f->pages, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pages_free(f->pages);
    loop_free(f->loop);
    xfreep(&f);
    return 0;
}

static int dial(const struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(pages_port(f->pages)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text, size_t n)
{
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* Has the other side closed? What it said before is appended to `text`. */
static bool drained(int fd, char *text, size_t size)
{
    size_t have = strlen(text);
    ssize_t n = recv(fd, text + have, size - have - 1, MSG_DONTWAIT);

    if (n > 0)
        text[have + (size_t)n] = '\0';
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void ask(struct fixture *f, const char *request, char *ret, size_t size)
{
    int fd = dial(f);

    ret[0] = '\0';
    say(fd, request, strlen(request));
    WAIT_FOR(f->loop, drained(fd, ret, size));
    close(fd);
}

#define REQUEST(line) line " HTTP/1.1\r\nHost: n\r\n\r\n"

static void pages_answer(void **state)
{
    struct fixture *f = *state;
    char text[2048];

    ask(f, REQUEST("GET /healthz"), text, sizeof text);
    assert_holds(text, "HTTP/1.1 200 OK\r\n");
    assert_holds(text, "Connection: close\r\n");
    ask(f, REQUEST("GET /readyz"), text, sizeof text);
    assert_holds(text, "HTTP/1.1 503 ");
    f->ready = true;
    ask(f, REQUEST("GET /readyz?verbose"), text, sizeof text);
    assert_holds(text, "HTTP/1.1 200 OK\r\n");
    ask(f, REQUEST("GET /metrics"), text, sizeof text);
    assert_holds(text, "Content-Type: text/plain; version=0.0.4");
    assert_holds(text, "up 1\n");
    ask(f, REQUEST("GET /nowhere"), text, sizeof text);
    assert_holds(text, "here are /healthz, /readyz, /status, /metrics");
    ask(f, REQUEST("GET /status"), text, sizeof text);
    assert_holds(text, "Content-Type: application/json\r\n");
    assert_holds(text, "Content-Length: 19\r\n");
    assert_holds(text, "\r\n\r\n{\"state\": \"stale\"}\n");
    ask(f, REQUEST("HEAD /status"), text, sizeof text);
    assert_holds(text, "Content-Length: 19\r\n");
    assert_null(strstr(text, "stale"));
}

static void what_is_not_there_is_told(void **state)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {REQUEST("GET /"), "HTTP/1.1 404 "},
        {REQUEST("GET /statusx"), "HTTP/1.1 404 "},
        {REQUEST("GET /status/"), "HTTP/1.1 404 "},
        {REQUEST("DELETE /status"), "HTTP/1.1 405 "},
        {REQUEST("POST /nope"), "HTTP/1.1 404 "},
        {"GET /status HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /status HTTP/9.9\r\nHost: n\r\n\r\n", "HTTP/1.1 505 "},
    };
    struct fixture *f = *state;
    char text[2048];

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        ask(f, cases[i].request, text, sizeof text);
        assert_holds(text, cases[i].answer);
    }
    f->too_large = true;
    ask(f, REQUEST("GET /status"), text, sizeof text);
    assert_holds(text, "HTTP/1.1 500 ");
}

static void a_request_may_come_in_pieces(void **state)
{
    static const char request[] = REQUEST("GET /healthz");
    struct fixture *f = *state;
    char text[2048] = "";
    int fd = dial(f);

    for (size_t i = 0; i + 1 < sizeof request; i++) {
        say(fd, request + i, 1);
        loop_turn(f->loop, dur_ms(1));
    }
    WAIT_FOR(f->loop, drained(fd, text, sizeof text));
    assert_holds(text, "200 OK");
    close(fd);
}

static void a_head_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    char head[PAGES_HEAD_MAX + 4096], text[2048] = "";
    int fd = dial(f);
    int n = snprintf(head, sizeof head, "GET /healthz HTTP/1.1\r\nHost: n\r\n");

    while ((size_t)n + 64 < sizeof head)
        n += snprintf(head + n, sizeof head - (size_t)n, "X: %048d\r\n", 0);
    say(fd, head, (size_t)n);
    WAIT_FOR(f->loop, drained(fd, text, sizeof text));
    assert_holds(text, "HTTP/1.1 431 ");
    close(fd);
}

static void silence_ends_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    char text[64] = "";
    int fd = dial(f);

    say(fd, "GET /", 5);
    for (unsigned i = 0; i < 20; i++)
        loop_turn(f->loop, dur_ms(1));
    clock_fake_advance(&f->clock, dur_ms(4990));
    loop_turn(f->loop, dur_ms(0));
    assert_false(drained(fd, text, sizeof text));
    clock_fake_advance(&f->clock, dur_ms(20));
    WAIT_FOR(f->loop, drained(fd, text, sizeof text));
    assert_string_equal(text, "");
    close(fd);
}

static void more_than_fit_wait_for_their_turn(void **state)
{
    struct fixture *f = *state;
    int fd[PAGES_CONNECTIONS_MAX];
    char text[2048] = "";
    int late;

    for (unsigned i = 0; i < ARRAY_LEN(fd); i++)
        fd[i] = dial(f);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(fd); i++)
        loop_turn(f->loop, dur_ms(1));
    late = dial(f);
    say(late, REQUEST("GET /healthz"), strlen(REQUEST("GET /healthz")));
    for (unsigned i = 0; i < 20; i++)
        loop_turn(f->loop, dur_ms(1));
    assert_false(drained(late, text, sizeof text));
    close(fd[3]);
    WAIT_FOR(f->loop, drained(late, text, sizeof text));
    assert_holds(text, "200 OK");
    for (unsigned i = 0; i < ARRAY_LEN(fd); i++)
        if (i != 3)
            close(fd[i]);
    close(late);
}

static void connections_may_be_open_at_the_end(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    for (unsigned i = 0; i < 5; i++)
        loop_turn(f->loop, dur_ms(1));
    f->pages = pages_free(f->pages);
    close(fd);
}

static void addresses_that_cannot_be_used_are_told(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"nowhere", ":80", "a.example:80", "127.0.0.1", "[::1", "::1"};
    struct pages *other;
    struct err err = {0};
    char taken[64];

    (void)str_fmt(taken, sizeof taken, "127.0.0.1:%u", pages_port(f->pages));
    assert_true(open_pages(f, taken, &other, &err) < 0);
    assert_holds(err.msg, taken);
    assert_holds(err.hint, "--admin");
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(open_pages(f, bad[i], &other, &err), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_answer),
        TEST(what_is_not_there_is_told),
        TEST(a_request_may_come_in_pieces),
        TEST(a_head_too_large_is_refused),
        TEST(silence_ends_at_the_deadline),
        TEST(more_than_fit_wait_for_their_turn),
        TEST(connections_may_be_open_at_the_end),
        TEST(addresses_that_cannot_be_used_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
