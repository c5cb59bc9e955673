/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "sidecar/transport/tls_client.h"
#include "sidecar/transport/tls_core.h"
#include "sidecar/transport/tls_server.h"

/* ---- events ---------------------------------------------------------------------------------- */

static void on_again(struct loop_deferred *d);

void tls_arm(struct tls *x)
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

void tls_deliver(struct tls *x, unsigned events)
{
    unsigned out = events & (LOOP_HANGUP | (x->wanted & LOOP_EOF));

    if (x->state == TRANSPORT_FAILED)
        out |= LOOP_HANGUP | (x->wanted & LOOP_WRITE);
    else if (x->wanted & LOOP_READ && tls_has_news(x))
        out |= LOOP_READ;
    if (x->wanted & LOOP_WRITE && tls_wire_is_clear(&x->wire))
        out |= LOOP_WRITE;
    tls_arm(x);
    if (out)
        x->t->fn(x->t, out);
}

/* Unless all of it was read meanwhile: then the socket says when there is more. */
static void on_again(struct loop_deferred *d)
{
    struct tls *x = container_of(d, struct tls, again);

    if (x->held != HELD_NOTHING || x->state == TRANSPORT_FAILED)
        tls_deliver(x, 0);
}

/* ---- the socket ------------------------------------------------------------------------------ */

/* Our close_notify goes as soon as there is room for it, and then the socket's end. */
static void go_on_ending(struct tls *x)
{
    if (x->goodbye != GOODBYE_SOON || !tls_wire_is_clear(&x->wire))
        return;
    tls_forget_errors();
    if (!(SSL_get_shutdown(x->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(x->ssl);
    tls_forget_errors();
    if (!tls_wire_is_clear(&x->wire))
        return;
    shutdown(x->wire.fd, SHUT_WR);
    x->goodbye = GOODBYE_DONE;
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
    if (x->state == TRANSPORT_BEGINS)
        tls_shake(x);
    if (x->state == TRANSPORT_BEGINS)
        tls_arm(x);
    else
        tls_deliver(x, events);
}

/* ---- as a transport -------------------------------------------------------------------------- */

static enum transport_state tls_establish(struct transport *t)
{
    const struct tls *x = t->behind;

    return x->state;
}

static bool tls_is_quiet(struct transport *t)
{
    struct tls *x = t->behind;

    return x->state == TRANSPORT_STANDS && !x->broken && !tls_has_news(x);
}

static void tls_want(struct transport *t, unsigned events)
{
    struct tls *x = t->behind;

    x->wanted = events & ~LOOP_HANGUP;
    tls_arm(x);
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

    if (x->goodbye != GOODBYE_NOT)
        return;
    x->goodbye = GOODBYE_SOON;
    if (x->state == TRANSPORT_STANDS)
        go_on_ending(x);
    else
        shutdown(x->wire.fd, SHUT_WR);
    tls_arm(x);
}

/* A session outlives a connection that was not closed in every form: OpenSSL is told it was. */
static void tls_close(struct transport *t)
{
    struct tls *x = t->behind;

    if (x->client && x->state == TRANSPORT_BEGINS && x->reached)
        tls_note_giving_up(x);
    timer_cancel(&x->patience);
    loop_undefer(&x->again);
    loop_unwatch(&x->watch);
    if (x->ssl)
        SSL_set_shutdown(x->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(x->ssl);
    tls_forget_errors();
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
    tls_limit_handshake(x, loop, how->patience);
    return true;
}

/* A setting that cannot be used fails as a handshake does: later, and with words. */
static bool fail_later(struct tls *x)
{
    x->reached = true;
    tls_fail(x, TLS_FAILED_OTHER, tls_client_fault(x->client));
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
