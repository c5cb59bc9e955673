/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/etcd/etcd_gateway.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"

#define CONNECTIONS_MAX 256u
#define MESSAGE_MAX     (16u << 20)

struct etcd_gateway {
    unsigned etcd_port;
    char endpoint[64];
    int listener;
    pthread_t acceptor;

    /* Protects what follows. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum gateway_fault fault;
    char path[32];
    unsigned times;
    const char *text;
    unsigned requests;
    bool stopping;
    unsigned held, releases;
    struct buf first; /* the first answer to what `path` names */
    struct connection {
        struct etcd_gateway *gateway;
        pthread_t thread;
        int fd, upstream;
        bool streams;
    } connection[CONNECTIONS_MAX];
    unsigned count;
};

struct message {
    char path[64];
    char token[256];
    char status[64];
    struct buf body;
};

/* ---- faults ---------------------------------------------------------------------------------- */

/* Take the armed fault when it is one of [from, to] and meant for this path. */
static enum gateway_fault take(struct etcd_gateway *g, const char *path, enum gateway_fault from,
                               enum gateway_fault to)
{
    enum gateway_fault f = GATEWAY_FINE;

    pthread_mutex_lock(&g->lock);
    if (g->times > 0 && g->fault >= from && g->fault <= to && strstr(path, g->path)) {
        f = g->fault;
        g->times--;
    }
    pthread_mutex_unlock(&g->lock);
    return f;
}

static void hold(struct etcd_gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->held++;
    while (g->releases == 0 && !g->stopping)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void held_was_answered(struct etcd_gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->held--;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool receive(int fd, struct buf *b)
{
    char *to = buf_reserve(b, 64u << 10);
    ssize_t n;

    CHECK(to);
    n = recv(fd, to, 64u << 10, 0);
    if (n <= 0)
        return false;
    b->len += (size_t)n;
    b->data[b->len] = '\0';
    return true;
}

static void consume(struct buf *b, size_t n)
{
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

static const char *header(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);

    return at ? at + strlen(name) : NULL;
}

static void copy_until(const char *from, const char *stops, char *to, size_t size)
{
    size_t n = strcspn(from, stops);

    CHECK(n < size);
    memcpy(to, from, n);
    to[n] = '\0';
}

/* One request; what follows it stays in `in`. */
static bool read_request(int fd, struct buf *in, struct message *m)
{
    const char *end, *length, *token;
    size_t head, body;

    while (!(end = strstr(buf_text(in), "\r\n\r\n")))
        if (!receive(fd, in))
            return false;
    head = (size_t)(end + 4 - in->data);
    CHECK(strncmp(in->data, "POST ", 5) == 0);
    copy_until(in->data + 5, " ", m->path, sizeof m->path);
    length = header(in->data, "\r\ncontent-length: ");
    token = header(in->data, "\r\nauthorization: ");
    m->token[0] = '\0';
    if (token && token < end)
        copy_until(token, "\r", m->token, sizeof m->token);
    body = length ? strtoul(length, NULL, 10) : 0;
    while (in->len < head + body)
        if (!receive(fd, in))
            return false;
    buf_clear(&m->body);
    CHECK(buf_add(&m->body, in->data + head, body));
    consume(in, head + body);
    return true;
}

/* HTTP/1.0, so that the answer is not in chunks and ends with the connection. */
static int pass_on(struct etcd_gateway *g, const struct message *m)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)g->etcd_port)};
    CLEANUP(buf_deinitp) struct buf head = BUF_INIT(1024);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(buf_addf(&head, "POST %s HTTP/1.0\r\nContent-Length: %zu\r\n", m->path, m->body.len));
    if (m->token[0])
        CHECK(buf_addf(&head, "Authorization: %s\r\n", m->token));
    CHECK(buf_addf(&head, "\r\n"));
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && send_all(fd, head.data, head.len) &&
        send_all(fd, buf_text(&m->body), m->body.len))
        return fd;
    close(fd);
    return -1;
}

/* Its status line; what follows the head is left in `in`. */
static bool read_head(int fd, struct buf *in, struct message *m)
{
    const char *end;

    while (!(end = strstr(buf_text(in), "\r\n\r\n")))
        if (!receive(fd, in))
            return false;
    copy_until(strchr(in->data, ' ') + 1, "\r", m->status, sizeof m->status);
    consume(in, (size_t)(end + 4 - in->data));
    return true;
}

static bool answer(int fd, const char *status, struct str body, size_t length)
{
    CLEANUP(buf_deinitp) struct buf head = BUF_INIT(256);

    CHECK(buf_addf(&head,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   status, length));
    return send_all(fd, head.data, head.len) && send_all(fd, body.p, body.n);
}

/* ---- unary calls ----------------------------------------------------------------------------- */

static void remember_first(struct etcd_gateway *g, const struct message *m)
{
    pthread_mutex_lock(&g->lock);
    if (g->first.len == 0 && strstr(m->path, "/v3/kv/"))
        CHECK(buf_add_str(&g->first, buf_view(&m->body)));
    pthread_mutex_unlock(&g->lock);
}

/* False to close the connection. */
static bool answer_back(struct etcd_gateway *g, int fd, const struct message *m)
{
    struct str body = buf_view(&m->body);

    switch (take(g, m->path, GATEWAY_DROP_ANSWER, GATEWAY_TIME_TRAVEL)) {
    case GATEWAY_DROP_ANSWER:
        return false;
    case GATEWAY_CUT_JSON:
        body.n /= 2;
        return answer(fd, m->status, body, body.n);
    case GATEWAY_CUT_BODY:
        body.n /= 2;
        (void)answer(fd, m->status, body, m->body.len);
        return false;
    case GATEWAY_TIME_TRAVEL:
        return answer(fd, "200 OK", buf_view(&g->first), g->first.len);
    case GATEWAY_FINE:
    case GATEWAY_DROP_REQUEST:
    case GATEWAY_HOLD:
    case GATEWAY_REFUSE:
    case GATEWAY_BABBLE:
    case GATEWAY_DUPLICATE:
    case GATEWAY_REORDER:
    case GATEWAY_LOSE:
    case GATEWAY_CUT_LINE:
        break;
    }
    remember_first(g, m);
    return answer(fd, m->status, body, body.n);
}

static bool ask_etcd(struct etcd_gateway *g, struct message *m)
{
    CLEANUP(buf_deinitp) struct buf in = BUF_INIT(MESSAGE_MAX);
    int fd = pass_on(g, m);
    bool answered = fd >= 0 && read_head(fd, &in, m);

    while (answered && receive(fd, &in))
        ;
    if (fd >= 0)
        close(fd);
    buf_clear(&m->body);
    CHECK(buf_add_str(&m->body, buf_view(&in)));
    return answered;
}

static bool serve_call(struct etcd_gateway *g, int fd, struct message *m)
{
    enum gateway_fault f = take(g, m->path, GATEWAY_DROP_REQUEST, GATEWAY_BABBLE);

    if (f == GATEWAY_DROP_REQUEST)
        return false;
    if (f == GATEWAY_REFUSE || f == GATEWAY_BABBLE)
        return answer(fd, f == GATEWAY_REFUSE ? "503 Service Unavailable" : "200 OK",
                      str_of(g->text), strlen(g->text));
    if (f == GATEWAY_HOLD) {
        hold(g);
        (void)ask_etcd(g, m);
        held_was_answered(g);
        return false;
    }
    return ask_etcd(g, m) && answer_back(g, fd, m);
}

/* ---- streams --------------------------------------------------------------------------------- */

/* One line, with its end. `late` is one that waits for the next. */
static bool pass_line(struct etcd_gateway *g, int fd, struct str line, struct buf *late)
{
    bool has_events = memmem(line.p, line.n, "\"events\"", 8) != NULL;
    bool fine;

    switch (has_events ? take(g, "/v3/watch", GATEWAY_DUPLICATE, GATEWAY_CUT_LINE) : GATEWAY_FINE) {
    case GATEWAY_DUPLICATE:
        return send_all(fd, line.p, line.n) && send_all(fd, line.p, line.n);
    case GATEWAY_REORDER:
        return buf_add_str(late, line);
    case GATEWAY_LOSE:
        return true;
    case GATEWAY_CUT_LINE:
        (void)send_all(fd, line.p, line.n / 2);
        return false;
    case GATEWAY_FINE:
    case GATEWAY_DROP_REQUEST:
    case GATEWAY_HOLD:
    case GATEWAY_REFUSE:
    case GATEWAY_BABBLE:
    case GATEWAY_DROP_ANSWER:
    case GATEWAY_CUT_JSON:
    case GATEWAY_CUT_BODY:
    case GATEWAY_TIME_TRAVEL:
        break;
    }
    fine = send_all(fd, line.p, line.n) && (late->len == 0 || send_all(fd, late->data, late->len));
    buf_clear(late);
    return fine;
}

static bool pass_lines(struct etcd_gateway *g, int fd, struct buf *in, struct buf *late)
{
    char *end;

    while (in->len > 0 && (end = memchr(in->data, '\n', in->len))) {
        size_t n = (size_t)(end + 1 - in->data);

        if (!pass_line(g, fd, (struct str){in->data, n}, late))
            return false;
        consume(in, n);
    }
    return true;
}

/* False when the gateway is being stopped. */
static bool begin_stream(struct connection *c, int upstream)
{
    bool begun;

    pthread_mutex_lock(&c->gateway->lock);
    c->upstream = upstream;
    c->streams = true;
    begun = upstream >= 0 && !c->gateway->stopping;
    pthread_mutex_unlock(&c->gateway->lock);
    return begun;
}

static void serve_stream(struct connection *c, struct message *m)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Connection: close\r\n\r\n";
    struct etcd_gateway *g = c->gateway;
    CLEANUP(buf_deinitp) struct buf in = BUF_INIT(MESSAGE_MAX);
    CLEANUP(buf_deinitp) struct buf late = BUF_INIT(MESSAGE_MAX);
    struct pollfd fds[2];

    if (!begin_stream(c, pass_on(g, m)) || !read_head(c->upstream, &in, m) ||
        !send_all(c->fd, head, sizeof head - 1))
        return;
    while (pass_lines(g, c->fd, &in, &late)) {
        fds[0] = (struct pollfd){.fd = c->upstream, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = c->fd, .events = POLLIN};
        poll(fds, 2, -1);
        if (fds[1].revents || !receive(c->upstream, &in))
            break;
    }
}

/* ---- connections ----------------------------------------------------------------------------- */

static void *serve(void *ctx)
{
    struct connection *c = ctx;
    struct etcd_gateway *g = c->gateway;
    CLEANUP(buf_deinitp) struct buf in = BUF_INIT(MESSAGE_MAX);
    struct message m = {.body = BUF_INIT(MESSAGE_MAX)};

    while (read_request(c->fd, &in, &m)) {
        pthread_mutex_lock(&g->lock);
        g->requests++;
        pthread_mutex_unlock(&g->lock);
        if (strcmp(m.path, "/v3/watch") == 0) {
            serve_stream(c, &m);
            break;
        }
        if (!serve_call(g, c->fd, &m))
            break;
    }
    buf_deinit(&m.body);
    shutdown(c->fd, SHUT_RDWR);
    if (c->upstream >= 0)
        shutdown(c->upstream, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *ctx)
{
    struct etcd_gateway *g = ctx;
    const int one = 1;
    int fd;

    while ((fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct connection *c = &g->connection[g->count];

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        CHECK(g->count < CONNECTIONS_MAX);
        *c = (struct connection){.gateway = g, .fd = fd, .upstream = -1};
        CHECK(pthread_create(&c->thread, NULL, serve, c) == 0);
        pthread_mutex_lock(&g->lock);
        g->count++;
        pthread_mutex_unlock(&g->lock);
    }
    return NULL;
}

struct etcd_gateway *gateway_start(unsigned etcd_port)
{
    struct etcd_gateway *g = xnew(struct etcd_gateway);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    g->etcd_port = etcd_port;
    buf_init(&g->first, MESSAGE_MAX);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
    g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(g->listener, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(listen(g->listener, 64) == 0);
    CHECK(getsockname(g->listener, (struct sockaddr *)&at, &size) == 0);
    snprintf(g->endpoint, sizeof g->endpoint, "http://127.0.0.1:%u", ntohs(at.sin_port));
    CHECK(pthread_create(&g->acceptor, NULL, accept_all, g) == 0);
    return g;
}

static void shut(struct etcd_gateway *g, bool streams_only)
{
    pthread_mutex_lock(&g->lock);
    for (unsigned i = 0; i < g->count; i++) {
        if (streams_only && !g->connection[i].streams)
            continue;
        shutdown(g->connection[i].fd, SHUT_RDWR);
        if (g->connection[i].upstream >= 0)
            shutdown(g->connection[i].upstream, SHUT_RDWR);
    }
    pthread_mutex_unlock(&g->lock);
}

void gateway_stop(struct etcd_gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->stopping = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    shutdown(g->listener, SHUT_RDWR);
    CHECK(pthread_join(g->acceptor, NULL) == 0);
    shut(g, false);
    for (unsigned i = 0; i < g->count; i++) {
        CHECK(pthread_join(g->connection[i].thread, NULL) == 0);
        close(g->connection[i].fd);
        if (g->connection[i].upstream >= 0)
            close(g->connection[i].upstream);
    }
    close(g->listener);
    buf_deinit(&g->first);
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->changed);
    free(g);
}

const char *gateway_endpoint(const struct etcd_gateway *g)
{
    return g->endpoint;
}

void gateway_arm(struct etcd_gateway *g, enum gateway_fault f, const char *path, unsigned times)
{
    pthread_mutex_lock(&g->lock);
    g->fault = f;
    g->times = times;
    snprintf(g->path, sizeof g->path, "%s", path);
    pthread_mutex_unlock(&g->lock);
}

void gateway_say(struct etcd_gateway *g, const char *text)
{
    g->text = text;
}

unsigned gateway_armed(struct etcd_gateway *g)
{
    unsigned n;

    pthread_mutex_lock(&g->lock);
    n = g->times;
    pthread_mutex_unlock(&g->lock);
    return n;
}

void gateway_release(struct etcd_gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->releases++;
    pthread_cond_broadcast(&g->changed);
    while (g->held > 0)
        pthread_cond_wait(&g->changed, &g->lock);
    g->releases = 0;
    pthread_mutex_unlock(&g->lock);
}

void gateway_end_streams(struct etcd_gateway *g)
{
    shut(g, true);
}

unsigned gateway_requests(struct etcd_gateway *g)
{
    unsigned n;

    pthread_mutex_lock(&g->lock);
    n = g->requests;
    pthread_mutex_unlock(&g->lock);
    return n;
}
