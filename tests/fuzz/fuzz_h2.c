/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a peer, into a server's session and a client's: whatever comes, what its streams read
 * is a head that the strict parser takes or refuses, and behind one that it takes a body whose
 * framing holds. What its streams say goes out as frames in their order, and ends only when it is
 * whole; who has something to read, or room to write, hears of it. Nothing is held past the
 * windows, and nothing is left behind. Input: a byte of options, one that seeds the cuts, and
 * frames; a server's preface goes before them. */
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
#define LARGE     100000 /* of a body: past every window and buffer */

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
static bool calm; /* the link takes all */

/* ---- what streams say ------------------------------------------------------------------------ */

enum say { SAY_TRAILERS, SAY_LARGE, SAY_NOTHING, SAY_INTERIM, SAY_COUNT };

static struct {
    struct str text[2]; /* a client's, a server's */
    size_t payload;
    bool has_trailers;
} words[SAY_COUNT] = {
    [SAY_TRAILERS] = {{{.p = "POST /a HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"},
                       {.p = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"}},
                      3,
                      true},
    [SAY_LARGE] = {{{.p = "PUT /a HTTP/1.1\r\nHost: app\r\nContent-Length: 100000\r\n\r\n"},
                    {.p = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}},
                   LARGE,
                   false},
    [SAY_NOTHING] = {{{.p = "GET /a HTTP/1.1\r\nHost: app\r\n\r\n"},
                      {.p = "HTTP/1.1 204 No Content\r\n\r\n"}},
                     0,
                     false},
    [SAY_INTERIM] = {{{.p = "POST /a HTTP/1.1\r\nHost: app\r\nContent-Length: 3\r\n\r\nabc"},
                      {.p = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}},
                     3,
                     false},
};
static enum say said_by_all;

static void make_words(void)
{
    static char large[2][LARGE + 256];

    for (unsigned w = 0; w < SAY_COUNT; w++) {
        for (unsigned side = 0; side < 2; side++)
            words[w].text[side] = str_of(words[w].text[side].p);
    }
    for (unsigned side = 0; side < 2; side++) {
        struct str *t = &words[SAY_LARGE].text[side];

        memcpy(large[side], t->p, t->n);
        memset(large[side] + t->n, 'a', LARGE);
        *t = (struct str){large[side], t->n + LARGE};
    }
}

/* ---- the frames that go out ------------------------------------------------------------------ */

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, END_STREAM = 1, FRAME_HEAD = 9 };
#define PREFACE STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
#define STREAMS 1024

/* Of one stream: what of its message was sent. */
struct sent {
    size_t payload;
    bool has_head;
    bool ended;
    bool reset;
};

static struct {
    struct sent stream[STREAMS];
    size_t preface; /* bytes of it to come */
    char head[FRAME_HEAD];
    size_t filled; /* of `head` */
    size_t rest;   /* of the frame's payload */
} out;

static void check_frame(unsigned type, unsigned flags, uint32_t id, size_t size)
{
    struct sent *s = &out.stream[id / 2 < STREAMS ? id / 2 : 0];

    if (id == 0 || id / 2 >= STREAMS)
        return;
    if (type == RST_STREAM)
        s->reset = true;
    if (type != DATA && type != HEADERS)
        return;
    CHECK(!s->ended && !s->reset);
    CHECK(type == HEADERS || s->has_head);
    s->has_head = true;
    if (type == DATA)
        s->payload += size;
    CHECK(s->payload <= words[said_by_all].payload);
    if (!(flags & END_STREAM))
        return;
    s->ended = true;
    CHECK(s->payload == words[said_by_all].payload);
    CHECK((type == HEADERS) == (words[said_by_all].has_trailers || s->payload == 0));
}

static void check_head(void)
{
    const uint8_t *h = (const uint8_t *)out.head;
    const uint32_t id =
        (uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | (uint32_t)h[8];

    out.rest = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
    out.filled = 0;
    check_frame(h[3], h[4], id, out.rest);
}

static void take_sent(struct str in)
{
    while (in.n > 0) {
        size_t *skip = out.preface > 0 ? &out.preface : &out.rest;
        size_t n = *skip > 0 ? *skip : FRAME_HEAD - out.filled;

        n = n < in.n ? n : in.n;
        if (*skip > 0) {
            *skip -= n;
        } else {
            memcpy(out.head + out.filled, in.p, n);
            out.filled += n;
            if (out.filled == FRAME_HEAD)
                check_head();
        }
        in = (struct str){in.p + n, in.n - n};
    }
}

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
    size_t all = 0;

    for (int i = 0; i < count; i++) {
        const bool whole = calm || rng_below(&rng, 8) > 0;
        const size_t n = whole ? piece[i].iov_len : piece[i].iov_len / 2;

        take_sent((struct str){piece[i].iov_base, n});
        all += n;
        if (!whole)
            break;
    }
    return (ssize_t)all;
}

static void link_want(struct transport *t UNUSED, unsigned events UNUSED)
{
}

static void link_end(struct transport *t UNUSED)
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
    .end = link_end,
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

/* All of the rest, or a piece of it. Returns how much was taken. */
static size_t say(struct peer *p)
{
    const struct str text = words[said_by_all].text[p->is_server];
    const size_t left = text.n - p->said;
    const size_t some = left > 0 && rng_below(&rng, 4) == 0 ? 1 + rng_below(&rng, left) : left;
    const struct iovec rest = {(void *)(uintptr_t)(text.p + p->said), some};
    ssize_t n = rest.iov_len > 0 ? transport_send(&p->t, &rest, 1) : 0;

    n = n > 0 ? n : 0;
    p->said += (size_t)n;
    return (size_t)n;
}

static bool has_said_all(const struct peer *p)
{
    return p->said == words[said_by_all].text[p->is_server].n;
}

static void want(struct peer *p)
{
    transport_want(&p->t, LOOP_READ | (has_said_all(p) ? 0u : LOOP_WRITE));
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
        want(p);
}

/* Nothing more comes, and all events have: none was forgotten. */
static void check_rest(struct peer *p)
{
    char byte;

    if (!p->is_open || transport_establish(&p->t) == TRANSPORT_BEGINS)
        return;
    CHECK(transport_recv(&p->t, &byte, 1) == -1 && errno == EAGAIN);
    CHECK(say(p) == 0);
}

/* Who has said all as a server is at its end, and need not be told. */
static void check_end(struct peer *p)
{
    CHECK(!p->is_open || (p->is_server && has_said_all(p)));
    if (p->is_open)
        shut(p);
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

    memset(&out, 0, sizeof out);
    out.preface = is_server ? 0 : PREFACE.n;
    session = h2_session_new(loop, &config, &hooks, NULL);
    transport_open_with(h2_session_link(session), &link_ops, NULL, h2_session_on_event);
    h2_session_start(session, with_preface ? PREFACE : (struct str){NULL, 0});
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

/* What was to be told is told. */
static void settle(void)
{
    for (unsigned i = 0; i < 4; i++)
        loop_turn(loop, dur_ms(0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (!loop) {
        clock_fake_init(&clock, (wall_t){1});
        CHECK(loop_new(&clock.clock, &loop, NULL) == 0);
        make_words();
    }
    rng_seed(&rng, data[1]);
    input = (struct str){(const char *)data + 2, size - 2};
    said_by_all = data[0] >> 2 & 3;
    peer_count = 0;
    calm = false;
    begin(data[0] & 1, data[0] & 2);
    run();
    calm = true;
    run();
    settle();
    for (unsigned i = 0; i < peer_count; i++)
        check_rest(&peers[i]);
    h2_session_free(session);
    session = NULL;
    settle();
    for (unsigned i = 0; i < peer_count; i++)
        check_end(&peers[i]);
    return 0;
}
