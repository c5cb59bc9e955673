/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/web/web.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

#define HEAD_MAX        (64u << 10)
#define CONNECT_TIMEOUT dur_s(5)
#define POLL_MS         1000 /* how long curl is left alone; cancelling wakes it up */

struct web {
    CURL *easy;                 /* owned; keeps its connection */
    CURLM *multi;               /* owned; can be woken up from other threads */
    struct curl_slist *headers; /* owned; of the call under way */
    atomic_bool cancelled;
    struct buf *body; /* borrowed; of the call under way */
    size_t head_size; /* so far */
    bool too_large;
    char why[CURL_ERROR_SIZE];
};

void web_start(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void web_end(void)
{
    curl_global_cleanup();
}

/* ---- what is told ---------------------------------------------------------------------------- */

const char *web_show(const char *url, char *dst)
{
    const char *start = strstr(url, "://");
    const char *host = start ? start + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    size_t n;

    if (at)
        host = at + 1;
    n = strcspn(host, "?#");
    if (n > WEB_SHOW_SIZE - 16)
        n = WEB_SHOW_SIZE - 16;
    str_fmt(dst, WEB_SHOW_SIZE, "%.*s%.*s", start ? (int)(start + 3 - url) : 0, url, (int)n, host);
    for (char *c = dst; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return dst;
}

static bool is_tls(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR ||
           code == CURLE_SSL_INVALIDCERTSTATUS;
}

/* Does the host say that nobody listens there? */
static bool is_refused(const struct web *w, CURLcode code)
{
    long why = 0;

    return code == CURLE_COULDNT_CONNECT &&
           curl_easy_getinfo(w->easy, CURLINFO_OS_ERRNO, &why) == CURLE_OK && why == ECONNREFUSED;
}

/* Of what answers an http address with something else, curl says UNSUPPORTED_PROTOCOL, too. */
static enum err_code kind_of(const struct web *w, CURLcode code, const char *url)
{
    if (code == CURLE_URL_MALFORMAT)
        return ERR_INVALID;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && !str_starts(str_of(url), STR("http")))
        return ERR_INVALID;
    if (is_refused(w, code))
        return ERR_REFUSED;
    return is_tls(code) ? ERR_DENIED : ERR_UNAVAILABLE;
}

static int explain(const struct web *w, const struct web_request *req, CURLcode code,
                   struct err *err)
{
    const char *why = w->why[0] ? w->why : curl_easy_strerror(code);
    char shown[WEB_SHOW_SIZE];

    web_show(req->url, shown);
    if (atomic_load(&w->cancelled))
        return err_set(err, ERR_CANCELLED, "%s: given up", shown);
    if (w->too_large)
        return err_set(err, ERR_EXHAUSTED, "%s: the answer is larger than %zu bytes", shown,
                       w->head_size > HEAD_MAX ? (size_t)HEAD_MAX : w->body->max);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, "%s: no answer within %lld ms", shown,
                       (long long)dur_to_ms(req->timeout));
    return err_set(err, kind_of(w, code, req->url), "%s: %s", shown, why);
}

/* ---- curl's callbacks ------------------------------------------------------------------------ */

static size_t take_head(char *from UNUSED, size_t size, size_t count, void *ctx)
{
    struct web *w = ctx;

    w->head_size += size * count;
    w->too_large = w->head_size > HEAD_MAX;
    return w->too_large ? 0 : size * count;
}

static size_t take_body(char *from, size_t size, size_t count, void *ctx)
{
    struct web *w = ctx;

    w->too_large = !buf_add(w->body, from, size * count);
    return w->too_large ? 0 : size * count;
}

/* ---- a call ---------------------------------------------------------------------------------- */

#define SET(easy, option, value) CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void add_header(struct web *w, const char *text)
{
    struct curl_slist *longer = curl_slist_append(w->headers, text);

    CHECK(longer);
    w->headers = longer;
}

static void prepare(struct web *w, const struct web_request *req, struct buf *body)
{
    const char *method = req->method ? req->method : "GET";

    curl_slist_free_all(w->headers);
    w->headers = NULL;
    add_header(w, "Expect:"); /* no waiting for leave to send a large body */
    for (const char *const *h = req->header; h && *h; h++)
        add_header(w, *h);
    SET(w->easy, CURLOPT_URL, req->url);
    SET(w->easy, CURLOPT_HTTPHEADER, w->headers);
    SET(w->easy, CURLOPT_TIMEOUT_MS, (long)dur_to_ms(req->timeout));
    SET(w->easy, CURLOPT_HTTPGET, 1L);
    if (req->body.n > 0) {
        SET(w->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
        SET(w->easy, CURLOPT_POSTFIELDS, req->body.p);
    }
    SET(w->easy, CURLOPT_CUSTOMREQUEST, method);
    w->body = body;
    w->head_size = 0;
    w->too_large = false;
    w->why[0] = '\0';
}

/* Drive the call to its end, or until it is cancelled; only the former has a verdict of curl's. */
static void perform(struct web *w, CURLcode *ret_code)
{
    CURLMsg *message = NULL;
    int running, left;

    while (!atomic_load(&w->cancelled)) {
        CHECK(curl_multi_perform(w->multi, &running) == CURLM_OK);
        message = curl_multi_info_read(w->multi, &left);
        if (message) {
            *ret_code = message->data.result;
            return;
        }
        CHECK(curl_multi_poll(w->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK);
    }
}

int web_call(struct web *w, const struct web_request *req, unsigned *ret_status, struct buf *body,
             struct err *err)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    long status = 0;

    CHECK(req->timeout.ns > 0);
    prepare(w, req, body);
    CHECK(curl_multi_add_handle(w->multi, w->easy) == CURLM_OK);
    perform(w, &code);
    CHECK(curl_multi_remove_handle(w->multi, w->easy) == CURLM_OK);
    curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK)
        *ret_status = (unsigned)status;
    return code == CURLE_OK ? 0 : explain(w, req, code, err);
}

void web_cancel(struct web *w)
{
    atomic_store(&w->cancelled, true);
    curl_multi_wakeup(w->multi);
}

void web_again(struct web *w)
{
    atomic_store(&w->cancelled, false);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Without CURLOPT_QUICK_EXIT a name server that does not answer outlasts every time limit: curl
 * would wait for the thread that asks it. */
static void set_up(struct web *w, const struct web_config *config)
{
    dur_t connect = config->connect_timeout.ns > 0 ? config->connect_timeout : CONNECT_TIMEOUT;

    SET(w->easy, CURLOPT_NOSIGNAL, 1L);
    SET(w->easy, CURLOPT_QUICK_EXIT, 1L);
    SET(w->easy, CURLOPT_PROXY, "");
    SET(w->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(w->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(w->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(w->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)dur_to_ms(connect));
    SET(w->easy, CURLOPT_USERAGENT, "switchyard/" SWITCHYARD_VERSION);
    SET(w->easy, CURLOPT_ERRORBUFFER, w->why);
    SET(w->easy, CURLOPT_HEADERFUNCTION, take_head);
    SET(w->easy, CURLOPT_HEADERDATA, w);
    SET(w->easy, CURLOPT_WRITEFUNCTION, take_body);
    SET(w->easy, CURLOPT_WRITEDATA, w);
    if (config->ca)
        SET(w->easy, CURLOPT_CAINFO, config->ca);
    if (config->cert)
        SET(w->easy, CURLOPT_SSLCERT, config->cert);
    if (config->key)
        SET(w->easy, CURLOPT_SSLKEY, config->key);
}

int web_new(const struct web_config *config, struct web **ret, struct err *err)
{
    CLEANUP(web_freep) struct web *w = xnew(struct web);

    atomic_init(&w->cancelled, false);
    w->easy = curl_easy_init();
    w->multi = curl_multi_init();
    if (!w->easy || !w->multi)
        return err_set(err, ERR_INTERNAL, "curl cannot be used");
    set_up(w, config);
    *ret = steal(w);
    return 0;
}

struct web *web_free(struct web *w)
{
    if (!w)
        return NULL;
    curl_easy_cleanup(w->easy);
    curl_multi_cleanup(w->multi);
    curl_slist_free_all(w->headers);
    free(w);
    return NULL;
}
