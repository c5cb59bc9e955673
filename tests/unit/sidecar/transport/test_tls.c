/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of TLS on one loop, and peers that are not what they should be. */
#include "sidecar/transport/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "sidecar/transport/tls_client.h"
#include "sidecar/transport/tls_faults.h"
#include "sidecar/transport/tls_server.h"
#include "tests/lib/pki.h"
#include "tests/lib/wait.h"

#define BIG (3u << 20)

/* An end of a connection, and what it has seen. */
struct side {
    struct transport t;
    unsigned wants;
    unsigned events; /* all that came */
    unsigned calls;
    bool established, failed, ended, broken;
    char *got;
    size_t got_n;
    const char *to_send;
    size_t unsent;
};

struct fixture {
    struct pki pki;
    struct loop *loop;
    struct tls_server *server;
    struct tls_server_config config;
    struct tls_session session;
    struct side door, caller;
    struct tls_client *client; /* the latest */
    const char *alpn;          /* that the client insists on */
    int raw;                   /* a peer without our code; -1: none */
};

/* Who the other side is said to be. */
static const struct sockaddr_in somebody = {.sin_family = AF_INET,
                                            .sin_port = 0x5000 /* 80, or 20480 */,
                                            .sin_addr.s_addr = 0x0100007f};

/* ---- a side ---------------------------------------------------------------------------------- */

static void read_some(struct side *s)
{
    ssize_t n = transport_recv(&s->t, s->got + s->got_n, BIG - s->got_n);

    if (n > 0) {
        s->got_n += (size_t)n;
        return;
    }
    s->ended |= n == 0;
    s->broken |= n < 0 && errno != EAGAIN;
    if (n == 0 || errno != EAGAIN)
        s->wants &= ~LOOP_READ;
}

static void send_some(struct side *s)
{
    /* Three pieces, of which the first is small. */
    size_t first = s->unsent < 10 ? s->unsent : 10;
    size_t second = (s->unsent - first) / 2;
    const struct iovec pieces[] = {
        {(void *)(uintptr_t)s->to_send, first},
        {(void *)(uintptr_t)(s->to_send + first), second},
        {(void *)(uintptr_t)(s->to_send + first + second), s->unsent - first - second},
    };
    ssize_t n = transport_send(&s->t, pieces, 3);

    if (n < 0)
        s->broken = true;
    else
        s->to_send += n, s->unsent -= (size_t)n;
    if (s->unsent == 0 || s->broken)
        s->wants &= ~LOOP_WRITE;
}

static void on_event(struct transport *t, unsigned events)
{
    struct side *s = container_of(t, struct side, t);
    enum transport_state state = transport_establish(t);

    s->calls++;
    s->events |= events;
    s->established |= state == TRANSPORT_STANDS;
    s->failed |= state == TRANSPORT_FAILED || (events & LOOP_HANGUP && !s->established);
    if (s->failed) {
        transport_silence(t);
        return;
    }
    if (events & LOOP_READ)
        read_some(s);
    if (events & LOOP_WRITE && s->unsent > 0)
        send_some(s);
    else if (events & LOOP_WRITE)
        s->wants &= ~LOOP_WRITE;
    if (events & LOOP_HANGUP)
        transport_silence(t);
    else
        transport_want(t, s->wants);
}

static void say(struct side *s, const char *text, size_t n)
{
    s->to_send = text;
    s->unsent = n;
    s->wants |= LOOP_WRITE;
    transport_want(&s->t, s->wants);
}

static void expect_text(struct fixture *f, struct side *s, const char *text)
{
    WAIT_FOR(f->loop, s->got_n >= strlen(text) || s->broken);
    assert_int_equal(s->got_n, strlen(text));
    assert_memory_equal(s->got, text, s->got_n);
    s->got_n = 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    struct err err;

    *state = f;
    pki_start(&f->pki);
    pki_make(&f->pki, "one", "DNS:one.test,DNS:*.one.test", 10);
    pki_make(&f->pki, "two", "DNS:two.test,IP:127.0.0.1", 10);
    f->config.pair[0] = (struct tls_pair){xstrdup(pki_path(&f->pki, "one", ".crt")),
                                          xstrdup(pki_path(&f->pki, "one", ".key"))};
    f->config.pair[1] = (struct tls_pair){xstrdup(pki_path(&f->pki, "two", ".crt")),
                                          xstrdup(pki_path(&f->pki, "two", ".key"))};
    f->config.pair_count = 2;
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    f->door.got = test_calloc(1, BIG);
    f->caller.got = test_calloc(1, BIG);
    f->raw = -1;
    return 0;
}

static void hang_up(struct fixture *f)
{
    struct side *sides[] = {&f->door, &f->caller};

    for (size_t i = 0; i < 2; i++) {
        char *got = sides[i]->got;

        transport_close(&sides[i]->t);
        memset(sides[i], 0, sizeof *sides[i]);
        sides[i]->got = got;
    }
    if (f->raw >= 0)
        close(f->raw);
    f->raw = -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hang_up(f);
    tls_session_forget(&f->session);
    tls_client_unref(f->client);
    tls_server_free(f->server);
    loop_free(f->loop);
    pki_stop(&f->pki);
    for (unsigned i = 0; i < 2; i++) {
        free((void *)(uintptr_t)f->config.pair[i].cert);
        free((void *)(uintptr_t)f->config.pair[i].key);
    }
    test_free(f->door.got);
    test_free(f->caller.got);
    test_free(f);
    return 0;
}

static void start_server(struct fixture *f)
{
    struct err err;

    assert_ok(tls_server_new(&f->config, clock_system->wall(clock_system), &f->server, &err), &err);
}

/* The door's end stands ready; the other end of the socket is returned. */
static int open_door(struct fixture *f, dur_t patience)
{
    const int small = 4096;
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    for (int i = 0; i < 2; i++)
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    f->door.wants = LOOP_READ;
    assert_true(tls_accept(
        &f->door.t, f->loop, fd[0],
        &(struct tls_accept_how){f->server, (const struct sockaddr *)&somebody, patience},
        LOOP_READ, on_event));
    return fd[1];
}

static void call(struct fixture *f, const struct tls_client_config *config)
{
    struct tls_client *client = tls_client_get(config);
    int fd = open_door(f, dur_s(20));

    f->caller.wants = LOOP_READ | LOOP_WRITE;
    assert_true(tls_connect(&f->caller.t, f->loop, fd,
                            &(struct tls_connect_how){.client = client,
                                                      .peer = (const struct sockaddr *)&somebody,
                                                      .alpn = f->alpn,
                                                      .session = &f->session},
                            f->caller.wants, on_event));
    tls_client_unref(f->client);
    f->client = client;
}

static void call_name(struct fixture *f, const char *name)
{
    call(f, &(struct tls_client_config){.name = name, .ca = pki_path(&f->pki, "ca", ".crt")});
    WAIT_FOR(f->loop, f->caller.established || f->caller.failed);
}

static void expect_failure(struct fixture *f, const char *words)
{
    WAIT_FOR(f->loop, f->caller.failed || f->caller.established);
    assert_true(f->caller.failed);
    assert_holds(transport_why(&f->caller.t), words);
}

static void expect_count(struct fixture *f, enum tls_failure failure)
{
    WAIT_FOR(f->loop, tls_server_tally(f->server).failed[failure] == 1);
}

/* What the operator hears of the only failure so far. */
static void expect_told(struct fixture *f, struct tls_faults *faults, enum tls_failure failure,
                        const char *name, const char *words)
{
    struct tls_fault fault;

    WAIT_FOR(f->loop, tls_faults_count(faults, failure) == 1);
    assert_true(tls_faults_tell(faults, loop_now(f->loop), &fault));
    assert_int_equal(fault.failure, failure);
    assert_int_equal(fault.count, 1);
    assert_holds(fault.peer, "127.0.0.1:");
    assert_string_equal(fault.name, name);
    assert_holds(fault.words, words);
    assert_false(tls_faults_tell(faults, loop_now(f->loop), &fault));
}

/* ---- what goes well -------------------------------------------------------------------------- */

static void both_sides_talk(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call_name(f, "one.test");
    assert_true(f->caller.established);
    say(&f->caller, "how do you do", 13);
    expect_text(f, &f->door, "how do you do");
    say(&f->door, "fine, thank you", 15);
    expect_text(f, &f->caller, "fine, thank you");
    assert_int_equal(tls_server_tally(f->server).handshakes, 1);
    assert_memory_equal(tls_protocol(&f->caller.t).p, "http/1.1", 8);
    assert_memory_equal(tls_protocol(&f->door.t).p, "http/1.1", 8);
}

static void names_choose_certificates(void **state)
{
    static const char *const good[] = {"one.test", "a.one.test", "two.test", "TWO.test"};
    struct fixture *f = *state;

    start_server(f);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        call_name(f, good[i]);
        assert_true(f->caller.established);
        hang_up(f);
    }
}

/* Much in both directions at once, through sockets that take little: what one side cannot send must
 * not keep it from reading. */
static void much_goes_both_ways(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(2 * BIG / 3);
    size_t n = 2 * BIG / 3;

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(i * 7 + i / 256);
    start_server(f);
    call_name(f, "one.test");
    say(&f->caller, text, n);
    say(&f->door, text, n);
    WAIT_FOR(f->loop, f->door.got_n == n && f->caller.got_n == n);
    assert_memory_equal(f->door.got, text, n);
    assert_memory_equal(f->caller.got, text, n);
    test_free(text);
}

/* Who closes when all of it is taken has sent all of it. */
static void what_was_taken_arrives(void **state)
{
    struct fixture *f = *state;
    static char text[10000];
    const struct iovec piece = {text, sizeof text};
    size_t taken = 0;
    ssize_t n;

    start_server(f);
    call_name(f, "one.test");
    f->caller.wants = 0;
    transport_want(&f->caller.t, 0);
    WAIT_FOR(f->loop, tls_server_tally(f->server).handshakes == 1);
    while ((n = transport_send(&f->door.t, &piece, 1)) > 0)
        taken += (size_t)n;
    assert_int_equal(n, 0);
    transport_close(&f->door.t);
    f->caller.wants = LOOP_READ;
    transport_want(&f->caller.t, LOOP_READ);
    WAIT_FOR(f->loop, f->caller.broken || f->caller.ended);
    assert_int_equal(f->caller.got_n, taken);
}

/* Events come as long as there is plaintext, also when all of it has left the socket. */
static void buffered_plaintext_is_an_event(void **state)
{
    struct fixture *f = *state;
    char some[4];

    start_server(f);
    call_name(f, "one.test");
    f->door.wants = 0;
    transport_want(&f->door.t, 0);
    say(&f->caller, "0123456789", 10);
    WAIT_FOR(f->loop, f->caller.unsent == 0 && !(f->caller.wants & LOOP_WRITE));
    WAIT_FOR(f->loop, transport_recv(&f->door.t, some, 4) == 4);
    f->door.wants = LOOP_READ;
    transport_want(&f->door.t, LOOP_READ);
    expect_text(f, &f->door, "456789");
}

/* Two small pieces are one record: the peer's one read gets both. */
static void pieces_share_a_record(void **state)
{
    struct fixture *f = *state;
    char head[] = "head ", none[] = "", body[] = "and body", got[64];
    const struct iovec pieces[] = {{head, 5}, {none, 0}, {body, 8}};

    start_server(f);
    call_name(f, "one.test");
    f->door.wants = 0;
    transport_want(&f->door.t, 0);
    assert_int_equal(transport_send(&f->caller.t, pieces, 3), 13);
    WAIT_FOR(f->loop, transport_recv(&f->door.t, got, sizeof got) == 13);
    assert_memory_equal(got, "head and body", 13);
}

static void sessions_are_resumed(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    for (unsigned i = 0; i < 4; i++) {
        call_name(f, "one.test");
        say(&f->caller, "x", 1);
        expect_text(f, &f->door, "x");
        say(&f->door, "y", 1);
        expect_text(f, &f->caller, "y");
        assert_int_equal(tls_server_tally(f->server).resumed, i);
        hang_up(f);
    }
}

/* Tickets come after the handshake: they are no news, and no reason to leave a pool. */
static void an_idle_client_is_quiet(void **state)
{
    struct fixture *f = *state;
    unsigned calls;

    start_server(f);
    call_name(f, "one.test");
    say(&f->caller, "x", 1);
    expect_text(f, &f->door, "x");
    WAIT_FOR(f->loop, f->session.ssl_session);
    calls = f->caller.calls;
    for (unsigned i = 0; i < 5; i++)
        loop_turn(f->loop, dur_ms(0));
    assert_int_equal(f->caller.calls, calls);
    assert_true(transport_is_quiet(&f->caller.t));
    say(&f->door, "y", 1);
    WAIT_FOR(f->loop, f->door.unsent == 0);
    assert_false(transport_is_quiet(&f->caller.t));
}

static void a_transport_moves(void **state)
{
    struct fixture *f = *state;
    struct side *elsewhere = test_calloc(1, sizeof *elsewhere);

    start_server(f);
    call_name(f, "one.test");
    elsewhere->got = f->caller.got;
    elsewhere->wants = LOOP_READ;
    assert_true(transport_move(&f->caller.t, &elsewhere->t, on_event));
    transport_want(&elsewhere->t, LOOP_READ);
    say(&f->door, "found", 5);
    expect_text(f, elsewhere, "found");
    transport_close(&elsewhere->t);
    test_free(elsewhere);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void an_announced_end_is_one(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call_name(f, "one.test");
    say(&f->door, "all of it", 9);
    WAIT_FOR(f->loop, f->door.unsent == 0);
    transport_end(&f->door.t);
    WAIT_FOR(f->loop, f->caller.ended || f->caller.broken);
    assert_true(f->caller.ended);
    assert_int_equal(f->caller.got_n, 9);
    /* The other direction goes on. */
    say(&f->caller, "thanks", 6);
    expect_text(f, &f->door, "thanks");
}

static void a_cut_off_answer_is_an_error(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call_name(f, "one.test");
    say(&f->door, "a part of", 9);
    WAIT_FOR(f->loop, f->caller.got_n == 9);
    transport_close(&f->door.t);
    WAIT_FOR(f->loop, f->caller.ended || f->caller.broken);
    assert_true(f->caller.broken);
    assert_false(f->caller.ended);
}

static void an_end_waits_for_what_goes_before(void **state)
{
    struct fixture *f = *state;
    char *text = test_calloc(1, 200000);
    struct iovec piece = {text, 200000};
    ssize_t taken;

    start_server(f);
    call_name(f, "one.test");
    f->caller.wants = 0;
    transport_want(&f->caller.t, 0);
    WAIT_FOR(f->loop, f->door.established || tls_server_tally(f->server).handshakes == 1);
    taken = transport_send(&f->door.t, &piece, 1);
    assert_in_range(taken, 0, 199999);
    transport_end(&f->door.t);
    f->caller.wants = LOOP_READ;
    transport_want(&f->caller.t, LOOP_READ);
    WAIT_FOR(f->loop, f->caller.ended || f->caller.broken);
    assert_true(f->caller.ended);
    assert_in_range(f->caller.got_n, taken, 199999); /* whole records, the last one begun */
    test_free(text);
}

/* ---- clients that find fault ----------------------------------------------------------------- */

static void a_wrong_name_is_refused(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call_name(f, "three.test");
    expect_failure(f, "the certificate is for other names than three.test");
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_REFUSED, "three.test",
                "the peer does not accept our certificate");
    expect_told(f, tls_client_faults(f->client), TLS_FAILED_CERTIFICATE, "three.test",
                "the certificate is for other names than three.test");
}

static void an_unknown_authority_is_refused(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call(f,
         &(struct tls_client_config){.name = "one.test", .ca = pki_path(&f->pki, "two", ".crt")});
    expect_failure(f, "signed by an authority that is not known here");
}

static void anything_goes_without_verification(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    call(f, &(struct tls_client_config){.name = "three.test", .no_verify = true});
    WAIT_FOR(f->loop, f->caller.established || f->caller.failed);
    assert_true(f->caller.established);
}

/* A node that starts serves what it has; whoever comes sees that it is old. */
static void an_expired_certificate_is_refused(void **state)
{
    struct fixture *f = *state;

    pki_make(&f->pki, "one", "DNS:one.test", -1);
    start_server(f);
    assert_holds(tls_server_warning(f->server), "it has expired");
    call_name(f, "one.test");
    expect_failure(f, "the certificate has expired");
}

static void an_address_is_a_name(void **state)
{
    struct fixture *f = *state;

    pki_make(&f->pki, "one", "IP:127.0.0.1", 10);
    start_server(f);
    call_name(f, "127.0.0.1");
    assert_true(f->caller.established);
    hang_up(f);
    call_name(f, "127.0.0.2");
    expect_failure(f, "the certificate is for other names than 127.0.0.2");
}

/* A setting that cannot be used is a failure with words, and made once. */
static void bad_files_are_failures(void **state)
{
    struct fixture *f = *state;
    struct tls_client_config config = {.name = "one.test", .ca = "/nowhere/ca.crt"};
    struct tls_client *a = tls_client_get(&config), *b = tls_client_get(&config);

    assert_ptr_equal(a, b);
    assert_false(tls_client_is_outdated(a));
    tls_client_unref(b);
    start_server(f);
    call(f, &config);
    expect_failure(f, "authorities: open /nowhere/ca.crt");
    expect_told(f, tls_client_faults(f->client), TLS_FAILED_OTHER, "one.test",
                "authorities: open /nowhere/ca.crt");
    hang_up(f);
    tls_client_unref(a);
    config.ca = pki_path(&f->pki, "ca", ".crt");
    config.cert = pki_path(&f->pki, "one", ".crt");
    config.key = pki_path(&f->pki, "two", ".key");
    call(f, &config);
    expect_failure(f, "does not belong to the certificate");
}

static void changed_files_make_another_client(void **state)
{
    struct fixture *f = *state;
    struct tls_client_config config = {.name = "one.test",
                                       .cert = pki_path(&f->pki, "one", ".crt"),
                                       .key = pki_path(&f->pki, "one", ".key")};
    struct tls_client *before = tls_client_get(&config), *after;

    assert_false(tls_client_is_outdated(before));
    unlink(pki_path(&f->pki, "one", ".key"));
    assert_false(tls_client_is_outdated(before)); /* what is there now is of no use */
    pki_make(&f->pki, "one", "DNS:fresh.test", 10);
    assert_true(tls_client_is_outdated(before));
    after = tls_client_get(&config);
    assert_ptr_not_equal(before, after);
    assert_true(tls_client_is_like(before, after));
    tls_client_unref(before);
    tls_client_unref(after);
}

static void a_protocol_is_insisted_on(void **state)
{
    struct fixture *f = *state;

    f->config.alpn = "h2,http/1.1";
    f->alpn = "h2";
    start_server(f);
    call_name(f, "one.test");
    assert_true(f->caller.established);
    assert_memory_equal(tls_protocol(&f->caller.t).p, "h2", 2);
    hang_up(f);
    f->server = tls_server_free(f->server);
    f->config.alpn = "http/1.1";
    start_server(f);
    call_name(f, "one.test");
    expect_failure(f, "the peer does not speak h2 by TLS (ALPN)");
    expect_told(f, tls_client_faults(f->client), TLS_FAILED_PROTOCOL, "one.test",
                "write protocol: http1");
}

/* ---- clients with certificates --------------------------------------------------------------- */

static void a_client_shows_who_it_is(void **state)
{
    struct fixture *f = *state;
    struct tls_client_config config = {.name = "one.test",
                                       .ca = pki_path(&f->pki, "ca", ".crt"),
                                       .cert = pki_path(&f->pki, "two", ".crt"),
                                       .key = pki_path(&f->pki, "two", ".key")};

    f->config.client_ca = pki_path(&f->pki, "ca", ".crt");
    start_server(f);
    call(f, &config);
    WAIT_FOR(f->loop, f->caller.established || f->caller.failed);
    assert_true(f->caller.established);
    say(&f->caller, "it is me", 8);
    expect_text(f, &f->door, "it is me");
    hang_up(f);

    /* In TLS 1.3 the client is through before the server looks at it. */
    tls_session_forget(&f->session);
    config.cert = config.key = NULL;
    call(f, &config);
    expect_count(f, TLS_FAILED_CERTIFICATE);
    WAIT_FOR(f->loop, f->caller.broken || f->caller.failed);
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_CERTIFICATE, "one.test",
                "the peer has shown no certificate");
    expect_told(f, tls_client_faults(f->client), TLS_FAILED_REFUSED, "one.test",
                "the peer wants a client certificate");
    assert_holds(transport_why(&f->caller.t), "the peer wants a client certificate");
}

static void a_client_that_nobody_knows_is_told(void **state)
{
    struct fixture *f = *state;
    struct tls_client_config config = {.name = "one.test",
                                       .ca = pki_path(&f->pki, "ca", ".crt"),
                                       .cert = pki_path(&f->pki, "two", ".crt"),
                                       .key = pki_path(&f->pki, "two", ".key")};

    f->config.client_ca = pki_path(&f->pki, "one", ".crt");
    start_server(f);
    call(f, &config);
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_CERTIFICATE, "one.test",
                "signed by an authority that is not known here");
    expect_told(f, tls_client_faults(f->client), TLS_FAILED_REFUSED, "one.test",
                "the peer does not know the authority that signed our certificate");
    hang_up(f);

    pki_make(&f->pki, "two", "DNS:two.test", -1);
    f->server = tls_server_free(f->server);
    f->config.pair_count = 1;
    f->config.client_ca = pki_path(&f->pki, "ca", ".crt");
    start_server(f);
    tls_session_forget(&f->session);
    call(f, &config);
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_CERTIFICATE, "one.test",
                "the certificate has expired");
}

/* ---- peers that are none --------------------------------------------------------------------- */

static size_t read_raw(int fd, char *dst, size_t size)
{
    ssize_t n = recv(fd, dst, size - 1, MSG_DONTWAIT);

    dst[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void plain_http_is_told(void **state)
{
    struct fixture *f = *state;
    char answer[512];

    start_server(f);
    f->raw = open_door(f, dur_s(20));
    assert_int_equal(send(f->raw, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
    WAIT_FOR(f->loop, f->door.failed);
    assert_true(read_raw(f->raw, answer, sizeof answer) > 0);
    assert_holds(answer, "HTTP/1.1 400 Bad Request\r\n");
    assert_holds(answer, "use https://");
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_PLAIN_HTTP, "",
                "the peer speaks HTTP without TLS");
}

static void an_end_before_the_handshake_is_counted(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    f->raw = open_door(f, dur_s(20));
    shutdown(f->raw, SHUT_WR);
    WAIT_FOR(f->loop, f->door.failed);
    expect_count(f, TLS_FAILED_SILENT);
    hang_up(f);
    f->raw = open_door(f, dur_s(20));
    assert_int_equal(send(f->raw, "\x16\x03\x01", 3, 0), 3);
    shutdown(f->raw, SHUT_WR);
    WAIT_FOR(f->loop, f->door.failed);
    expect_count(f, TLS_FAILED_CLOSED);
}

static void a_slow_handshake_is_ended(void **state)
{
    struct fixture *f = *state;

    start_server(f);
    f->raw = open_door(f, dur_ms(30));
    assert_int_equal(send(f->raw, "\x16\x03\x01", 3, 0), 3);
    WAIT_FOR(f->loop, f->door.failed);
    expect_told(f, tls_server_faults(f->server), TLS_FAILED_TIMEOUT, "",
                "the peer began the handshake and did not go on");
}

/* Whose patience with a system is over closes; before that it may have been for other reasons. */
static void a_system_that_says_nothing_is_told(void **state)
{
    struct fixture *f = *state;
    struct tls_client_config config = {.name = "one.test", .no_verify = true};
    struct tls_client *client = tls_client_get(&config);
    const struct tls_connect_how how = {.client = client,
                                        .peer = (const struct sockaddr *)&somebody};
    int fd[2];

    for (int late = 0; late < 2; late++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        f->raw = fd[0];
        assert_true(tls_connect(&f->caller.t, f->loop, fd[1], &how, LOOP_WRITE, on_event));
        if (late) {
            mono_t end = mono_add(loop_now(f->loop), dur_ms(120));

            WAIT_FOR(f->loop, mono_sub(loop_now(f->loop), end).ns > 0);
        }
        hang_up(f);
        assert_int_equal(tls_faults_count(tls_client_faults(client), TLS_FAILED_TIMEOUT), late);
    }
    expect_told(f, tls_client_faults(client), TLS_FAILED_TIMEOUT, "one.test",
                "the peer took the connection and said nothing");
    tls_client_unref(client);
}

/* Whatever comes: the door fails or waits, and the next one is served. */
static void noise_does_no_harm(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    char noise[600];

    start_server(f);
    rng_seed(&rng, 7);
    for (unsigned round = 0; round < 300; round++) {
        size_t n = 1 + rng_below(&rng, sizeof noise);

        for (size_t i = 0; i < n; i++)
            noise[i] = (char)rng_u64(&rng);
        if (round % 2) /* as if it were a record of a handshake */
            memcpy(noise, "\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03", n < 11 ? n : 11);
        f->raw = open_door(f, dur_s(20));
        assert_int_equal(send(f->raw, noise, n, 0), n);
        shutdown(f->raw, SHUT_WR);
        WAIT_FOR(f->loop, f->door.failed);
        hang_up(f);
    }
    call_name(f, "one.test");
    assert_true(f->caller.established);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(both_sides_talk),
        T(names_choose_certificates),
        T(much_goes_both_ways),
        T(what_was_taken_arrives),
        T(buffered_plaintext_is_an_event),
        T(pieces_share_a_record),
        T(sessions_are_resumed),
        T(an_idle_client_is_quiet),
        T(a_transport_moves),
        T(an_announced_end_is_one),
        T(a_cut_off_answer_is_an_error),
        T(an_end_waits_for_what_goes_before),
        T(a_wrong_name_is_refused),
        T(an_unknown_authority_is_refused),
        T(anything_goes_without_verification),
        T(an_expired_certificate_is_refused),
        T(an_address_is_a_name),
        T(bad_files_are_failures),
        T(changed_files_make_another_client),
        T(a_protocol_is_insisted_on),
        T(a_client_shows_who_it_is),
        T(a_client_that_nobody_knows_is_told),
        T(plain_http_is_told),
        T(an_end_before_the_handshake_is_counted),
        T(a_slow_handshake_is_ended),
        T(a_system_that_says_nothing_is_told),
        T(noise_does_no_harm),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
