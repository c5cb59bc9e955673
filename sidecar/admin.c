/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/admin.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/http1/http1_parse.h"
#include "common/http1/http1_write.h"
#include "common/loop/timer.h"
#include "sidecar/proxy/address.h"

/* Fields of one request that are looked at. */
#define HEADERS_MAX 64
/* The head of an answer. */
#define ANSWER_HEAD_MAX 1024

/* read ─► write ─► linger ─► closed. The client closes first, so that an answer is not cut short by
 * a reset over bytes that nobody reads (RFC 9112 9.6). */
enum step { STEP_READ, STEP_WRITE, STEP_LINGER };

struct client {
    struct admin *admin; /* NULL: this place is free */
    enum step step;
    struct loop_watch watch;
    struct timer deadline;
    struct http1_parser parser;
    struct http1_head head;
    struct http1_header header[HEADERS_MAX];
    char request[ADMIN_HEAD_MAX];
    size_t received;
    struct buf answer;
    size_t sent;
};

struct admin {
    struct loop *loop;
    struct admin_pages pages;
    void *ctx;
    uint16_t port;
    struct loop_watch listener;
    struct client client[ADMIN_CONNECTIONS_MAX];
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

static void answer_json(struct client *c, const struct buf *body)
{
    static const struct http1_extra fields[] = {
        {.name = STR("Content-Type"), .value = STR("application/json")},
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

static void page_health(struct client *c)
{
    answer_text(c, 200, "alive");
}

static void page_ready(struct client *c)
{
    struct admin *a = c->admin;

    if (a->pages.is_ready(a->ctx))
        answer_text(c, 200, "serves a rule set");
    else
        answer_text(c, 503, "no rule set yet");
}

static void page_json(struct client *c, bool (*tell)(void *ctx, struct buf *ret))
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(ADMIN_BODY_MAX);

    if (tell(c->admin->ctx, &body) && buf_add(&body, "\n", 1))
        answer_json(c, &body);
    else
        answer_text(c, 500, "the page is too large");
}

static void page_status(struct client *c)
{
    page_json(c, c->admin->pages.status);
}

static void page_flags(struct client *c)
{
    page_json(c, c->admin->pages.flags);
}

static const struct page {
    struct str path;
    void (*answer)(struct client *c);
} all_pages[] = {
    {STR("/healthz"), page_health},
    {STR("/readyz"), page_ready},
    {STR("/status"), page_status},
    {STR("/flags"), page_flags},
};

static const struct page *find_page(const struct http1_head *h)
{
    struct str path, query;

    str_cut(http1_path(h), '?', &path, &query);
    for (unsigned i = 0; i < ARRAY_LEN(all_pages); i++)
        if (str_eq(path, all_pages[i].path))
            return &all_pages[i];
    return NULL;
}

static void answer(struct client *c)
{
    const struct page *page = find_page(&c->head);

    if (!page)
        answer_text(c, 404, "here are /healthz, /readyz, /status and /flags");
    else if (c->head.method != HTTP1_GET && c->head.method != HTTP1_HEAD)
        answer_text(c, 405, NULL);
    else
        page->answer(c);
}

/* ---- one connection -------------------------------------------------------------------------- */

static void close_client(struct client *c)
{
    struct admin *a = c->admin;

    timer_cancel(&c->deadline);
    loop_unwatch(&c->watch);
    close(c->watch.fd);
    buf_deinit(&c->answer);
    c->admin = NULL;
    loop_want(&a->listener, LOOP_READ);
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
    if (c->admin && c->step == STEP_WRITE && write_answer(c)) {
        c->step = STEP_LINGER;
        loop_want(w, LOOP_READ);
    }
    if (c->admin && c->step == STEP_LINGER)
        linger(c);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static struct client *free_place(struct admin *a)
{
    for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (!a->client[i].admin)
            return &a->client[i];
    return NULL;
}

static void take_client(struct admin *a, struct client *c, int fd)
{
    const struct http1_limits limits = {.line_max = ADMIN_HEAD_MAX / 2,
                                        .head_max = ADMIN_HEAD_MAX - 1};

    if (loop_watch(a->loop, &c->watch, fd, LOOP_READ, on_client, NULL) < 0) {
        close(fd);
        return;
    }
    c->admin = a;
    c->step = STEP_READ;
    c->received = c->sent = 0;
    c->answer = BUF_INIT(ADMIN_BODY_MAX + ANSWER_HEAD_MAX);
    c->head.method = HTTP1_METHOD_OTHER;
    http1_parser_init(&c->parser, HTTP1_REQUEST, limits, &c->head, c->header, HEADERS_MAX);
    timer_set(a->loop, &c->deadline, ADMIN_DEADLINE, on_deadline, "admin client");
}

static void on_listener(struct loop_watch *w, unsigned events UNUSED)
{
    struct admin *a = container_of(w, struct admin, listener);
    struct client *c = free_place(a);
    int fd;

    if (!c) {
        loop_want(w, 0); /* until one leaves */
        return;
    }
    fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        take_client(a, c, fd);
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

static int open_listener(const char *text, struct admin *a, struct err *err)
{
    const int one = 1;
    struct address address;
    int r = address_parse_listen(text, &address, err);
    int fd;

    if (r < 0)
        return r;
    fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_listen(text, err);
    a->listener.fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address.u.any, address.len) < 0 || listen(fd, ADMIN_CONNECTIONS_MAX) < 0)
        return fail_listen(text, err);
    address.len = sizeof address.u;
    getsockname(fd, &address.u.any, &address.len);
    a->port = address_port(&address);
    return loop_watch(a->loop, &a->listener, fd, LOOP_READ, on_listener, err);
}

int admin_new(const char *listen, struct loop *l, const struct admin_pages *pages, void *ctx,
              struct admin **ret, struct err *err)
{
    CLEANUP(admin_freep) struct admin *a = xnew(struct admin);
    int r;

    a->loop = l;
    a->pages = *pages;
    a->ctx = ctx;
    a->listener.fd = -1;
    r = open_listener(listen, a, err);
    if (r < 0)
        return err_ctx(err, "admin pages");
    *ret = steal(a);
    return 0;
}

uint16_t admin_port(const struct admin *a)
{
    return a->port;
}

struct admin *admin_free(struct admin *a)
{
    if (!a)
        return NULL;
    for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (a->client[i].admin)
            close_client(&a->client[i]);
    loop_unwatch(&a->listener);
    if (a->listener.fd >= 0)
        close(a->listener.fd);
    xfreep(&a);
    return NULL;
}
