/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/etcd_http.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define URL_MAX    512
#define HEADER_MAX 1100

/* A request that is being carried out: what curl's callbacks work on. */
struct exchange {
    CURL *easy;                 /* owned; keeps its connection */
    struct curl_slist *headers; /* owned */
    struct etcd_http *http;
    struct buf sending; /* owned; empty for a post, whose body is borrowed */
    struct str body;
    size_t sent;
    bool repeatable;
    struct buf *answer; /* borrowed: of a post */
    bool too_large;
    char why[CURL_ERROR_SIZE];
};

struct etcd_http {
    char *ca, *cert, *key; /* owned; NULL: none */
    long connect_ms, timeout_ms;
    atomic_bool cancelled;
    struct exchange post;
    struct exchange stream;
    CURLM *multi; /* runs the stream */
    bool streaming;
    struct buf line; /* the part of one that has arrived */
    etcd_line_fn fn;
    void *ctx;
};

/* ---- failures -------------------------------------------------------------------------------- */

static bool never_arrived(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
           code == CURLE_COULDNT_CONNECT || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL;
}

static bool is_tls(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR ||
           code == CURLE_SSL_INVALIDCERTSTATUS;
}

static int fail_tls(const struct exchange *x, const char *endpoint, const char *why,
                    struct err *err)
{
    const struct etcd_http *h = x->http;

    err_set(err, ERR_DENIED, "etcd %s: %s", endpoint, why);
    if (h->ca)
        return err_hint(err, "compare: openssl s_client -connect HOST:PORT -CAfile %s", h->ca);
    return err_hint(err, "name the authority that signed its certificate with --etcd-ca FILE");
}

/* TLS 1.3 tells about a client's certificate only after the handshake, as a failure to receive. */
static bool is_late_alert(CURLcode code, const char *why)
{
    return code == CURLE_RECV_ERROR && strstr(why, "alert");
}

/* A time-out before the connection stood did no harm. */
static bool was_connected(const struct exchange *x)
{
    curl_off_t took = 0;

    curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &took);
    return took > 0;
}

static int explain(const struct exchange *x, CURLcode code, const char *endpoint, struct err *err)
{
    const char *why = x->why[0] ? x->why : curl_easy_strerror(code);

    if (code == CURLE_SEND_FAIL_REWIND) /* rewind_body() */
        why = "the connection broke before an answer came";
    if (atomic_load(&x->http->cancelled))
        return err_set(err, ERR_CANCELLED, "etcd %s: the store is being closed", endpoint);
    if (x->too_large)
        return err_set(err, ERR_EXHAUSTED, "etcd %s: its answer has more than %zu bytes", endpoint,
                       x->answer ? x->answer->max : (size_t)ETCD_LINE_MAX);
    if (is_tls(code) || is_late_alert(code, why))
        return fail_tls(x, endpoint, why, err);
    if (never_arrived(code) || (code == CURLE_OPERATION_TIMEDOUT && !was_connected(x)))
        err_set(err, ERR_UNAVAILABLE, "etcd %s: %s", endpoint, why);
    else
        err_set(err, ERR_UNKNOWN_OUTCOME, "etcd %s: %s", endpoint, why);
    return err_hint(err, "look whether the member runs: etcdctl --endpoints %s endpoint status",
                    endpoint);
}

/* ---- curl's callbacks ------------------------------------------------------------------------ */

static size_t send_body(char *to, size_t size, size_t count, void *ctx)
{
    struct exchange *x = ctx;
    size_t n = x->body.n - x->sent;

    if (n > size * count)
        n = size * count;
    memcpy(to, x->body.p + x->sent, n);
    x->sent += n;
    return n;
}

/* When a kept connection turns out to be dead, curl repeats the request by itself. That may be the
 * second arrival, so only what is repeatable may be read again from its start. */
static int rewind_body(void *ctx, curl_off_t offset, int origin)
{
    struct exchange *x = ctx;

    if (!x->repeatable || origin != SEEK_SET || offset != 0)
        return CURL_SEEKFUNC_FAIL;
    x->sent = 0;
    return CURL_SEEKFUNC_OK;
}

static size_t take_answer(char *from, size_t size, size_t count, void *ctx)
{
    struct exchange *x = ctx;

    x->too_large = !buf_add(x->answer, from, size * count);
    return x->too_large ? 0 : size * count;
}

static size_t take_lines(char *from, size_t size, size_t count, void *ctx)
{
    struct exchange *x = ctx;
    struct etcd_http *h = x->http;
    struct str rest = {from, size * count};
    struct str head;

    while (memchr(rest.p, '\n', rest.n)) {
        str_cut(rest, '\n', &head, &rest);
        x->too_large = !buf_add_str(&h->line, head);
        if (x->too_large)
            return 0;
        if (h->line.len > 0)
            h->fn(h->ctx, buf_view(&h->line));
        buf_clear(&h->line);
        if (rest.n == 0)
            return size * count;
    }
    x->too_large = !buf_add_str(&h->line, rest);
    return x->too_large ? 0 : size * count;
}

static int look_for_cancel(void *ctx, curl_off_t a UNUSED, curl_off_t b UNUSED, curl_off_t c UNUSED,
                           curl_off_t d UNUSED)
{
    struct exchange *x = ctx;

    return atomic_load(&x->http->cancelled);
}

/* ---- setting up ------------------------------------------------------------------------------ */

#define SET(easy, option, value) CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void set_tls(CURL *easy, const struct etcd_http *h)
{
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (h->ca)
        SET(easy, CURLOPT_CAINFO, h->ca);
    if (h->cert)
        SET(easy, CURLOPT_SSLCERT, h->cert);
    if (h->key)
        SET(easy, CURLOPT_SSLKEY, h->key);
}

static int exchange_init(struct exchange *x, struct etcd_http *h, struct err *err)
{
    x->http = h;
    buf_init(&x->sending, 8u << 10);
    x->easy = curl_easy_init();
    if (!x->easy)
        return err_set(err, ERR_INTERNAL, "curl cannot be used");
    SET(x->easy, CURLOPT_NOSIGNAL, 1L);
    SET(x->easy, CURLOPT_PROXY, ""); /* not from the environment: etcd is a neighbour */
    SET(x->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(x->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(x->easy, CURLOPT_TCP_KEEPIDLE, 10L);
    SET(x->easy, CURLOPT_TCP_KEEPINTVL, 5L);
    SET(x->easy, CURLOPT_CONNECTTIMEOUT_MS, h->connect_ms);
    SET(x->easy, CURLOPT_ERRORBUFFER, x->why);
    SET(x->easy, CURLOPT_POST, 1L);
    SET(x->easy, CURLOPT_READFUNCTION, send_body);
    SET(x->easy, CURLOPT_READDATA, x);
    SET(x->easy, CURLOPT_SEEKFUNCTION, rewind_body);
    SET(x->easy, CURLOPT_SEEKDATA, x);
    SET(x->easy, CURLOPT_WRITEDATA, x);
    SET(x->easy, CURLOPT_NOPROGRESS, 0L);
    SET(x->easy, CURLOPT_XFERINFOFUNCTION, look_for_cancel);
    SET(x->easy, CURLOPT_XFERINFODATA, x);
    set_tls(x->easy, h);
    return 0;
}

static void exchange_deinit(struct exchange *x)
{
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    buf_deinit(&x->sending);
}

static void add_header(struct exchange *x, const char *text)
{
    struct curl_slist *longer = curl_slist_append(x->headers, text);

    CHECK(longer);
    x->headers = longer;
}

static void prepare(struct exchange *x, const struct etcd_request *r)
{
    char url[URL_MAX];
    char token[HEADER_MAX];

    CHECK(str_fmt(url, sizeof url, "%s%s", r->endpoint, r->path));
    curl_slist_free_all(x->headers);
    x->headers = NULL;
    add_header(x, "Content-Type: application/json");
    add_header(x, "Expect:"); /* no waiting for leave to send a large body */
    if (r->token) {
        CHECK(str_fmt(token, sizeof token, "Authorization: %s", r->token));
        add_header(x, token);
    }
    SET(x->easy, CURLOPT_URL, url);
    SET(x->easy, CURLOPT_HTTPHEADER, x->headers);
    SET(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
    x->sent = 0;
    x->repeatable = r->repeatable;
    x->too_large = false;
    x->why[0] = '\0';
}

/* ---- requests -------------------------------------------------------------------------------- */

int etcd_http_post(struct etcd_http *h, const struct etcd_request *r, struct buf *ret_body,
                   int *ret_status, struct err *err)
{
    struct exchange *x = &h->post;
    long status = 0;
    CURLcode code;

    x->body = r->body;
    x->answer = ret_body;
    prepare(x, r);
    SET(x->easy, CURLOPT_WRITEFUNCTION, take_answer);
    SET(x->easy, CURLOPT_TIMEOUT_MS,
        r->timeout.ns > 0 ? (long)dur_to_ms(r->timeout) : h->timeout_ms);
    code = curl_easy_perform(x->easy);
    if (code != CURLE_OK)
        return explain(x, code, r->endpoint, err);
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (int)status;
    return 0;
}

/* ---- the stream ------------------------------------------------------------------------------ */

void etcd_http_stream_open(struct etcd_http *h, const struct etcd_request *r, etcd_line_fn fn,
                           void *ctx)
{
    struct exchange *x = &h->stream;

    etcd_http_stream_close(h);
    buf_clear(&x->sending);
    CHECK(buf_add_str(&x->sending, r->body));
    x->body = buf_view(&x->sending);
    prepare(x, r);
    SET(x->easy, CURLOPT_WRITEFUNCTION, take_lines);
    h->fn = fn;
    h->ctx = ctx;
    CHECK(curl_multi_add_handle(h->multi, x->easy) == CURLM_OK);
    h->streaming = true;
}

static int stream_ended(struct etcd_http *h, CURLcode code, struct err *err)
{
    char *url = NULL;
    char endpoint[URL_MAX];
    struct str text;

    curl_easy_getinfo(h->stream.easy, CURLINFO_EFFECTIVE_URL, &url);
    text = str_of(url ? url : "");
    if (text.n > strlen("/v3/watch"))
        text.n -= strlen("/v3/watch");
    if (!str_copy(text, endpoint, sizeof endpoint))
        endpoint[0] = '\0';
    if (code == CURLE_OK)
        return err_set(err, ERR_UNAVAILABLE, "etcd %s: the watch was closed", endpoint);
    return explain(&h->stream, code, endpoint, err);
}

int etcd_http_stream_wait(struct etcd_http *h, dur_t wait, struct err *err)
{
    CURLMsg *message;
    int running = 0;
    int left;

    CHECK(h->streaming);
    CHECK(curl_multi_perform(h->multi, &running) == CURLM_OK);
    if (running > 0 && !atomic_load(&h->cancelled)) {
        CHECK(curl_multi_poll(h->multi, NULL, 0, (int)dur_to_ms(wait), NULL) == CURLM_OK);
        CHECK(curl_multi_perform(h->multi, &running) == CURLM_OK);
    }
    if (atomic_load(&h->cancelled))
        return err_set(err, ERR_CANCELLED, "the store is being closed");
    message = curl_multi_info_read(h->multi, &left);
    if (!message)
        return 0;
    CHECK(message->msg == CURLMSG_DONE);
    return stream_ended(h, message->data.result, err);
}

void etcd_http_stream_close(struct etcd_http *h)
{
    if (h->streaming)
        CHECK(curl_multi_remove_handle(h->multi, h->stream.easy) == CURLM_OK);
    h->streaming = false;
    buf_clear(&h->line);
}

void etcd_http_pause(struct etcd_http *h, dur_t time)
{
    if (!atomic_load(&h->cancelled))
        CHECK(curl_multi_poll(h->multi, NULL, 0, (int)dur_to_ms(time), NULL) == CURLM_OK);
}

/* ---- life ------------------------------------------------------------------------------------ */

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

int etcd_http_new(const struct etcd_http_config *config, struct etcd_http **ret, struct err *err)
{
    CLEANUP(etcd_http_freep) struct etcd_http *h = NULL;
    int r;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "curl cannot be used");
    h = xnew(struct etcd_http);
    h->ca = copy(config->ca);
    h->cert = copy(config->cert);
    h->key = copy(config->key);
    h->connect_ms = (long)dur_to_ms(config->connect_timeout);
    h->timeout_ms = (long)dur_to_ms(config->timeout);
    atomic_init(&h->cancelled, false);
    buf_init(&h->line, ETCD_LINE_MAX);
    h->multi = curl_multi_init();
    CHECK(h->multi);
    r = exchange_init(&h->post, h, err);
    if (r == 0)
        r = exchange_init(&h->stream, h, err);
    if (r < 0)
        return r;
    *ret = steal(h);
    return 0;
}

void etcd_http_free(struct etcd_http *h)
{
    if (!h)
        return;
    etcd_http_stream_close(h);
    exchange_deinit(&h->post);
    exchange_deinit(&h->stream);
    curl_multi_cleanup(h->multi);
    buf_deinit(&h->line);
    free(h->ca);
    free(h->cert);
    free(h->key);
    free(h);
    curl_global_cleanup();
}

void etcd_http_cancel(struct etcd_http *h)
{
    atomic_store(&h->cancelled, true);
    curl_multi_wakeup(h->multi);
}

bool etcd_http_is_cancelled(const struct etcd_http *h)
{
    return atomic_load(&h->cancelled);
}
