/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/etcd_client.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_list.h"

#define CONNECT_MS 1000
#define TIMEOUT_MS 2500
/* Keys in a page of a list; fewer when they turn out to be large. */
#define PAGE_KEYS 512u
/* Room for at least one page of one key with the largest value. */
#define ANSWER_MAX (4u << 20)
/* A list starts again when its revision is compacted under it. */
#define LIST_TRIES 3

/* ---- what refusals mean ---------------------------------------------------------------------- */

enum next {
    NEXT_STOP,     /* others would say the same */
    NEXT_ENDPOINT, /* another one may do better */
    NEXT_TOKEN,    /* with a new token */
};

/* Words in etcd's message, because its codes are too few. What is here has not taken effect. */
static const struct refusal_row {
    const char *words;
    enum err_code code; /* ERR_NONE: ETCD_COMPACTED */
    enum next next;
    const char *hint;
} refusals[] = {
    {"invalid auth token", ERR_DENIED, NEXT_TOKEN,
     "check --etcd-user and --etcd-password-file, which is read when the coordinator starts"},
    {"revision in header is old", ERR_DENIED, NEXT_TOKEN, "check --etcd-user"},
    {"required revision has been compacted", ERR_NONE, NEXT_STOP, NULL},
    {"required revision is a future revision", ERR_NONE, NEXT_STOP, NULL},
    {"database space exceeded", ERR_EXHAUSTED, NEXT_STOP,
     "nothing was written; make room: etcdctl compact REVISION, etcdctl defrag, then etcdctl alarm "
     "disarm"},
    {"too many operations in txn", ERR_EXHAUSTED, NEXT_STOP,
     "nothing was written; start etcd with --max-txn-ops=4096"},
    {"request is too large", ERR_EXHAUSTED, NEXT_STOP,
     "nothing was written; start etcd with --max-request-bytes=4194304"},
    {"permission denied", ERR_DENIED, NEXT_STOP,
     "let the user's role write under /switchyard/: etcdctl role grant-permission --prefix ROLE "
     "readwrite /switchyard/"},
    {"authentication failed", ERR_DENIED, NEXT_STOP,
     "check --etcd-user and --etcd-password-file, which is read when the coordinator starts"},
    {"user name is empty", ERR_DENIED, NEXT_STOP,
     "etcd wants a user: --etcd-user NAME --etcd-password-file FILE"},
    {"authentication is not enabled", ERR_REFUSED, NEXT_STOP,
     "leave --etcd-user out, or switch it on: etcdctl auth enable"},
    {"requested lease not found", ERR_NOT_FOUND, NEXT_STOP, "nothing was written"},
    {"too many requests", ERR_UNAVAILABLE, NEXT_ENDPOINT, NULL},
    {"Error while dialing", ERR_UNAVAILABLE, NEXT_ENDPOINT, NULL},
    {"client certificate", ERR_DENIED, NEXT_STOP,
     "etcd's gateway knows users by password only: --etcd-user NAME"},
};

/* gRPC statuses that are given before anything is done. */
static bool was_rejected(unsigned code)
{
    const unsigned invalid = 3, denied = 7, unimplemented = 12, unauthenticated = 16;

    return code == invalid || code == denied || code == unimplemented || code == unauthenticated;
}

static int refused(const struct etcd_client *c, const struct etcd_refusal *why, enum next *ret_next,
                   struct err *err)
{
    const char *endpoint = c->endpoint[c->current];

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal_row *row = &refusals[i];

        if (!strstr(why->reason, row->words))
            continue;
        *ret_next = row->next;
        if (row->code == ERR_NONE)
            return ETCD_COMPACTED;
        err_set(err, row->code, "etcd %s: %s", endpoint, why->reason);
        return row->hint ? err_hint(err, "%s", row->hint) : -(int)row->code;
    }
    *ret_next = was_rejected(why->code) ? NEXT_STOP : NEXT_ENDPOINT;
    err_set(err, was_rejected(why->code) ? ERR_REFUSED : ERR_UNKNOWN_OUTCOME, "etcd %s: %s",
            endpoint, why->reason);
    return err_hint(err, "look at the members: etcdctl endpoint status --cluster");
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static int not_etcd(const struct etcd_client *c, int status, struct err *err)
{
    err_set(err, ERR_REFUSED, "%s is not etcd, or older than 3.4: it answered with HTTP status %d",
            c->endpoint[c->current], status);
    return err_hint(err, "check --etcd-endpoints; etcd shows itself: curl %s/version",
                    c->endpoint[c->current]);
}

static bool is_status_of_others(int status)
{
    return status == 404 || status == 405 || (status >= 300 && status < 400);
}

/* An answer that cannot be etcd's says nothing about what became of the call. */
static int bad_answer(const struct etcd_client *c, const struct etcd_call *call,
                      const struct err *why, struct err *err)
{
    err_set(err, ERR_UNKNOWN_OUTCOME, "etcd %s: its answer to %s cannot be read: %s",
            c->endpoint[c->current], call->path, why->msg);
    return err_hint(
        err,
        "is that etcd? something in front of it may cut or change what it says: curl %s/version",
        c->endpoint[c->current]);
}

/* A member that has lost its data, or was restored behind our back. */
static int check_revision(struct etcd_client *c, const struct etcd_answer *a, struct err *err)
{
    if (a->rev >= c->newest) {
        c->newest = a->rev;
        return 0;
    }
    err_set(err, ERR_UNKNOWN_OUTCOME,
            "etcd %s went back in time: from revision %" PRIu64 " to %" PRIu64,
            c->endpoint[c->current], c->newest, a->rev);
    return err_hint(err, "was it restored from a backup? then restart the coordinator");
}

static int read_answer(struct etcd_client *c, const struct etcd_call *call, const struct buf *body,
                       int status, struct etcd_answer *ret, enum next *ret_next, struct err *err)
{
    struct etcd_refusal refusal;
    struct err why;

    *ret_next = NEXT_ENDPOINT;
    if (status != 200 && etcd_json_read_refusal(buf_view(body), &refusal))
        return refused(c, &refusal, ret_next, err);
    if (is_status_of_others(status))
        return not_etcd(c, status, err);
    if (status != 200) {
        err_set(&why, ERR_CORRUPT, "HTTP status %d", status);
        return bad_answer(c, call, &why, err);
    }
    if (etcd_json_read(&c->space, buf_view(body), ret, &why) < 0)
        return bad_answer(c, call, &why, err);
    return str_starts(str_of(call->path), STR("/v3/kv/")) ? check_revision(c, ret, err) : 0;
}

static int attempt(struct etcd_client *c, const struct etcd_call *call, struct etcd_answer *ret,
                   enum next *ret_next, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(ANSWER_MAX);
    struct etcd_request request = {
        .endpoint = c->endpoint[c->current],
        .path = call->path,
        .body = call->body,
        .token = c->token[0] ? c->token : NULL,
        .repeatable = call->repeatable,
        .timeout = call->timeout,
    };
    int status = 0;
    int r = etcd_http_post(c->http, &request, &body, &status, err);

    etcd_answer_deinit(ret);
    etcd_answer_init(ret);
    if (r == 0)
        return read_answer(c, call, &body, status, ret, ret_next, err);
    *ret_next = r == -ERR_CANCELLED || r == -ERR_EXHAUSTED ? NEXT_STOP : NEXT_ENDPOINT;
    return r;
}

/* ---- a call ---------------------------------------------------------------------------------- */

void etcd_client_leave_endpoint(struct etcd_client *c)
{
    atomic_fetch_or(&c->failing->endpoints, 1u << c->current);
}

static void endpoint_works(struct etcd_client *c)
{
    atomic_fetch_and(&c->failing->endpoints, ~(1u << c->current));
}

/* From the current one on: one that is not known to fail, or any. False when none is left. */
static bool choose_endpoint(struct etcd_client *c, unsigned tried)
{
    const unsigned skip[] = {tried | atomic_load(&c->failing->endpoints), tried};

    for (unsigned i = 0; i < 2 * c->count; i++) {
        unsigned at = (c->current + i) % c->count;

        if (skip[i / c->count] & 1u << at)
            continue;
        c->current = at;
        return true;
    }
    return false;
}

void etcd_client_drop_token(struct etcd_client *c)
{
    c->token[0] = '\0';
}

/* A read that nobody answered was merely not answered. */
static int give_up(const struct etcd_client *c, const struct etcd_call *call, int r,
                   struct err *err)
{
    if (call->repeatable && r == -ERR_UNKNOWN_OUTCOME)
        err->code = ERR_UNAVAILABLE;
    if (c->count > 1 && err_retryable(err->code) && err->code != ERR_EXHAUSTED)
        err_ctx(err, "none of %u endpoints could do it, the last one says", c->count);
    return -(int)err->code;
}

/* Each endpoint once, unless what was asked may have been done. */
static int try_endpoints(struct etcd_client *c, const struct etcd_call *call,
                         struct etcd_answer *ret, enum next *ret_next, struct err *err)
{
    unsigned tried = 0;
    bool again = true;
    int r = 0;

    while (again && choose_endpoint(c, tried)) {
        tried |= 1u << c->current;
        r = attempt(c, call, ret, ret_next, err);
        if (r >= 0 || *ret_next != NEXT_ENDPOINT) {
            endpoint_works(c);
            return r;
        }
        etcd_client_leave_endpoint(c);
        again = r != -ERR_UNKNOWN_OUTCOME || call->repeatable;
    }
    return give_up(c, call, r, err);
}

static int authenticate(struct etcd_client *c, dur_t timeout, struct err *err)
{
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(8u << 10);
    struct etcd_call call = {
        .path = "/v3/auth/authenticate", .repeatable = true, .timeout = timeout};
    enum next next;
    int r;

    etcd_answer_init(&answer);
    etcd_client_drop_token(c);
    if (!etcd_json_authenticate(c->user, c->password, &body))
        return err_set(err, ERR_INVALID, "the name or the password of etcd's user is too long");
    call.body = buf_view(&body);
    r = try_endpoints(c, &call, &answer, &next, err);
    if (r == 0)
        memcpy(c->token, answer.token, sizeof c->token);
    return r < 0 ? err_ctx(err, "authenticate as %s", c->user) : r;
}

static bool needs_token(const struct etcd_client *c)
{
    return c->user && !c->token[0];
}

static int call_with_token(struct etcd_client *c, const struct etcd_call *call,
                           struct etcd_answer *ret, enum next *ret_next, struct err *err)
{
    int r = needs_token(c) ? authenticate(c, call->timeout, err) : 0;

    return r < 0 ? r : try_endpoints(c, call, ret, ret_next, err);
}

/* A token is thrown away once per call: the second refusal is meant. */
int etcd_client_call(struct etcd_client *c, const struct etcd_call *call, struct etcd_answer *ret,
                     struct err *err)
{
    enum next next = NEXT_STOP;
    int r;

    etcd_answer_init(ret);
    r = call_with_token(c, call, ret, &next, err);
    if (r < 0 && next == NEXT_TOKEN && c->user) {
        etcd_client_drop_token(c);
        r = call_with_token(c, call, ret, &next, err);
    }
    return r;
}

int etcd_client_get(struct etcd_client *c, struct str key, dur_t timeout, struct etcd_answer *ret,
                    struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(4u << 10);
    const struct etcd_range range = {.key = key};
    struct etcd_call call = {.path = "/v3/kv/range", .repeatable = true, .timeout = timeout};

    CHECK(etcd_json_range(&c->space, &range, &body));
    call.body = buf_view(&body);
    return etcd_client_call(c, &call, ret, err);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* A transaction, because only that reads two ranges of one revision. */
static int read_page(struct etcd_client *c, const struct etcd_range *page, struct etcd_answer *ret,
                     struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(64u << 10);
    const struct etcd_range ranges[] = {*page, {.key = STR(META_INCARNATION)}};
    const struct etcd_txn txn = {.on_success = ranges, .on_success_count = ARRAY_LEN(ranges)};
    struct etcd_call call = {.path = "/v3/kv/txn", .repeatable = true};

    CHECK(etcd_json_txn(&c->space, &txn, &body));
    call.body = buf_view(&body);
    return etcd_client_call(c, &call, ret, err);
}

static void move_items(struct store_list *from, struct store_list *to)
{
    for (size_t i = 0; i < from->count; i++) {
        struct str value = {from->item[i].value, from->item[i].value_len};

        store_list_put(to, str_of(from->item[i].key), &value, from->item[i].rev);
    }
}

static bool too_large(struct etcd_client *c, int r)
{
    if (r != -ERR_EXHAUSTED || c->page == 1)
        return false;
    c->page /= 2;
    return true;
}

/* One view; `after` and the revision carry from page to page. */
static int list_once(struct etcd_client *c, const struct etcd_view *v, struct store_list *ret,
                     struct err *err)
{
    CLEANUP(buf_deinitp) struct buf after = BUF_INIT(64u << 10);
    struct etcd_range page = {
        .key = v->prefix, .prefix = true, .rev = v->rev, .keys_only = v->keys_only};
    bool more = true;

    while (more) {
        CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
        int r;

        page.limit = c->page;
        r = read_page(c, &page, &answer, err);
        if (too_large(c, r))
            continue;
        if (r != 0)
            return r;
        if (page.rev == 0)
            page.rev = answer.rev;
        more = answer.more;
        move_items(&answer.kvs, ret);
        buf_clear(&after);
        CHECK(buf_add_str(&after, buf_view(&answer.last)));
        page.after = &after;
    }
    ret->rev = page.rev;
    return 0;
}

int etcd_client_list(struct etcd_client *c, const struct etcd_view *v, struct store_list *ret,
                     struct err *err)
{
    int r = ETCD_COMPACTED;

    for (int i = 0; i < LIST_TRIES && r == ETCD_COMPACTED; i++) {
        store_list_deinit(ret);
        r = list_once(c, v, ret, err);
        if (v->rev != 0)
            return r;
    }
    if (r == ETCD_COMPACTED)
        r = err_set(err, ERR_UNAVAILABLE, "etcd is compacted faster than it can be read");
    return r;
}

/* ---- streams --------------------------------------------------------------------------------- */

void etcd_client_stream(struct etcd_client *c, struct str body, etcd_line_fn fn, void *ctx)
{
    struct etcd_request request = {
        .endpoint = c->endpoint[c->current],
        .path = "/v3/watch",
        .body = body,
        .token = c->token[0] ? c->token : NULL,
        .repeatable = true,
    };

    c->stream_at = c->current;
    etcd_http_stream_open(c->http, &request, fn, ctx);
}

bool etcd_client_stream_is_here(const struct etcd_client *c)
{
    return c->stream_at == c->current;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool is_endpoint(struct str s)
{
    return (str_starts(s, STR("http://")) && s.n > 7) ||
           (str_starts(s, STR("https://")) && s.n > 8);
}

static int take_endpoint(struct etcd_client *c, struct str text, struct err *err)
{
    if (text.n > 0 && text.p[text.n - 1] == '/')
        text.n--;
    if (!is_endpoint(text) || text.n > 256 || memchr(text.p, ' ', text.n)) {
        err_set(err, ERR_INVALID, "\"%.*s\" is no etcd endpoint",
                (int)(text.n > 256 ? 256 : text.n), text.p ? text.p : "");
        return err_hint(err, "write http://HOST:2379 or https://HOST:2379, with commas between");
    }
    if (c->count == STORE_ETCD_ENDPOINTS_MAX)
        return err_set(err, ERR_INVALID, "more than %u etcd endpoints", STORE_ETCD_ENDPOINTS_MAX);
    c->endpoint[c->count] = xmemdup(text.p, text.n + 1);
    c->endpoint[c->count++][text.n] = '\0';
    return 0;
}

static int take_endpoints(struct etcd_client *c, const char *list, struct err *err)
{
    struct str rest = str_of(list ? list : "");
    struct str one;
    int r = 0;

    do {
        str_cut(rest, ',', &one, &rest);
        r = take_endpoint(c, str_trim(one), err);
    } while (r == 0 && rest.n > 0);
    return r;
}

static int take_space(struct etcd_client *c, const char *space, struct err *err)
{
    struct str s = str_of(space ? space : "");

    if (s.n > ETCD_SPACE_MAX || (s.n > 0 && (s.p[0] != '/' || s.p[s.n - 1] == '/')) ||
        !str_utf8_valid(s, NULL))
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no prefix for keys: it begins with / and does not end with one",
                       space);
    CHECK(str_copy(s, c->space_text, sizeof c->space_text));
    c->space.prefix = str_of(c->space_text);
    return 0;
}

static int check_secrets(const struct store_etcd_config *config, struct err *err)
{
    if (!config->cert != !config->key)
        return err_set(err, ERR_INVALID, "an etcd client certificate and its key go together");
    if (!config->user != !config->password)
        return err_set(err, ERR_INVALID, "an etcd user and its password go together");
    return 0;
}

int etcd_client_new(const struct store_etcd_config *config, struct etcd_failing *failing,
                    struct etcd_client **ret, struct err *err)
{
    CLEANUP(etcd_client_freep) struct etcd_client *c = xnew(struct etcd_client);
    const struct etcd_http_config http = {
        .ca = config->ca,
        .cert = config->cert,
        .key = config->key,
        .connect_timeout = dur_ms(CONNECT_MS),
        .timeout = config->timeout.ns > 0 ? config->timeout : dur_ms(TIMEOUT_MS),
    };
    int r = take_endpoints(c, config->endpoints, err);

    if (r == 0)
        r = take_space(c, config->space, err);
    if (r == 0)
        r = check_secrets(config, err);
    if (r == 0)
        r = etcd_http_new(&http, &c->http, err);
    if (r < 0)
        return r;
    c->user = config->user ? xstrdup(config->user) : NULL;
    c->password = config->password ? xstrdup(config->password) : NULL;
    c->page = PAGE_KEYS;
    c->failing = failing;
    *ret = steal(c);
    return 0;
}

void etcd_client_free(struct etcd_client *c)
{
    if (!c)
        return;
    etcd_http_free(c->http);
    for (unsigned i = 0; i < c->count; i++)
        free(c->endpoint[i]);
    free(c->user);
    if (c->password)
        explicit_bzero(c->password, strlen(c->password));
    free(c->password);
    free(c);
}
