/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pages/pages.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/http1/http1_parse.h"
#include "common/http1/http1_write.h"
#include "common/loop/timer.h"

/* Fields of one request that are looked at. */
#define HEADERS_MAX 64
/* The head of an answer. */
#define ANSWER_HEAD_MAX 1024
#define HOST_SIZE       64
#define SENTENCE_SIZE   256

/* read ─► write ─► linger ─► closed. The client closes first, so that an answer is not cut short by
 * a reset over bytes that nobody reads (RFC 9112 9.6). */
enum step { STEP_READ, STEP_WRITE, STEP_LINGER };

struct client {
    struct pages *pages; /* NULL: this place is free */
    enum step step;
    struct loop_watch watch;
    struct timer deadline;
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header header[HEADERS_MAX];
    char request[PAGES_HEAD_MAX];
    size_t received;
    struct buf answer;
    size_t sent;
};

struct pages {
    struct loop *loop;
    const struct page *page; /* borrowed */
    unsigned count;
    void *ctx;
    uint16_t port;
    struct loop_watch listener;
    struct client client[PAGES_CONNECTIONS_MAX];
};

/* ---- answering ------------------------------------------------------------------------------- */

static void answer_text(struct client *c, unsigned status, const char *why)
{
    const struct http1_extra allow = {.name = STR("Allow"), .value = STR("GET, HEAD")};
    const struct http1_answer a = {
        .status = status,
        .why = why,
        .connection = HTTP1_CONNECTION_CLOSE,
        .head_only = c->head.method == HTTP1_HEAD,
        .extra = &allow,
        .extra_count = status == 405,
    };
    char text[ANSWER_HEAD_MAX];
    size_t n = http1_write_answer(&a, text, sizeof text);

    (void)!buf_add(&c->answer, text, n);
}

static void answer_body(struct client *c, const char *type, const struct buf *body)
{
    const struct http1_extra fields[] = {
        {.name = STR("Content-Type"), .value = str_of(type)},
        {.name = STR("Cache-Control"), .value = STR("no-store")},
    };
    const struct http1_head head = {.base = "OK", .status = 200, .reason = {0, 2}};
    const struct http1_out out = {
        .body = {HTTP1_BODY_LENGTH, body->len},
        .connection = HTTP1_CONNECTION_CLOSE,
        .extra = fields,
        .extra_count = ARRAY_LEN(fields),
    };
    char text[ANSWER_HEAD_MAX];
    size_t n = http1_write_response(&head, &out, text, sizeof text);

    (void)!buf_add(&c->answer, text, n);
    if (c->head.method != HTTP1_HEAD)
        (void)!buf_add(&c->answer, body->data, body->len);
}

static void answer_fact(struct client *c, const struct page *page)
{
    if (page->is_fine(c->pages->ctx))
        answer_text(c, 200, page->fine);
    else
        answer_text(c, 503, page->not_fine);
}

static void answer_page(struct client *c, const struct page *page)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(PAGES_BODY_MAX);

    if (page->tell(c->pages->ctx, &body))
        answer_body(c, page->type, &body);
    else
        answer_text(c, 500, "the page is too large");
}

static const struct page *find_page(const struct client *c)
{
    const struct pages *p = c->pages;
    struct str path, query;

    str_cut(http1_path(&c->head), '?', &path, &query);
    for (unsigned i = 0; i < p->count; i++)
        if (str_eq(path, p->page[i].path))
            return &p->page[i];
    return NULL;
}

static void answer_missing(struct client *c)
{
    const struct pages *p = c->pages;
    char text[SENTENCE_SIZE] = "here are";

    for (unsigned i = 0; i < p->count; i++)
        str_join(text, sizeof text, i == 0 ? " " : ", ", "%.*s", (int)p->page[i].path.n,
                 p->page[i].path.p);
    answer_text(c, 404, text);
}

static void answer(struct client *c)
{
    const struct page *page = find_page(c);

    if (!page)
        answer_missing(c);
    else if (c->head.method != HTTP1_GET && c->head.method != HTTP1_HEAD)
        answer_text(c, 405, NULL);
    else if (page->tell)
        answer_page(c, page);
    else
        answer_fact(c, page);
}

/* ---- one connection -------------------------------------------------------------------------- */

static void close_client(struct client *c)
{
    struct pages *p = c->pages;

    timer_cancel(&c->deadline);
    loop_unwatch(&c->watch);
    close(c->watch.fd);
    buf_deinit(&c->answer);
    c->pages = NULL;
    loop_want(&p->listener, LOOP_READ);
}

static void on_deadline(struct timer *t)
{
    close_client(container_of(t, struct client, deadline));
}

/* Returns whether the step is over. */
static bool read_request(struct client *c)
{
    ssize_t n = recv(c->watch.fd, c->request + c->received, sizeof c->request - c->received, 0);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            close_client(c);
        return false;
    }
    c->received += (size_t)n;
    switch (http1_parse(&c->parser, c->request, c->received)) {
    case HTTP1_MORE:
        return false;
    case HTTP1_DONE:
        answer(c);
        return true;
    case HTTP1_REFUSED:
        break;
    }
    answer_text(c, c->parser.status, c->parser.why);
    return true;
}

static bool write_answer(struct client *c)
{
    while (c->sent < c->answer.len) {
        ssize_t n =
            send(c->watch.fd, c->answer.data + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                close_client(c);
            return false;
        }
        c->sent += (size_t)n;
    }
    shutdown(c->watch.fd, SHUT_WR);
    return true;
}

static void linger(struct client *c)
{
    char dropped[4096];
    ssize_t n = recv(c->watch.fd, dropped, sizeof dropped, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_client(c);
}

static void on_client(struct loop_watch *w, unsigned events UNUSED)
{
    struct client *c = container_of(w, struct client, watch);

    if (c->step == STEP_READ && read_request(c)) {
        c->step = STEP_WRITE;
        loop_want(w, LOOP_WRITE);
    }
    if (c->pages && c->step == STEP_WRITE && write_answer(c)) {
        c->step = STEP_LINGER;
        loop_want(w, LOOP_READ);
    }
    if (c->pages && c->step == STEP_LINGER)
        linger(c);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static struct client *free_place(struct pages *p)
{
    for (unsigned i = 0; i < PAGES_CONNECTIONS_MAX; i++)
        if (!p->client[i].pages)
            return &p->client[i];
    return NULL;
}

static void take_client(struct pages *p, struct client *c, int fd)
{
    const struct http1_limits limits = {.line_max = PAGES_HEAD_MAX / 2,
                                        .head_max = PAGES_HEAD_MAX - 1};

    if (loop_watch(p->loop, &c->watch, fd, LOOP_READ, on_client, NULL) < 0) {
        close(fd);
        return;
    }
    c->pages = p;
    c->step = STEP_READ;
    c->received = c->sent = 0;
    c->answer = BUF_INIT(PAGES_BODY_MAX + ANSWER_HEAD_MAX);
    c->head.method = HTTP1_METHOD_OTHER;
    http1_parser_init(&c->parser, HTTP1_REQUEST, limits, &c->head, c->header, HEADERS_MAX);
    timer_set(p->loop, &c->deadline, PAGES_DEADLINE, on_deadline, "pages client");
}

static void on_listener(struct loop_watch *w, unsigned events UNUSED)
{
    struct pages *p = container_of(w, struct pages, listener);
    struct client *c = free_place(p);
    int fd;

    if (!c) {
        loop_want(w, 0); /* until one leaves */
        return;
    }
    fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        take_client(p, c, fd);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int fail_listen(const char *listen, struct err *err)
{
    int errnum = errno;
    int r = err_errno(err, errnum, "listen on %s", listen);

    if (errnum == EADDRINUSE)
        err_hint(err, "another program listens there: choose another port with --admin");
    return r;
}

/* Cut at the last ':', so that brackets around IPv6 are all that has to be looked at. */
static bool split_port(const char *text, char *ret_host, size_t size, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    struct str host = {text, colon ? (size_t)(colon - text) : 0};
    uint64_t port;

    if (!colon || !str_to_u64(str_of(colon + 1), UINT16_MAX, &port))
        return false;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    *ret_port = colon + 1;
    return str_copy(host, ret_host, size);
}

/* An address and no name: what is listened on must not depend on a resolver. */
static int parse_listen(const char *text, struct addrinfo **ret, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char host[HOST_SIZE];
    const char *port;

    if (!split_port(text, host, sizeof host, &port) || !host[0] ||
        getaddrinfo(host, port, &hints, ret) != 0) {
        err_set(err, ERR_INVALID, "cannot listen on \"%s\": it is no address with a port", text);
        return err_hint(err, "write it as 127.0.0.1:9100, 0.0.0.0:9100 or [::1]:9100");
    }
    return 0;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof at;

    getsockname(fd, (struct sockaddr *)&at, &len);
    if (at.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    return ntohs(((struct sockaddr_in *)&at)->sin_port);
}

static int bind_listener(struct pages *p, const char *text, const struct addrinfo *at,
                         struct err *err)
{
    const int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail_listen(text, err);
    p->listener.fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, PAGES_CONNECTIONS_MAX) < 0)
        return fail_listen(text, err);
    p->port = port_of(fd);
    return loop_watch(p->loop, &p->listener, fd, LOOP_READ, on_listener, err);
}

static int open_listener(struct pages *p, const char *text, struct err *err)
{
    struct addrinfo *at = NULL;
    int r = parse_listen(text, &at, err);

    if (r < 0)
        return r;
    r = bind_listener(p, text, at, err);
    freeaddrinfo(at);
    return r;
}

int pages_new(const char *listen, struct loop *l, const struct page *page, unsigned count,
              void *ctx, struct pages **ret, struct err *err)
{
    CLEANUP(pages_freep) struct pages *p = xnew(struct pages);
    int r;

    p->loop = l;
    p->page = page;
    p->count = count;
    p->ctx = ctx;
    p->listener.fd = -1;
    r = open_listener(p, listen, err);
    if (r < 0)
        return err_ctx(err, "open the pages");
    *ret = steal(p);
    return 0;
}

uint16_t pages_port(const struct pages *p)
{
    return p->port;
}

struct pages *pages_free(struct pages *p)
{
    if (!p)
        return NULL;
    for (unsigned i = 0; i < PAGES_CONNECTIONS_MAX; i++)
        if (p->client[i].pages)
            close_client(&p->client[i]);
    loop_unwatch(&p->listener);
    if (p->listener.fd >= 0)
        close(p->listener.fd);
    xfreep(&p);
    return NULL;
}
