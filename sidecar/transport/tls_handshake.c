/* SPDX-License-Identifier: Apache-2.0 */
/* How it begins, in the socket's events, and in which words it fails. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "sidecar/transport/tls_client.h"
#include "sidecar/transport/tls_core.h"
#include "sidecar/transport/tls_server.h"
#include "sidecar/transport/tls_words.h"

/* A handshake that takes so long and is not over when its user closes it has failed; before that he
 * may have other reasons. */
#define GIVING_UP dur_ms(50)

/* ---- how it fails ---------------------------------------------------------------------------- */

/* For the operator and for the user. */
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
void tls_note_refusal(struct tls *x)
{
    char words[TLS_WORDS_MAX];

    if (!x->client || x->heard || x->why)
        return;
    if (tls_words(X509_V_OK, "", x->wire.errnum, words) == TLS_FAILED_REFUSED)
        note_fault(x, TLS_FAILED_REFUSED, words);
}

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

void tls_fail(struct tls *x, enum tls_failure failure, const char *words)
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
    tls_fail(x, TLS_FAILED_PROTOCOL, words);
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
        tls_fail(x, failure, words);
}

/* ---- how it goes ----------------------------------------------------------------------------- */

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

static void go_on(struct tls *x)
{
    tls_forget_errors();
    if (SSL_do_handshake(x->ssl) == 1)
        stand(x);
    else if (!tls_is_waiting(x))
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

void tls_shake(struct tls *x)
{
    if (!x->reached)
        reach(x);
    if (x->state == TRANSPORT_BEGINS)
        go_on(x);
}

/* ---- patience -------------------------------------------------------------------------------- */

static const char *tell_slowness(const struct tls *x)
{
    return x->wire.heard ? "the peer began the handshake and did not go on"
                         : "the peer took the connection and said nothing";
}

static void on_patience(struct timer *timer)
{
    struct tls *x = container_of(timer, struct tls, patience);

    tls_fail(x, TLS_FAILED_TIMEOUT, tell_slowness(x));
    tls_deliver(x, 0);
}

/* Whose patience with a system is over closes: that is a failure, too, unless it is soon. */
void tls_note_giving_up(struct tls *x)
{
    dur_t took = x->watch.loop ? mono_sub(loop_now(x->watch.loop), x->begun) : dur_ms(0);

    if (took.ns >= GIVING_UP.ns)
        note_fault(x, TLS_FAILED_TIMEOUT, tell_slowness(x));
}

void tls_limit_handshake(struct tls *x, struct loop *loop, dur_t patience)
{
    timer_set(loop, &x->patience, patience, on_patience, "TLS handshake");
}
