/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/etcd_json.h"

#include <inttypes.h>

#include "common/base/base64.h"
#include "common/base/json.h"
#include "coordinator/store/store_backend.h"
#include "coordinator/store/store_list.h"

/* A key as etcd has it, with room for what makes it the end of a range. */
#define WIRE_KEY_MAX (ETCD_SPACE_MAX + STORE_KEY_MAX + 1)

#define GRPC_UNKNOWN 2u

/* ---- requests -------------------------------------------------------------------------------- */

/* base64 needs no escapes. */
static bool add_bytes(struct str bytes, struct buf *b)
{
    return buf_addf(b, "\"") && base64_encode(bytes, b) && buf_addf(b, "\"");
}

static struct str wire_key(const struct etcd_space *s, struct str key, char text[WIRE_KEY_MAX])
{
    memcpy(text, s->prefix.p, s->prefix.n);
    memcpy(text + s->prefix.n, key.p, key.n);
    return (struct str){text, s->prefix.n + key.n};
}

static bool add_key(const struct etcd_space *s, const char *field, struct str key, struct buf *b)
{
    char text[WIRE_KEY_MAX];

    return buf_addf(b, "\"%s\":", field) && add_bytes(wire_key(s, key, text), b);
}

/* The end of a prefix' range: its last byte plus one, which for UTF-8 always is a byte. */
static bool add_prefix_end(const struct etcd_space *s, struct str key, struct buf *b)
{
    char text[WIRE_KEY_MAX];
    struct str end = wire_key(s, key, text);

    text[end.n - 1]++;
    return buf_addf(b, ",\"range_end\":") && add_bytes(end, b);
}

/* The first key behind `last`: the same with a zero byte. Its NUL does not count, but is there. */
static bool add_start(const struct etcd_space *s, const struct etcd_range *r, struct buf *b)
{
    if (!r->after)
        return add_key(s, "key", r->key, b);
    return buf_addf(b, "\"key\":") &&
           add_bytes((struct str){buf_text(r->after), r->after->len + 1}, b);
}

bool etcd_json_range(const struct etcd_space *s, const struct etcd_range *r, struct buf *b)
{
    return buf_addf(b, "{") && add_start(s, r, b) && (!r->prefix || add_prefix_end(s, r->key, b)) &&
           (!r->rev || buf_addf(b, ",\"revision\":\"%" PRIu64 "\"", r->rev)) &&
           (!r->limit || buf_addf(b, ",\"limit\":\"%u\"", r->limit)) &&
           (!r->keys_only || buf_addf(b, ",\"keys_only\":true")) && buf_addf(b, "}");
}

static bool add_compare(const struct etcd_space *s, const struct store_op *op, struct buf *b)
{
    if (op->value.n > 0)
        return buf_addf(b, "{\"target\":\"VALUE\",\"result\":\"EQUAL\",") &&
               add_key(s, "key", op->key, b) && buf_addf(b, ",\"value\":") &&
               add_bytes(op->value, b) && buf_addf(b, "}");
    return buf_addf(b, "{\"target\":\"MOD\",\"result\":\"EQUAL\",") &&
           add_key(s, "key", op->key, b) &&
           buf_addf(b, ",\"mod_revision\":\"%" PRIu64 "\"}", op->rev);
}

static bool add_put(const struct etcd_space *s, const struct store_op *op, int64_t lease,
                    struct buf *b)
{
    return buf_addf(b, "{\"request_put\":{") && add_key(s, "key", op->key, b) &&
           buf_addf(b, ",\"value\":") && add_bytes(op->value, b) &&
           (!lease || buf_addf(b, ",\"lease\":\"%" PRId64 "\"", lease)) && buf_addf(b, "}}");
}

static bool add_delete(const struct etcd_space *s, const struct store_op *op, struct buf *b)
{
    return buf_addf(b, "{\"request_delete_range\":{") && add_key(s, "key", op->key, b) &&
           buf_addf(b, "}}");
}

static bool add_write(const struct etcd_space *s, const struct etcd_txn *t,
                      const struct store_op *op, struct buf *b)
{
    return op->kind == STORE_PUT ? add_put(s, op, t->lease, b) : add_delete(s, op, b);
}

/* Between the items of a list that begins with a bracket. */
static bool add_comma(struct buf *b)
{
    return b->data[b->len - 1] == '[' || buf_addf(b, ",");
}

static bool add_ranges(const struct etcd_space *s, const struct etcd_range *r, size_t count,
                       struct buf *b)
{
    bool fits = true;

    for (size_t i = 0; i < count && fits; i++)
        fits = add_comma(b) && buf_addf(b, "{\"request_range\":") && etcd_json_range(s, &r[i], b) &&
               buf_addf(b, "}");
    return fits;
}

static bool add_ops(const struct etcd_space *s, const struct etcd_txn *t, bool compares,
                    struct buf *b)
{
    bool fits = true;

    for (size_t i = 0; i < t->count && fits; i++)
        if ((t->op[i].kind == STORE_COMPARE) == compares)
            fits = add_comma(b) &&
                   (compares ? add_compare(s, &t->op[i], b) : add_write(s, t, &t->op[i], b));
    return fits;
}

bool etcd_json_txn(const struct etcd_space *s, const struct etcd_txn *t, struct buf *b)
{
    return buf_addf(b, "{\"compare\":[") && add_ops(s, t, true, b) &&
           buf_addf(b, "],\"success\":[") && add_ops(s, t, false, b) &&
           add_ranges(s, t->on_success, t->on_success_count, b) && buf_addf(b, "],\"failure\":[") &&
           add_ranges(s, t->on_failure, t->on_failure_count, b) && buf_addf(b, "]}");
}

bool etcd_json_watch(const struct etcd_space *s, struct str prefix, store_rev from, struct buf *b)
{
    return buf_addf(b, "{\"create_request\":{") && add_key(s, "key", prefix, b) &&
           add_prefix_end(s, prefix, b) &&
           buf_addf(b, ",\"start_revision\":\"%" PRIu64 "\"}}", from);
}

bool etcd_json_authenticate(const char *name, const char *password, struct buf *b)
{
    return buf_addf(b, "{\"name\":") && json_print_string(name, b) &&
           buf_addf(b, ",\"password\":") && json_print_string(password, b) && buf_addf(b, "}");
}

bool etcd_json_lease_grant(int64_t seconds, struct buf *b)
{
    return buf_addf(b, "{\"TTL\":\"%" PRId64 "\"}", seconds);
}

bool etcd_json_lease(int64_t lease, struct buf *b)
{
    return buf_addf(b, "{\"ID\":\"%" PRId64 "\"}", lease);
}

/* ---- answers --------------------------------------------------------------------------------- */

static int fail(struct err *err, const char *field)
{
    return err_set(err, ERR_CORRUPT, "its field \"%s\" is not what etcd writes", field);
}

/* Absent means zero. */
static int read_u64(const struct json *j, const char *field, uint64_t *ret, struct err *err)
{
    const struct json *v = json_get(j, field);
    const char *text = json_string(v, NULL);

    *ret = 0;
    if (!v || (text && str_to_u64(str_of(text), INT64_MAX, ret)))
        return 0;
    return fail(err, field);
}

static int read_bool(const struct json *j, const char *field, bool *ret, struct err *err)
{
    const struct json *v = json_get(j, field);

    *ret = json_bool(v, false);
    return !v || json_kind(v) == JSON_BOOL ? 0 : fail(err, field);
}

/* Absent means empty. */
static int read_bytes(const struct json *j, const char *field, struct buf *b, struct err *err)
{
    const struct json *v = json_get(j, field);
    const char *text = json_string(v, NULL);

    buf_clear(b);
    if (!v || (text && base64_decode(str_of(text), b)))
        return 0;
    return fail(err, field);
}

static int read_header(const struct json *j, store_rev *ret, struct err *err)
{
    const struct json *header = json_get(j, "header");

    if (header && json_kind(header) != JSON_OBJECT)
        return fail(err, "header");
    return read_u64(header, "revision", ret, err);
}

/* What the contract knows the key as; false for a key to pass over. */
static bool our_key(const struct etcd_space *s, struct str wire, struct str *ret)
{
    if (!str_starts(wire, s->prefix))
        return false;
    *ret = (struct str){wire.p + s->prefix.n, wire.n - s->prefix.n};
    return store_backend_key_valid(*ret);
}

struct kv_reader {
    const struct etcd_space *space;
    struct buf key; /* as etcd has it */
    struct buf value;
};

#define KV_READER(s)                                                                  \
    {                                                                                 \
        .space = (s), .key = BUF_INIT(64u << 10), .value = BUF_INIT(ETCD_REQUEST_MAX) \
    }

static void kv_reader_deinitp(struct kv_reader *r)
{
    buf_deinit(&r->key);
    buf_deinit(&r->value);
}

static int read_kv(struct kv_reader *r, const struct json *kv, store_rev *ret_rev, struct err *err)
{
    int e = read_bytes(kv, "key", &r->key, err);

    if (e == 0)
        e = read_bytes(kv, "value", &r->value, err);
    if (e == 0)
        e = read_u64(kv, "mod_revision", ret_rev, err);
    if (e == 0 && (r->key.len == 0 || *ret_rev == 0))
        e = fail(err, "kvs");
    return e;
}

static int read_range(struct kv_reader *r, const struct json *range, struct etcd_answer *ret,
                      struct err *err)
{
    const struct json *kvs = json_get(range, "kvs");
    bool more = false;
    int e = read_bool(range, "more", &more, err);

    ret->more |= more;
    if (e == 0 && kvs && json_kind(kvs) != JSON_ARRAY)
        e = fail(err, "kvs");
    for (const struct json *kv = json_first(kvs); kv && e == 0; kv = json_next(kv)) {
        struct str value, key;
        store_rev rev;

        e = read_kv(r, kv, &rev, err);
        value = (struct str){buf_text(&r->value), r->value.len};
        if (e == 0 && our_key(r->space, buf_view(&r->key), &key))
            store_list_put(&ret->kvs, key, &value, rev);
    }
    if (e == 0 && more) {
        buf_clear(&ret->last);
        if (r->key.len == 0 || !buf_add_str(&ret->last, buf_view(&r->key)))
            e = fail(err, "more");
    }
    return e;
}

static int read_responses(struct kv_reader *r, const struct json *root, struct etcd_answer *ret,
                          struct err *err)
{
    const struct json *responses = json_get(root, "responses");
    int e = 0;

    if (responses && json_kind(responses) != JSON_ARRAY)
        return fail(err, "responses");
    for (const struct json *one = json_first(responses); one && e == 0; one = json_next(one)) {
        const struct json *range = json_get(one, "response_range");

        if (json_kind(one) != JSON_OBJECT || (range && json_kind(range) != JSON_OBJECT))
            return fail(err, "responses");
        if (range)
            e = read_range(r, range, ret, err);
    }
    return e;
}

/* It becomes a header, so nothing in it may end one. */
static bool is_token(const char *s)
{
    for (; s && *s; s++)
        if (*s < 0x21 || *s > 0x7e)
            return false;
    return s;
}

static int read_token(const struct json *root, struct etcd_answer *ret, struct err *err)
{
    const struct json *token = json_get(root, "token");

    const char *text = json_string(token, NULL);

    if (!token)
        return 0;
    if (!is_token(text) || !str_copy(str_of(text), ret->token, sizeof ret->token))
        return fail(err, "token");
    return 0;
}

static int parse_object(struct str text, struct json **ret, struct err *err)
{
    int r = json_parse(text, ret, err);

    if (r == 0 && json_kind(*ret) != JSON_OBJECT)
        r = err_set(err, ERR_CORRUPT, "it is %s", json_kind_name(json_kind(*ret)));
    else if (r < 0 && err)
        err->code = ERR_CORRUPT;
    return r < 0 ? -(int)ERR_CORRUPT : 0;
}

void etcd_answer_init(struct etcd_answer *a)
{
    memset(a, 0, sizeof *a);
    buf_init(&a->last, 64u << 10);
}

void etcd_answer_deinit(struct etcd_answer *a)
{
    buf_deinit(&a->last);
    store_list_deinit(&a->kvs);
}

/* What is a stream in etcd (keeping a lease) comes inside a "result". */
int etcd_json_read(const struct etcd_space *s, struct str body, struct etcd_answer *ret,
                   struct err *err)
{
    CLEANUP(json_freep) struct json *whole = NULL;
    CLEANUP(kv_reader_deinitp) struct kv_reader reader = KV_READER(s);
    const struct json *root = NULL;
    uint64_t lease = 0;
    int r = parse_object(body, &whole, err);

    if (r == 0)
        root = json_get(whole, "result") ? json_get(whole, "result") : whole;
    if (r == 0)
        r = read_header(root, &ret->rev, err);
    if (r == 0)
        r = read_bool(root, "succeeded", &ret->succeeded, err);
    if (r == 0)
        r = read_range(&reader, root, ret, err);
    if (r == 0)
        r = read_responses(&reader, root, ret, err);
    if (r == 0)
        r = read_u64(root, "ID", &lease, err);
    if (r == 0)
        r = read_u64(root, "TTL", &ret->ttl, err);
    if (r == 0)
        r = read_token(root, ret, err);
    ret->lease = (int64_t)lease;
    return r;
}

/* The texts of proxies are longer than what anybody wants to read. */
static void copy_reason(const char *text, struct etcd_refusal *ret)
{
    size_t n = strlen(text);

    if (n >= sizeof ret->reason)
        n = sizeof ret->reason - 1;
    memcpy(ret->reason, text, n);
    ret->reason[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)ret->reason[i] < 0x20)
            ret->reason[i] = ' ';
}

/* Unary calls and streams spell the code differently. */
static bool read_refusal(const struct json *j, struct etcd_refusal *ret)
{
    const char *text = json_get_string(j, "message", json_get_string(j, "error", NULL));
    double code = json_get_number(j, "code", json_get_number(j, "grpc_code", GRPC_UNKNOWN));

    if (!text)
        return false;
    copy_reason(text, ret);
    ret->code = code >= 1 && code <= 16 ? (unsigned)code : GRPC_UNKNOWN;
    return true;
}

bool etcd_json_read_refusal(struct str body, struct etcd_refusal *ret)
{
    CLEANUP(json_freep) struct json *root = NULL;

    return parse_object(body, &root, NULL) == 0 && read_refusal(root, ret);
}

/* ---- the watch ------------------------------------------------------------------------------- */

static int read_event(struct kv_reader *r, const struct json *event, struct store_list *ret,
                      struct err *err)
{
    const char *type = json_get_string(event, "type", "PUT");
    bool deleted = strcmp(type, "DELETE") == 0;
    struct str value, key;
    store_rev rev = 0;
    int e;

    if (json_kind(event) != JSON_OBJECT || (!deleted && strcmp(type, "PUT") != 0))
        return fail(err, "events");
    e = read_kv(r, json_get(event, "kv"), &rev, err);
    value = (struct str){buf_text(&r->value), r->value.len};
    if (e == 0 && our_key(r->space, buf_view(&r->key), &key))
        store_list_append(ret, key, deleted ? NULL : &value, rev);
    return e;
}

static int read_events(const struct etcd_space *s, const struct json *result,
                       struct store_list *ret, struct err *err)
{
    CLEANUP(kv_reader_deinitp) struct kv_reader reader = KV_READER(s);
    const struct json *events = json_get(result, "events");
    int r = 0;

    if (events && json_kind(events) != JSON_ARRAY)
        return fail(err, "events");
    for (const struct json *e = json_first(events); e && r == 0; e = json_next(e))
        r = read_event(&reader, e, ret, err);
    return r;
}

void etcd_watch_line_deinit(struct etcd_watch_line *l)
{
    store_list_deinit(&l->events);
}

int etcd_json_read_watch(const struct etcd_space *s, struct str line, struct etcd_watch_line *ret,
                         struct err *err)
{
    CLEANUP(json_freep) struct json *root = NULL;
    const struct json *result;
    int r = parse_object(line, &root, err);

    if (r < 0)
        return r;
    if (read_refusal(json_get(root, "error"), &ret->refusal))
        return 0;
    result = json_get(root, "result");
    if (!result || json_kind(result) != JSON_OBJECT)
        return fail(err, "result");
    r = read_header(result, &ret->rev, err);
    if (r == 0)
        r = read_bool(result, "created", &ret->created, err);
    if (r == 0)
        r = read_bool(result, "canceled", &ret->canceled, err);
    if (r == 0)
        r = read_u64(result, "compact_revision", &ret->compacted, err);
    if (r == 0)
        r = read_events(s, result, &ret->events, err);
    return r;
}
