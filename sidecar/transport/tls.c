/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "sidecar/transport/tls_client.h"
#include "sidecar/transport/tls_faults.h"
#include "sidecar/transport/tls_server.h"
#include "sidecar/transport/tls_wire.h"
#include "sidecar/transport/tls_words.h"

/* RFC 8446 5.1: the most that a record holds. */
#define RECORD_MAX 16384

/* What OpenSSL has for the reader. */
enum held {
    HELD_NOTHING, /* the socket will say when there is more */
    HELD_MAYBE,   /* bytes of the peer, maybe a piece of a record */
    HELD_END,
    HELD_LOST /* an error, or an end that the peer did not announce */
};

/* A handshake that takes so long and is not over when its user closes it has failed; before that he
 * may have other reasons. */
#define GIVING_UP dur_ms(50)

enum ending { ENDING_NOT, ENDING_SOON, ENDING_DONE };

struct tls {
    struct transport *t; /* borrowed: our user's */
    struct tls_wire wire;
    struct loop_watch watch; /* fd owned */
    struct loop_deferred again;
    struct timer patience; /* of a server, with the handshake */
    SSL *ssl;
    struct sockaddr_in6 peer;  /* or IPv4; zeroed: not known */
    struct tls_server *server; /* borrowed; NULL: the client's side */
    struct tls_certs *certs;   /* one reference, for the handshake */
    struct tls_client *client; /* one reference */
    const char *alpn;          /* borrowed, of a client: what it insists on; NULL: nothing */
    char *why;                 /* owned; NULL: no failure */
    unsigned wanted;
    size_t owed; /* bytes of the user in a record that the socket took a part of */
    enum transport_state state;
    enum held held;
    enum ending ending;
    mono_t begun; /* the handshake */
    bool reached; /* the socket is connected */
    bool heard;   /* the peer has said something to the user */
    bool stuck;   /* OpenSSL has to send before it goes on to read */
    bool broken;  /* nothing can be sent any more */
};

/* ---- what OpenSSL says ----------------------------------------------------------------------- */

/* Before a call whose outcome SSL_get_error() is asked about: older errors are none of its.
 * Clearing an empty queue costs as much as a small system call. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* After a call that did not do what it was asked. True: it will, later. */
static bool is_waiting(struct tls *x)
{
    int why = SSL_get_error(x->ssl, 0);

    x->stuck = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* Why the handshake failed, for the operator and for the user. */
static void note_fault(struct tls *x, enum tls_failure failure, const char *words)
{
    struct tls_faults *faults =
        x->server ? tls_server_faults(x->server) : tls_client_faults(x->client);
    const char *name = x->server ? SSL_get_servername(x->ssl, TLSEXT_NAMETYPE_host_name)
                                 : tls_client_name(x->client);

    xfreep(&x->why);
    x->why = xstrdup(words);
    if (x->reached) /* a refused connection is nothing of TLS */
        tls_faults_note(faults, failure, (const struct sockaddr *)&x->peer, name ? name : "",
                        words);
}

/* RFC 8446 4.4.2.4: a server that does not like our certificate says so when the handshake is over
 * for us. */
static void note_refusal(struct tls *x)
{
    char words[TLS_WORDS_MAX];

    if (!x->client || x->heard || x->why)
        return;
    if (tls_words(X509_V_OK, "", x->wire.errnum, words) == TLS_FAILED_REFUSED)
        note_fault(x, TLS_FAILED_REFUSED, words);
}

/* After a read that had nothing. */
static void note_reading(struct tls *x)
{
    if (is_waiting(x)) {
        x->held = HELD_NOTHING;
    } else if (SSL_get_error(x->ssl, 0) == SSL_ERROR_ZERO_RETURN) {
        x->held = HELD_END;
    } else {
        x->held = HELD_LOST;
        note_refusal(x);
    }
    forget_errors();
}

/* Whether there is something for the reader. What is OpenSSL's own, such as tickets, is dealt with
 * here, so that nobody takes it for a peer that talks out of turn. */
static bool has_news(struct tls *x)
{
    size_t n;
    char byte;

    if (x->held == HELD_END || x->held == HELD_LOST)
        return true;
    forget_errors();
    if (!SSL_peek_ex(x->ssl, &byte, 1, &n))
        note_reading(x);
    else
        x->held = HELD_MAYBE;
    return x->held != HELD_NOTHING;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_again(struct loop_deferred *d);

/* What the socket and the loop have to do for what is wanted. */
static void arm(struct tls *x)
{
    unsigned events = tls_wire_is_clear(&x->wire) && !x->stuck ? 0 : LOOP_WRITE;

    if (!x->watch.loop)
        return;
    if (x->state == TRANSPORT_BEGINS)
        events |= x->reached ? LOOP_READ : LOOP_WRITE;
    else if (x->held == HELD_NOTHING)
        events |= x->wanted;
    else
        events |= x->wanted & ~LOOP_READ;
    loop_want(&x->watch, events);
    if (x->held != HELD_NOTHING && x->wanted & LOOP_READ)
        loop_defer(x->watch.loop, &x->again, on_again);
}

/* Tell the user. `x` may be gone afterwards. */
static void deliver(struct tls *x, unsigned events)
{
    unsigned out = events & (LOOP_HANGUP | (x->wanted & LOOP_EOF));

    if (x->state == TRANSPORT_FAILED)
        out |= LOOP_HANGUP | (x->wanted & LOOP_WRITE);
    else if (x->wanted & LOOP_READ && has_news(x))
        out |= LOOP_READ;
    if (x->wanted & LOOP_WRITE && tls_wire_is_clear(&x->wire))
        out |= LOOP_WRITE;
    arm(x);
    if (out)
        x->t->fn(x->t, out);
}

/* Unless all of it was read meanwhile: then the socket says when there is more. */
static void on_again(struct loop_deferred *d)
{
    struct tls *x = container_of(d, struct tls, again);

    if (x->held != HELD_NOTHING || x->state == TRANSPORT_FAILED)
        deliver(x, 0);
}

/* ---- the handshake --------------------------------------------------------------------------- */

/* Somebody has typed http for https: say so in his language. As far as the socket takes it. */
static void answer_plainly(struct tls *x)
{
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Length: 43\r\n"
        "Connection: close\r\n\r\n"
        "this port speaks TLS: use https:// for it.\n";

    (void)!send(x->wire.fd, text, sizeof text - 1, MSG_NOSIGNAL);
    shutdown(x->wire.fd, SHUT_WR);
}

static void fail(struct tls *x, enum tls_failure failure, const char *words)
{
    x->state = TRANSPORT_FAILED;
    timer_cancel(&x->patience);
    note_fault(x, failure, words);
    if (x->server && failure == TLS_FAILED_PLAIN_HTTP)
        answer_plainly(x);
}

/* Some servers say so, others go on without a word. */
static void fail_protocol(struct tls *x)
{
    char words[TLS_WORDS_MAX];

    str_fmt(words, sizeof words,
            "the peer does not speak %s by TLS (ALPN): let its server learn it, or write protocol: "
            "http1 for it",
            x->alpn);
    fail(x, TLS_FAILED_PROTOCOL, words);
}

static void fail_handshake(struct tls *x)
{
    bool verifies = SSL_get_verify_mode(x->ssl) != SSL_VERIFY_NONE;
    long verified = verifies ? SSL_get_verify_result(x->ssl) : X509_V_OK;
    const char *peer = x->client ? tls_client_name(x->client) : "";
    char words[TLS_WORDS_MAX];
    enum tls_failure failure = tls_words(verified, peer, x->wire.errnum, words);

    if (failure == TLS_FAILED_CLOSED && !x->wire.heard)
        failure = TLS_FAILED_SILENT;
    if (failure == TLS_FAILED_PROTOCOL && x->alpn)
        fail_protocol(x);
    else
        fail(x, failure, words);
}

/* Whether the peer has agreed to what we are going to speak. */
static bool agrees(const struct tls *x)
{
    const unsigned char *name;
    unsigned n;

    SSL_get0_alpn_selected(x->ssl, &name, &n);
    return !x->alpn || n > 0;
}

static void stand(struct tls *x)
{
    if (!agrees(x)) {
        fail_protocol(x);
        return;
    }
    x->state = TRANSPORT_STANDS;
    x->stuck = false;
    x->held = SSL_has_pending(x->ssl) ? HELD_MAYBE : HELD_NOTHING;
    timer_cancel(&x->patience);
    tls_certs_unref(steal(x->certs));
    if (x->server)
        tls_server_note_handshake(x->server, SSL_session_reused(x->ssl));
}

static void shake(struct tls *x)
{
    forget_errors();
    if (SSL_do_handshake(x->ssl) == 1)
        stand(x);
    else if (!is_waiting(x))
        fail_handshake(x);
}

/* The socket of a client. */
static void reach(struct tls *x)
{
    socklen_t len = sizeof x->wire.errnum;

    if (getsockopt(x->wire.fd, SOL_SOCKET, SO_ERROR, &x->wire.errnum, &len) < 0)
        x->wire.errnum = errno;
    x->reached = x->wire.errnum == 0;
    x->begun = loop_now(x->watch.loop);
    if (!x->reached)
        fail_handshake(x);
}

static const char *tell_slowness(const struct tls *x)
{
    return x->wire.heard ? "the peer began the handshake and did not go on"
                         : "the peer took the connection and said nothing";
}

static void on_patience(struct timer *timer)
{
    struct tls *x = container_of(timer, struct tls, patience);

    fail(x, TLS_FAILED_TIMEOUT, tell_slowness(x));
    deliver(x, 0);
}

/* ---- the socket ------------------------------------------------------------------------------ */

/* Our close_notify goes as soon as there is room for it, and then the socket's end. */
static void go_on_ending(struct tls *x)
{
    if (x->ending != ENDING_SOON || !tls_wire_is_clear(&x->wire))
        return;
    forget_errors();
    if (!(SSL_get_shutdown(x->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(x->ssl);
    forget_errors();
    if (!tls_wire_is_clear(&x->wire))
        return;
    shutdown(x->wire.fd, SHUT_WR);
    x->ending = ENDING_DONE;
}

static void flush(struct tls *x)
{
    x->stuck = false;
    if (!tls_wire_flush(&x->wire)) {
        x->broken = true;
        tls_wire_deinit(&x->wire);
    }
    go_on_ending(x);
}

static void on_socket(struct loop_watch *w, unsigned events)
{
    struct tls *x = container_of(w, struct tls, watch);

    if (events & LOOP_WRITE)
        flush(x);
    if (x->state == TRANSPORT_BEGINS && !x->reached)
        reach(x);
    if (x->state == TRANSPORT_BEGINS)
        shake(x);
    if (x->state == TRANSPORT_BEGINS)
        arm(x);
    else
        deliver(x, events);
}

/* ---- as a transport -------------------------------------------------------------------------- */

static enum transport_state tls_establish(struct transport *t)
{
    const struct tls *x = t->behind;

    return x->state;
}

static ssize_t fail_with(int errnum)
{
    errno = errnum;
    return -1;
}

static size_t read_plain(struct tls *x, char *dst, size_t size)
{
    size_t got = 0, n;

    forget_errors();
    do {
        if (!SSL_read_ex(x->ssl, dst + got, size - got, &n)) {
            note_reading(x);
            return got;
        }
        got += n;
        x->heard = true;
        x->held = SSL_has_pending(x->ssl) ? HELD_MAYBE : HELD_NOTHING;
    } while (got < size && x->held != HELD_NOTHING);
    return got;
}

static ssize_t tls_recv(struct transport *t, void *dst, size_t size)
{
    struct tls *x = t->behind;
    size_t got = 0;

    if (x->state != TRANSPORT_STANDS)
        return fail_with(x->state == TRANSPORT_BEGINS ? EAGAIN : ECONNRESET);
    if (x->held == HELD_NOTHING || x->held == HELD_MAYBE) {
        got = read_plain(x, dst, size);
        arm(x);
    }
    if (got > 0 || x->held == HELD_END)
        return (ssize_t)got;
    return fail_with(x->held == HELD_NOTHING ? EAGAIN : ECONNRESET);
}

/* How far a list of pieces is through. */
struct cursor {
    const struct iovec *piece;
    int count;
    size_t at; /* of the first piece */
};

static void skip(struct cursor *c, size_t n)
{
    c->at += n;
    while (c->count > 0 && c->at >= c->piece->iov_len) {
        c->at -= c->piece->iov_len;
        c->piece++;
        c->count--;
    }
}

/* What one record holds next: small pieces are copied together, for a record costs more than that.
 */
static struct str next_record(struct cursor *c, char scratch[RECORD_MAX])
{
    size_t used = 0;

    if (c->count == 1 || c->piece->iov_len - c->at >= RECORD_MAX) {
        const char *from = (const char *)c->piece->iov_base + c->at;
        size_t left = c->piece->iov_len - c->at;

        skip(c, left < RECORD_MAX ? left : RECORD_MAX);
        return (struct str){from, left < RECORD_MAX ? left : RECORD_MAX};
    }
    while (c->count > 0 && used < RECORD_MAX) {
        size_t n = c->piece->iov_len - c->at;

        if (n > RECORD_MAX - used)
            n = RECORD_MAX - used;
        memcpy(scratch + used, (const char *)c->piece->iov_base + c->at, n);
        used += n;
        skip(c, n);
    }
    return (struct str){scratch, used};
}

/* A record is taken when the socket has all of it, so that nothing is lost when the user closes
 * then. Until it has, nothing is, and the user comes again with the same bytes. */
static size_t take_owed(struct tls *x, struct cursor *c)
{
    size_t n = tls_wire_is_clear(&x->wire) ? x->owed : 0;

    x->owed -= n;
    skip(c, n);
    return n;
}

static ssize_t tls_send(struct transport *t, const struct iovec *piece, int count)
{
    struct tls *x = t->behind;
    struct cursor c = {.piece = piece, .count = count};
    char scratch[RECORD_MAX];
    ssize_t taken;
    size_t n;

    if (x->broken || x->state == TRANSPORT_FAILED || x->ending != ENDING_NOT)
        return fail_with(EPIPE);
    taken = (ssize_t)take_owed(x, &c);
    forget_errors();
    while (c.count > 0 && x->state == TRANSPORT_STANDS && tls_wire_is_clear(&x->wire)) {
        struct str record = next_record(&c, scratch);

        if (!SSL_write_ex(x->ssl, record.p, record.n, &n)) {
            x->broken = !is_waiting(x);
            forget_errors();
            break;
        }
        if (tls_wire_is_clear(&x->wire))
            taken += (ssize_t)n;
        else
            x->owed = n;
    }
    if (x->broken && x->client && !x->heard)
        (void)has_news(x); /* a system that has refused our certificate says why and closes */
    arm(x);
    return x->broken && taken == 0 ? fail_with(EPIPE) : taken;
}

static bool tls_is_quiet(struct transport *t)
{
    struct tls *x = t->behind;

    return x->state == TRANSPORT_STANDS && !x->broken && !has_news(x);
}

static void tls_want(struct transport *t, unsigned events)
{
    struct tls *x = t->behind;

    x->wanted = events & ~LOOP_HANGUP;
    arm(x);
}

static void tls_silence(struct transport *t)
{
    struct tls *x = t->behind;

    timer_cancel(&x->patience);
    loop_undefer(&x->again);
    loop_unwatch(&x->watch);
}

static void tls_end(struct transport *t)
{
    struct tls *x = t->behind;

    if (x->ending != ENDING_NOT)
        return;
    x->ending = ENDING_SOON;
    if (x->state == TRANSPORT_STANDS)
        go_on_ending(x);
    else
        shutdown(x->wire.fd, SHUT_WR);
    arm(x);
}

/* Whose patience with a system is over closes: that is a failure, too, unless it is soon. */
static void note_giving_up(struct tls *x)
{
    dur_t took = x->watch.loop ? mono_sub(loop_now(x->watch.loop), x->begun) : dur_ms(0);

    if (took.ns >= GIVING_UP.ns)
        note_fault(x, TLS_FAILED_TIMEOUT, tell_slowness(x));
}

/* A session outlives a connection that was not closed in every form: OpenSSL is told it was. */
static void tls_close(struct transport *t)
{
    struct tls *x = t->behind;

    if (x->client && x->state == TRANSPORT_BEGINS && x->reached)
        note_giving_up(x);
    timer_cancel(&x->patience);
    loop_undefer(&x->again);
    loop_unwatch(&x->watch);
    if (x->ssl)
        SSL_set_shutdown(x->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(x->ssl);
    forget_errors();
    close(x->wire.fd);
    tls_wire_deinit(&x->wire);
    tls_certs_unref(x->certs);
    tls_client_unref(x->client);
    xfreep(&x->why);
    xfreep(&x);
}

static void tls_moved(struct transport *t)
{
    struct tls *x = t->behind;

    x->t = t;
}

static const char *tls_why(const struct transport *t)
{
    const struct tls *x = t->behind;

    return x->why ? x->why : "";
}

static const struct transport_ops ops = {
    .establish = tls_establish,
    .recv = tls_recv,
    .send = tls_send,
    .is_quiet = tls_is_quiet,
    .want = tls_want,
    .silence = tls_silence,
    .end = tls_end,
    .close = tls_close,
    .moved = tls_moved,
    .why = tls_why,
};

struct str tls_protocol(const struct transport *t)
{
    const struct tls *x = t->behind;
    const unsigned char *name = NULL;
    unsigned n = 0;

    if (t->ops == &ops && x->state == TRANSPORT_STANDS)
        SSL_get0_alpn_selected(x->ssl, &name, &n);
    return (struct str){(const char *)name, n};
}

/* ---- life ------------------------------------------------------------------------------------ */

static void keep_peer(struct tls *x, const struct sockaddr *peer)
{
    if (peer && peer->sa_family == AF_INET)
        memcpy(&x->peer, peer, sizeof(struct sockaddr_in));
    else if (peer && peer->sa_family == AF_INET6)
        memcpy(&x->peer, peer, sizeof x->peer);
}

static struct tls *tls_new(struct transport *t, int fd, const struct sockaddr *peer, SSL *ssl)
{
    struct tls *x = xnew(struct tls);

    keep_peer(x, peer);
    x->wire.fd = fd;
    x->ssl = ssl;
    x->t = t;
    transport_open_with(t, &ops, x, NULL);
    if (ssl) {
        BIO *bio = tls_wire_bio(&x->wire);

        SSL_set_bio(ssl, bio, bio);
    }
    return x;
}

static bool begin(struct tls *x, struct loop *loop, unsigned events, transport_fn fn)
{
    struct transport *t = x->t;

    t->fn = fn;
    x->wanted = events;
    if ((x->ssl || x->client) &&
        loop_watch(loop, &x->watch, x->wire.fd, x->reached ? LOOP_READ : LOOP_WRITE, on_socket,
                   NULL) == 0)
        return true;
    transport_close(t);
    return false;
}

bool tls_accept(struct transport *t, struct loop *loop, int fd, const struct tls_accept_how *how,
                unsigned events, transport_fn fn)
{
    struct tls_certs *certs = tls_server_certs(how->server);
    struct tls *x = tls_new(t, fd, how->peer, tls_certs_ssl(certs));

    x->server = how->server;
    x->certs = certs;
    x->reached = true;
    if (!begin(x, loop, events, fn))
        return false;
    timer_set(loop, &x->patience, how->patience, on_patience, "TLS handshake");
    return true;
}

/* A setting that cannot be used fails as a handshake does: later, and with words. */
static bool fail_later(struct tls *x)
{
    x->reached = true;
    fail(x, TLS_FAILED_OTHER, tls_client_fault(x->client));
    loop_defer(x->watch.loop, &x->again, on_again);
    return true;
}

bool tls_connect(struct transport *t, struct loop *loop, int fd, const struct tls_connect_how *how,
                 unsigned events, transport_fn fn)
{
    SSL *ssl = tls_client_ssl(how->client, how->alpn, how->session);
    struct tls *x = tls_new(t, fd, how->peer, ssl);

    x->client = tls_client_ref(how->client);
    x->alpn = how->alpn;
    if (!begin(x, loop, events, fn))
        return false;
    return x->ssl || fail_later(x);
}
