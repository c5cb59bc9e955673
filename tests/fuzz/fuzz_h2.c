/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a peer, into a server's session and a client's: whatever comes, what its streams read
 * is a head that the strict parser takes or refuses, and behind one that it takes a body whose
 * framing holds. Nothing is held past the windows, and nothing is left behind. Input: a byte of
 * options, one that seeds the cuts, and frames; a server's preface goes before them. */
#include "sidecar/h2/h2_session.h"

#include <errno.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS     8
#define HEAD_MAX  8192
#define INPUT_MAX 65536

/* The user of a stream: reads what it can, and says one message. */
struct peer {
    struct transport t;
    bool is_server;
    bool is_open;
    bool in_body;
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_body body;
    size_t filled;
    size_t said;
    char text[2 * HEAD_MAX];
};

static struct clock_fake clock;
static struct loop *loop;
static struct h2_session *session;
static struct peer peers[PEERS];
static unsigned peer_count;
static struct str input; /* what the link has yet to give */
static struct rng rng;

/* ---- the link -------------------------------------------------------------------------------- */

static enum transport_state link_establish(struct transport *t UNUSED)
{
    return TRANSPORT_STANDS;
}

static ssize_t link_recv(struct transport *t UNUSED, void *dst, size_t size)
{
    size_t n = 1 + (size_t)rng_below(&rng, rng_below(&rng, 3) ? 64 : INPUT_MAX);

    if (input.n == 0) {
        errno = EAGAIN;
        return -1;
    }
    n = n < input.n ? n : input.n;
    n = n < size ? n : size;
    memcpy(dst, input.p, n);
    input = (struct str){input.p + n, input.n - n};
    return (ssize_t)n;
}

static ssize_t link_send(struct transport *t UNUSED, const struct iovec *piece, int count)
{
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += piece[i].iov_len;
    return (ssize_t)(rng_below(&rng, 8) ? n : n / 2);
}

static void link_want(struct transport *t UNUSED, unsigned events UNUSED)
{
}

static void link_close(struct transport *t UNUSED)
{
}

static const char *link_why(const struct transport *t UNUSED)
{
    return "";
}

static const struct transport_ops link_ops = {
    .establish = link_establish,
    .recv = link_recv,
    .send = link_send,
    .want = link_want,
    .close = link_close,
    .why = link_why,
};

/* ---- streams --------------------------------------------------------------------------------- */

static void shut(struct peer *p)
{
    p->is_open = false;
    transport_close(&p->t);
}

static void check_body(struct peer *p, struct str in)
{
    enum http1_body_result r = HTTP1_BODY_MORE;

    while (in.n > 0 && r == HTTP1_BODY_MORE) {
        struct str payload;
        size_t used;

        r = http1_body_next(&p->body, in, &used, &payload);
        CHECK(r != HTTP1_BODY_BAD);
        in = (struct str){in.p + used, in.n - used};
    }
    CHECK(in.n == 0);
}

static struct http1_framing framing_of(const struct peer *p)
{
    return p->is_server ? http1_request_framing(&p->head)
                        : http1_response_framing(&p->head, HTTP1_GET);
}

static void begin_parse(struct peer *p)
{
    const struct http1_limits limits = {.line_max = HEAD_MAX, .head_max = HEAD_MAX};

    http1_parser_init(&p->parser, p->is_server ? HTTP1_REQUEST : HTTP1_RESPONSE, limits, &p->head,
                      p->headers, HTTP1_HEADERS_MAX);
}

/* False: it is refused. */
static bool take_text(struct peer *p)
{
    while (!p->in_body && p->filled > 0) {
        size_t size;

        switch (http1_parse(&p->parser, p->text, p->filled)) {
        case HTTP1_REFUSED:
            return false;
        case HTTP1_MORE:
            return true;
        case HTTP1_DONE:
            break;
        }
        size = p->head.size;
        p->in_body = p->is_server || p->head.status >= 200;
        if (p->in_body)
            http1_body_init(&p->body, framing_of(p));
        p->filled -= size;
        memmove(p->text, p->text + size, p->filled);
        begin_parse(p);
    }
    if (p->in_body)
        check_body(p, (struct str){p->text, p->filled});
    p->filled = p->in_body ? 0 : p->filled;
    return true;
}

static void say(struct peer *p)
{
    static const char *const texts[] = {
        "POST /a HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    };
    const struct str text = str_of(texts[p->is_server]);
    const struct iovec rest = {(void *)(uintptr_t)(text.p + p->said), text.n - p->said};
    ssize_t n = rest.iov_len > 0 ? transport_send(&p->t, &rest, 1) : 0;

    p->said += n > 0 ? (size_t)n : 0;
}

static void on_event(struct transport *t, unsigned events)
{
    struct peer *p = container_of(t, struct peer, t);

    if (events & LOOP_READ) {
        ssize_t n = transport_recv(t, p->text + p->filled, sizeof p->text - p->filled);

        p->filled += n > 0 ? (size_t)n : 0;
        if (n == 0 || !take_text(p)) {
            shut(p);
            return;
        }
    }
    if (events & LOOP_WRITE)
        say(p);
    if (events & LOOP_HANGUP || rng_below(&rng, 64) == 0)
        shut(p);
    else
        transport_want(t, LOOP_READ);
}

static struct peer *new_peer(bool is_server)
{
    struct peer *p = &peers[peer_count];

    if (peer_count == PEERS)
        return NULL;
    peer_count++;
    memset(p, 0, offsetof(struct peer, text));
    p->is_server = is_server;
    p->is_open = true;
    begin_parse(p);
    return p;
}

static void on_stream(void *ctx UNUSED, struct h2_session *s UNUSED, struct h2_stream *stream)
{
    struct peer *p = new_peer(true);

    if (p)
        h2_stream_take(stream, &p->t, LOOP_READ | LOOP_WRITE, on_event);
}

static void on_over(void *ctx UNUSED, struct h2_session *s)
{
    h2_session_free(s);
    session = NULL;
}

/* ---- one input ------------------------------------------------------------------------------- */

static void begin(bool is_server, bool with_preface)
{
    const struct h2_config config = {
        .is_server = is_server, .head_max = HEAD_MAX, .streams_max = 100, .idle = dur_s(60)};
    const struct h2_hooks hooks = {.on_stream = on_stream, .on_over = on_over};
    const struct str preface = STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    session = h2_session_new(loop, &config, &hooks, NULL);
    transport_open_with(h2_session_link(session), &link_ops, NULL, h2_session_on_event);
    h2_session_start(session, with_preface ? preface : (struct str){NULL, 0});
    for (unsigned i = 0; !is_server && i < 2; i++)
        h2_session_open(session, &new_peer(false)->t, LOOP_READ | LOOP_WRITE, on_event);
}

static void run(void)
{
    for (unsigned idle = 0; idle < 8 && session; idle = input.n > 0 ? 0 : idle + 1) {
        h2_session_on_event(h2_session_link(session), LOOP_READ | LOOP_WRITE);
        loop_turn(loop, dur_ms(0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (!loop) {
        clock_fake_init(&clock, (wall_t){1});
        CHECK(loop_new(&clock.clock, &loop, NULL) == 0);
    }
    rng_seed(&rng, data[1]);
    input = (struct str){(const char *)data + 2, size - 2};
    peer_count = 0;
    begin(data[0] & 1, data[0] & 2);
    run();
    h2_session_free(session);
    session = NULL;
    for (unsigned i = 0; i < peer_count; i++) {
        if (peers[i].is_open)
            shut(&peers[i]);
    }
    loop_turn(loop, dur_ms(0));
    return 0;
}
