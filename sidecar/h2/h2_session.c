/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_session.h"

#include <errno.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/h2/h2_session_core.h"

#define READ_SIZE 32768
/* A peer that asks for this many acknowledgements and does not read them floods us. */
#define ACKS_MAX 100
/* Frames that wait for a client to read: the heads, trailers, resets and windows of its streams are
 * fewer, unless it goes on to open and reset them. */
#define WAITING_MAX 500
/* Of one header section, besides its first frame. */
#define CONTINUATIONS_MAX 8
/* Entries of one SETTINGS frame. */
#define SETTINGS_MAX 32
/* Streams of ours on one connection, also where the system allows more. */
#define OWN_STREAMS_MAX 100
/* Stream numbers run out at 2^31. */
#define STREAM_ID_MAX (INT32_MAX - 1024)
/* After goodbye, until the peer has closed. */
#define GOODBYE dur_s(2)
/* A PING is answered within this time, or nobody is there. */
#define PULSE dur_s(5)
/* So many of ours in a row, without a frame of a message in between: for one more, servers of gRPC
 * close the connection with all that is on it (gRPC's proposal A8, "too_many_pings"). */
#define PINGS_MAX 2
/* A client that is asked for no more streams has so long to say that it knows. Many do not even
 * read while they have none. */
#define NOTICE dur_s(1)

/* ---- work, once a turn ----------------------------------------------------------------------- */

static bool is_over(const struct h2_session *s)
{
    if (s->failed)
        return true;
    return s->stands && h2_queue_size(&s->pending) == 0 && !nghttp2_session_want_read(s->ng) &&
           !nghttp2_session_want_write(s->ng);
}

static void drop_streams(struct h2_session *s)
{
    while (s->streams) {
        h2_stream_blame(s->streams, transport_why(&s->link));
        h2_session_drop_stream(s, s->streams, false);
    }
}

/* The last that the peer hears: why. */
static void end_flood(struct h2_session *s)
{
    nghttp2_session_terminate_session(s->ng, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_send_flush(s);
    s->failed = true;
}

static bool is_unread(const struct h2_session *s)
{
    return s->config.is_server && nghttp2_session_get_outbound_queue_size(s->ng) > WAITING_MAX;
}

static void on_work(struct loop_deferred *d)
{
    struct h2_session *s = container_of(d, struct h2_session, work);

    h2_send_flush(s);
    s->flooded |= is_unread(s);
    if (s->flooded && !s->failed)
        end_flood(s);
    if (is_over(s)) {
        if (!s->failed)
            transport_end(&s->link);
        drop_streams(s);
        s->hooks.on_over(s->ctx, s);
        return;
    }
    if (s->stands)
        transport_want(&s->link, LOOP_READ | (h2_queue_size(&s->pending) > 0 ? LOOP_WRITE : 0u));
}

void h2_session_schedule(struct h2_session *s)
{
    loop_defer(s->loop, &s->work, on_work);
}

void h2_session_charge(struct h2_session *s, enum h2_burden burden)
{
    if (!h2_guard_charge(&s->guard, burden, loop_now(s->loop)))
        s->flooded = true;
}

static void fail(struct h2_session *s)
{
    s->failed = true;
    h2_session_schedule(s);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void wake_streams(struct h2_session *s)
{
    struct h2_stream *stream;

    DL_FOREACH (s->streams, stream)
        h2_stream_wake(stream);
}

/* False: not yet, or never. */
static bool has_come_to_stand(struct h2_session *s)
{
    enum transport_state state = transport_establish(&s->link);

    if (state == TRANSPORT_FAILED)
        fail(s);
    if (state != TRANSPORT_STANDS)
        return false;
    s->stands = true;
    timer_cancel(&s->pulse);
    h2_session_schedule(s);
    return true;
}

void h2_session_take_greeting(struct h2_session *s)
{
    s->greeted = true;
    if (s->hooks.on_limit)
        s->hooks.on_limit(s->ctx, s);
    wake_streams(s);
}

static void read_some(struct h2_session *s)
{
    char bytes[READ_SIZE];
    ssize_t n = transport_recv(&s->link, bytes, sizeof bytes);

    if (n > 0)
        h2_receive(s, (struct str){bytes, (size_t)n});
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        fail(s);
}

void h2_session_on_event(struct transport *t, unsigned events)
{
    struct h2_session *s = container_of(t, struct h2_session, link);

    if (s->failed || (!s->stands && !has_come_to_stand(s)))
        return;
    if (events & (LOOP_READ | LOOP_HANGUP))
        read_some(s);
    if (events & LOOP_WRITE)
        h2_session_schedule(s);
}

struct transport *h2_session_link(struct h2_session *s)
{
    return &s->link;
}

bool h2_session_stands(const struct h2_session *s)
{
    return s->stands && !s->failed && (s->greeted || s->config.is_server);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_idle(struct timer *t);

static void wait_for_streams(struct h2_session *s)
{
    if (s->used > 0)
        return;
    s->taken = 0;
    timer_set(s->loop, &s->idle, s->config.idle, on_idle, "h2 idle");
}

/* What is left of answers whose users are gone, at a speed that is no pretence. */
static bool takes_the_rest(const struct h2_session *s)
{
    const double seconds = (double)s->config.idle.ns / 1e9;

    return (s->streams || h2_queue_size(&s->pending) > 0) &&
           (double)s->taken > s->config.min_rate * seconds;
}

/* What the peer opened before it knew of our leaving is here: the rest it may try elsewhere. */
static void refuse_the_rest(struct h2_session *s)
{
    nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->ng),
                          NGHTTP2_NO_ERROR, NULL, 0);
    h2_session_schedule(s);
}

static void say_goodbye(struct h2_session *s)
{
    if (s->leaving || !s->stands) {
        fail(s);
        return;
    }
    s->leaving = true;
    refuse_the_rest(s);
    timer_set(s->loop, &s->idle, GOODBYE, on_idle, "h2 goodbye");
}

static void on_idle(struct timer *t)
{
    struct h2_session *s = container_of(t, struct h2_session, idle);

    if (s->used > 0)
        return;
    if (takes_the_rest(s))
        wait_for_streams(s);
    else
        say_goodbye(s);
}

static void on_no_pulse(struct timer *t)
{
    fail(container_of(t, struct h2_session, pulse));
}

/* A stream was given up: was that the system, or is nobody there any more? One that does not stand
 * yet has as long to do so, and one that cannot be asked again only its last streams. */
static void feel_pulse(struct h2_session *s)
{
    if (s->config.is_server || timer_is_set(&s->pulse) || s->failed)
        return;
    s->pings += s->stands;
    if (s->pings > PINGS_MAX) {
        if (s->used == 0)
            say_goodbye(s);
        return;
    }
    if (s->stands)
        nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
    timer_set(s->loop, &s->pulse, PULSE, on_no_pulse, "h2 pulse");
}

static void on_notice_over(struct timer *t)
{
    refuse_the_rest(container_of(t, struct h2_session, pulse));
}

void h2_session_take_pulse(struct h2_session *s)
{
    timer_cancel(&s->pulse);
    if (s->config.is_server && s->leaving)
        refuse_the_rest(s);
}

void h2_session_drain(struct h2_session *s)
{
    if (s->leaving || s->failed)
        return;
    s->leaving = true;
    nghttp2_submit_shutdown_notice(s->ng);
    nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
    timer_set(s->loop, &s->pulse, NOTICE, on_notice_over, "h2 notice");
    h2_session_schedule(s);
}

/* ---- streams --------------------------------------------------------------------------------- */

static void add_user(struct h2_session *s, struct h2_stream *stream, struct transport *t,
                     unsigned events, transport_fn fn)
{
    s->used++;
    h2_stream_attach(stream, t, events, fn);
}

void h2_stream_take(struct h2_stream *stream, struct transport *t, unsigned events, transport_fn fn)
{
    add_user(stream->session, stream, t, events, fn);
}

void h2_session_open(struct h2_session *s, struct transport *t, unsigned events, transport_fn fn)
{
    struct h2_stream *stream = h2_stream_new(s, s->loop, -1, false, s->config.head_max);

    DL_APPEND(s->streams, stream);
    s->stream_count++;
    add_user(s, stream, t, events, fn);
}

/* An answer that is here whole is good whatever comes behind it; a client that resets its stream is
 * gone. */
static bool is_broken(const struct h2_session *s, const struct h2_stream *stream, bool clean)
{
    if (!s->config.is_server)
        return !stream->in.ended;
    return !clean || !stream->in.ended || stream->out.state != H2_OUTBOX_ENDED;
}

void h2_session_drop_stream(struct h2_session *s, struct h2_stream *stream, bool clean)
{
    size_t unread = h2_queue_size(&stream->in.payload);

    if (unread > 0 && !s->failed)
        nghttp2_session_consume_connection(s->ng, unread);
    DL_DELETE(s->streams, stream);
    s->stream_count--;
    if (stream->t) {
        s->used--;
        wait_for_streams(s);
    }
    h2_stream_forget(stream, is_broken(s, stream, clean));
    h2_session_schedule(s);
}

/* Whether both directions are through, or will be without the user. */
static bool is_through(const struct h2_session *s, const struct h2_stream *stream)
{
    return stream->out.state == H2_OUTBOX_ENDED && (s->config.is_server || stream->in.ended);
}

void h2_session_leave(struct h2_session *s, struct h2_stream *stream)
{
    size_t unread = h2_queue_size(&stream->in.payload);

    stream->left = true;
    s->used--;
    wait_for_streams(s);
    if (stream->id < 0) {
        feel_pulse(s);
        h2_session_drop_stream(s, stream, false);
        return;
    }
    if (unread > 0)
        nghttp2_session_consume(s->ng, stream->id, unread);
    h2_queue_deinit(&stream->in.payload);
    if (!is_through(s, stream)) {
        nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, stream->id,
                                  s->config.is_server ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
        feel_pulse(s);
    }
    h2_session_schedule(s);
}

void h2_session_consume(struct h2_session *s, struct h2_stream *stream, size_t n)
{
    nghttp2_session_consume(s->ng, stream->id, n);
    h2_session_schedule(s);
}

static uint32_t limit_of(const struct h2_session *s)
{
    uint32_t theirs =
        nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    return theirs < OWN_STREAMS_MAX ? theirs : OWN_STREAMS_MAX;
}

/* Somebody has given up before the peer said a word, or too many have since the last: others had
 * better try another connection. */
static bool is_doubtful(const struct h2_session *s)
{
    return s->pings > PINGS_MAX || (!s->greeted && timer_is_set(&s->pulse));
}

bool h2_session_has_room(const struct h2_session *s)
{
    return !h2_session_is_leaving(s) && !is_doubtful(s) && s->stream_count < limit_of(s);
}

bool h2_session_is_overfull(const struct h2_session *s)
{
    return s->stream_count > limit_of(s);
}

/* The peer has not heard of it, so nothing but this is to be done. */
bool h2_session_pass_on(struct h2_session *from, struct h2_session *to)
{
    struct h2_stream *stream;

    DL_FOREACH (from->streams, stream) {
        if (stream->id < 0)
            break;
    }
    if (!stream)
        return false;
    DL_DELETE(from->streams, stream);
    from->stream_count--;
    from->used--;
    wait_for_streams(from);
    DL_APPEND(to->streams, stream);
    to->stream_count++;
    to->used++;
    stream->session = to;
    h2_stream_wake(stream);
    return true;
}

bool h2_session_is_leaving(const struct h2_session *s)
{
    return s->leaving || s->failed || nghttp2_session_get_next_stream_id(s->ng) > STREAM_ID_MAX;
}

unsigned h2_session_streams(const struct h2_session *s)
{
    return s->stream_count;
}

/* ---- life ------------------------------------------------------------------------------------ */

static nghttp2_option *options_of(const struct h2_config *config)
{
    nghttp2_option *o;

    CHECK(nghttp2_option_new(&o) == 0);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
    nghttp2_option_set_max_settings(o, SETTINGS_MAX);
    nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
    nghttp2_option_set_max_send_header_block_length(o, 2 * (size_t)config->head_max + 65536);
    /* Ours (h2_guard.h) says so before this one. */
    nghttp2_option_set_stream_reset_rate_limit(o, 100000, 100000);
    return o;
}

static nghttp2_session *new_ng(struct h2_session *s)
{
    nghttp2_option *o = options_of(&s->config);
    nghttp2_session_callbacks *cb;
    nghttp2_session *ng;

    CHECK(nghttp2_session_callbacks_new(&cb) == 0);
    h2_receive_callbacks(cb);
    h2_send_callbacks(cb);
    if (s->config.is_server)
        CHECK(nghttp2_session_server_new2(&ng, cb, s, o) == 0);
    else
        CHECK(nghttp2_session_client_new2(&ng, cb, s, o) == 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(o);
    return ng;
}

static void say_settings(struct h2_session *s)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, s->config.head_max},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->config.is_server ? s->config.streams_max : 0},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    const size_t count = s->config.is_server ? 2 : ARRAY_LEN(entries);

    CHECK(nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, entries, count) == 0);
    CHECK(nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0,
                                                H2_CONNECTION_WINDOW) == 0);
}

struct h2_session *h2_session_new(struct loop *loop, const struct h2_config *config,
                                  const struct h2_hooks *hooks, void *ctx)
{
    struct h2_session *s = xnew(struct h2_session);

    s->loop = loop;
    s->config = *config;
    s->hooks = *hooks;
    s->ctx = ctx;
    s->ng = new_ng(s);
    h2_guard_init(&s->guard, loop_now(loop));
    h2_text_init(&s->text, config->head_max);
    buf_init(&s->head, config->head_max + H2_TEXT_SLACK);
    h2_queue_init(&s->pending, 4 * (size_t)H2_SEND_BATCH + 2 * (size_t)config->head_max);
    say_settings(s);
    return s;
}

void h2_session_start(struct h2_session *s, struct str first)
{
    wait_for_streams(s);
    s->stands = s->config.is_server;
    if (first.n > 0)
        h2_receive(s, first);
    h2_session_schedule(s);
}

void h2_session_free(struct h2_session *s)
{
    if (!s)
        return;
    s->failed = true;
    drop_streams(s);
    loop_undefer(&s->work);
    timer_cancel(&s->idle);
    timer_cancel(&s->pulse);
    transport_close(&s->link);
    nghttp2_session_del(s->ng);
    h2_text_deinit(&s->text);
    buf_deinit(&s->head);
    h2_queue_deinit(&s->pending);
    xfreep(&s);
}
