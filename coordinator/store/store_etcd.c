/* SPDX-License-Identifier: Apache-2.0 */
/* The contract on etcd.
 *
 * A transaction whose answer got lost may still be on its way: a member can hold it back and pass
 * it on later, after a read that did not see it. So the store stays `in_doubt` until it has fenced
 * the transaction off: each one compares that a key with this store's random `fence` id does not
 * exist; writing that key makes every transaction fail that is still on its way, and then a read
 * tells the truth. The fence's lease takes it away when nothing can be on its way any more. */
#include "coordinator/store/store_etcd.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "coordinator/store/etcd_client.h"
#include "coordinator/store/etcd_watch.h"
#include "coordinator/store/store_backend.h"
#include "coordinator/store/store_list.h"

#define SCHEMA      1
#define META_FENCES STORE_META "fence/"
#define FENCE_S     600
/* At each endpoint: a leader that looks for one which answers has less than a second or two. */
#define KEEP_MS 600
/* The fence and the incarnation, compared by every transaction. */
#define OUR_COMPARES          2u
#define INCARNATION_TEXT_MAX  128
#define INCARNATION_VALUE_MAX 1024 /* with what a newer version may add */

struct store_etcd {
    struct store store;
    struct store_etcd_config config; /* its strings belong to `client` or are owned */
    struct etcd_failing failing;
    struct etcd_client *client;
    struct etcd_client *leases; /* its own: used by another thread */
    struct buf incarnation;     /* META_INCARNATION's value; another etcd may have it, too, at the
                                   same revision */
    char fence[sizeof META_FENCES + 16];
    bool in_doubt;
    struct etcd_watch *watch; /* NULL: none */
};

static struct store_etcd *etcd_of(struct store *s)
{
    return container_of(s, struct store_etcd, store);
}

static void new_fence(struct store_etcd *e)
{
    struct rng rng;

    rng_seed_system(&rng);
    CHECK(str_fmt(e->fence, sizeof e->fence, META_FENCES "%016" PRIx64, rng_u64(&rng)));
}

/* ---- failures -------------------------------------------------------------------------------- */

static int fail_replaced(struct err *err)
{
    err_set(
        err, ERR_REFUSED,
        "etcd's key " META_INCARNATION
        " was changed or deleted while the store was in use: it is not the same store any more");
    return err_hint(err,
                    "if it was deleted by hand restore etcd from a backup; then restart the "
                    "coordinator, nodes keep serving meanwhile");
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int call_txn(struct store_etcd *e, const struct etcd_txn *txn, bool repeatable,
                    struct etcd_answer *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(ETCD_REQUEST_MAX);
    struct etcd_call call = {.path = "/v3/kv/txn", .repeatable = repeatable};

    etcd_answer_init(ret);
    if (!etcd_json_txn(&e->client->space, txn, &body))
        return err_set(err, ERR_INVALID, "the transaction is too large for etcd");
    call.body = buf_view(&body);
    return etcd_client_call(e->client, &call, ret, err);
}

/* ---- the incarnation ------------------------------------------------------------------------- */

/* Values are JSON, and what a newer version adds stays where it is. */
static int read_incarnation(struct store_etcd *e, struct str value, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    double schema;
    const char *id;

    if (json_parse(value, &j, NULL) == 0) {
        schema = json_get_number(j, "schema", 0);
        id = json_get_string(j, "incarnation", "");
        if (schema > SCHEMA) {
            err_set(err, ERR_UNSUPPORTED,
                    "the store in etcd was written with schema %.0f; this coordinator knows %d",
                    schema, SCHEMA);
            return err_hint(err, "run the version of Switchyard that wrote it, or a newer one");
        }
        if (schema == SCHEMA && id[0] &&
            str_copy(str_of(id), e->store.incarnation, sizeof e->store.incarnation))
            return 0;
    }
    err_set(err, ERR_CORRUPT, "etcd's key %s" META_INCARNATION " does not hold an incarnation",
            e->client->space_text);
    return err_hint(err,
                    "restore it from a backup; to start empty: etcdctl del --prefix %s" STORE_ROOT,
                    e->client->space_text);
}

/* A new one as the key's value. */
static struct str write_incarnation(char text[INCARNATION_TEXT_MAX])
{
    char id[STORE_INCARNATION_SIZE];

    store_backend_incarnation(id);
    CHECK(
        str_fmt(text, INCARNATION_TEXT_MAX, "{\"schema\":%d,\"incarnation\":\"%s\"}", SCHEMA, id));
    return str_of(text);
}

/* Repeating does no harm: the second time it is there. */
static int make_incarnation(struct store_etcd *e, struct etcd_answer *ret, struct err *err)
{
    char text[INCARNATION_TEXT_MAX];
    const struct etcd_range range = {.key = STR(META_INCARNATION)};
    const struct store_op op[] = {
        {.kind = STORE_COMPARE, .key = STR(META_INCARNATION)},
        {.kind = STORE_PUT, .key = STR(META_INCARNATION), .value = write_incarnation(text)},
    };
    const struct etcd_txn txn = {
        .op = op,
        .count = ARRAY_LEN(op),
        .on_success = &range,
        .on_success_count = 1,
        .on_failure = &range,
        .on_failure_count = 1,
    };

    return call_txn(e, &txn, true, ret, err);
}

/* Whoever comes first makes it. Read before, because an etcd that is full refuses even a put that
 * would not be done. */
static int open_incarnation(struct store_etcd *e, struct err *err)
{
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    const struct store_kv *kv;
    int r = etcd_client_get(e->client, STR(META_INCARNATION), dur_ms(0), &answer, err);

    if (r == 0 && !store_list_find(&answer.kvs, STR(META_INCARNATION))) {
        etcd_answer_deinit(&answer);
        r = make_incarnation(e, &answer, err);
    }
    if (r < 0)
        return r;
    kv = store_list_find(&answer.kvs, STR(META_INCARNATION));
    if (!kv)
        return err_set(err, ERR_CORRUPT, "etcd does not show the key that it has just written");
    r = read_incarnation(e, (struct str){kv->value, kv->value_len}, err);
    if (r == 0 && !buf_add(&e->incarnation, kv->value, kv->value_len))
        return err_set(err, ERR_CORRUPT, "etcd's key %s" META_INCARNATION " has %zu bytes",
                       e->client->space_text, kv->value_len);
    return r;
}

/* ---- doubt ----------------------------------------------------------------------------------- */

static int grant_lease(struct etcd_client *c, int64_t seconds, int64_t *ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(128);
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    struct etcd_call call = {.path = "/v3/lease/grant", .repeatable = true};
    int r;

    CHECK(etcd_json_lease_grant(seconds, &body));
    call.body = buf_view(&body);
    r = etcd_client_call(c, &call, &answer, err);
    if (r == 0 && answer.lease == 0)
        r = err_set(err, ERR_CORRUPT, "etcd granted a lease without a name");
    *ret = answer.lease;
    return r;
}

/* After this, what was on its way either has taken effect or never will. */
static int settle(struct store_etcd *e, struct err *err)
{
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    struct store_op put = {.kind = STORE_PUT, .key = str_of(e->fence), .value = STR("{}")};
    struct etcd_txn txn = {.op = &put, .count = 1};
    int r = 0;

    etcd_answer_init(&answer);
    if (!e->in_doubt)
        return 0;
    r = grant_lease(e->client, FENCE_S, &txn.lease, err);
    if (r == 0)
        r = call_txn(e, &txn, true, &answer, err);
    if (r < 0)
        return err_ctx(err, "settle what became of a transaction");
    e->in_doubt = false;
    new_fence(e);
    return 0;
}

static int enter_doubt(struct store_etcd *e, struct err *err)
{
    const struct err why = *err;

    e->in_doubt = true;
    return err_hint(err, "look whether the command took effect before giving it again; %s",
                    why.hint);
}

/* ---- operations ------------------------------------------------------------------------------ */

static int etcd_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
                    struct err *err)
{
    struct store_etcd *e = etcd_of(s);
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    const struct store_kv *kv;
    int r;

    etcd_answer_init(&answer);
    r = settle(e, err);
    if (r == 0)
        r = etcd_client_get(e->client, key, dur_ms(0), &answer, err);
    if (r < 0)
        return err_ctx(err, "read %.*s", (int)key.n, key.p);
    kv = store_list_find(&answer.kvs, key);
    if (!kv)
        return STORE_NOT_FOUND;
    *ret_rev = kv->rev;
    return store_backend_answer(key, (struct str){kv->value, kv->value_len}, value, err);
}

/* Was the incarnation among what was read, and is it the one that was there at first? */
static bool is_ours(const struct store_etcd *e, const struct store_list *read)
{
    const struct store_kv *kv = store_list_find(read, STR(META_INCARNATION));

    return kv && str_eq((struct str){kv->value, kv->value_len}, buf_view(&e->incarnation));
}

static int etcd_list(struct store *s, struct str prefix, struct store_list *ret, struct err *err)
{
    struct store_etcd *e = etcd_of(s);
    int r = settle(e, err);

    if (r == 0)
        r = etcd_client_list(e->client, &(struct etcd_view){.prefix = prefix}, ret, err);
    if (r < 0)
        return err_ctx(err, "list %.*s", (int)prefix.n, prefix.p);
    if (!is_ours(e, ret))
        return fail_replaced(err);
    store_list_drop(ret, STR(STORE_META));
    return 0;
}

static bool has_writes(const struct store_txn *txn)
{
    return txn->count > 0 && txn->op[txn->count - 1].kind != STORE_COMPARE;
}

/* What did not hold: the caller's compares, or ours? */
static int not_succeeded(const struct store_etcd *e, const struct etcd_answer *a, struct err *err)
{
    return is_ours(e, &a->kvs) ? STORE_CONFLICT : fail_replaced(err);
}

/* The range makes a transaction that writes nothing wait for the members to agree, as a read does;
 * etcd answers one without any from what the member happens to know. */
static int etcd_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                    struct err *err)
{
    struct store_etcd *e = etcd_of(s);
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    CLEANUP(xfreep) struct store_op *op = xcalloc(txn->count + OUR_COMPARES, sizeof *op);
    const struct etcd_range range = {.key = STR(META_INCARNATION)};
    const struct etcd_txn full = {
        .op = op,
        .count = txn->count + OUR_COMPARES,
        .lease = (int64_t)txn->lease,
        .on_success = &range,
        .on_success_count = has_writes(txn) ? 0 : 1,
        .on_failure = &range,
        .on_failure_count = 1,
    };
    int r;

    etcd_answer_init(&answer);
    r = settle(e, err);
    if (r < 0)
        return r;
    op[0] = (struct store_op){
        .kind = STORE_COMPARE, .key = STR(META_INCARNATION), .value = buf_view(&e->incarnation)};
    op[1] = (struct store_op){.kind = STORE_COMPARE, .key = str_of(e->fence)};
    if (txn->count > 0)
        memcpy(op + OUR_COMPARES, txn->op, txn->count * sizeof *op);
    r = call_txn(e, &full, !has_writes(txn), &answer, err);
    if (r == -ERR_UNKNOWN_OUTCOME)
        return enter_doubt(e, err);
    if (r < 0)
        return r;
    *ret_rev = answer.rev;
    return answer.succeeded ? 0 : not_succeeded(e, &answer, err);
}

/* ---- leases ---------------------------------------------------------------------------------- */

static int etcd_lease_grant(struct store *s, dur_t ttl, store_lease *ret, struct err *err)
{
    int64_t lease = 0;
    int r = grant_lease(etcd_of(s)->leases, (ttl.ns + dur_s(1).ns - 1) / dur_s(1).ns, &lease, err);

    *ret = (store_lease)lease;
    return r;
}

/* Keep or revoke; both may arrive twice. `ret_left`: seconds. */
static int call_lease(struct store_etcd *e, struct etcd_call call, store_lease lease,
                      uint64_t *ret_left, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf body = BUF_INIT(128);
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    int r;

    CHECK(etcd_json_lease((int64_t)lease, &body));
    call.body = buf_view(&body);
    call.repeatable = true;
    r = etcd_client_call(e->leases, &call, &answer, err);
    *ret_left = answer.ttl;
    return r == -ERR_NOT_FOUND ? STORE_NOT_FOUND : r;
}

static int etcd_lease_keep(struct store *s, store_lease lease, struct err *err)
{
    const struct etcd_call call = {.path = "/v3/lease/keepalive", .timeout = dur_ms(KEEP_MS)};
    uint64_t left = 0;
    int r = call_lease(etcd_of(s), call, lease, &left, err);

    return r == 0 && left == 0 ? STORE_NOT_FOUND : r;
}

static int etcd_lease_revoke(struct store *s, store_lease lease, struct err *err)
{
    uint64_t left;
    int r =
        call_lease(etcd_of(s), (struct etcd_call){.path = "/v3/lease/revoke"}, lease, &left, err);

    return r == STORE_NOT_FOUND ? 0 : r;
}

/* ---- the watch ------------------------------------------------------------------------------- */

static void on_news(void *ctx)
{
    struct store_etcd *e = ctx;

    if (e->store.on_news)
        e->store.on_news(e->store.on_news_ctx);
}

static int etcd_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn,
                      void *ctx, struct err *err)
{
    struct store_etcd *e = etcd_of(s);
    const struct etcd_watch_config config = {
        .etcd = &e->config,
        .failing = &e->failing,
        .prefix = prefix,
        .from = from,
        .on_news = on_news,
        .on_news_ctx = e,
        .fn = fn,
        .ctx = ctx,
    };
    struct etcd_watch *w;
    int r = etcd_watch_new(&config, &w, err);

    if (r == ETCD_COMPACTED)
        return STORE_COMPACTED;
    if (r < 0)
        return err_ctx(err, "watch %.*s", (int)prefix.n, prefix.p);
    etcd_watch_free(e->watch);
    e->watch = w;
    return 0;
}

static int etcd_poll(struct store *s, dur_t wait, struct err *err UNUSED)
{
    struct store_etcd *e = etcd_of(s);

    if (e->watch)
        etcd_watch_deliver(e->watch, wait);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void config_deinit(struct store_etcd_config *c)
{
    const char *const owned[] = {c->endpoints, c->space, c->ca,      c->cert,
                                 c->key,       c->user,  c->password};

    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free((void *)(uintptr_t)owned[i]);
}

static void config_copy(const struct store_etcd_config *from, struct store_etcd_config *to)
{
    const char **const text[] = {&to->endpoints, &to->space, &to->ca,      &to->cert,
                                 &to->key,       &to->user,  &to->password};

    *to = *from;
    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        if (*text[i])
            *text[i] = xstrdup(*text[i]);
}

static void etcd_free(struct store *s)
{
    struct store_etcd *e = etcd_of(s);

    etcd_watch_free(e->watch);
    etcd_client_free(e->leases);
    etcd_client_free(e->client);
    config_deinit(&e->config);
    buf_deinit(&e->incarnation);
    free(e);
}

static const struct store_ops etcd_ops = {
    .name = "etcd",
    .apart = true,
    .get = etcd_get,
    .list = etcd_list,
    .txn = etcd_txn,
    .watch = etcd_watch,
    .lease_grant = etcd_lease_grant,
    .lease_keep = etcd_lease_keep,
    .lease_revoke = etcd_lease_revoke,
    .poll = etcd_poll,
    .free = etcd_free,
};

int store_etcd_open(const struct store_etcd_config *config, struct store **ret, struct err *err)
{
    struct store_etcd *e = xnew(struct store_etcd);
    struct err scratch;
    int r;

    err = err ? err : &scratch;
    e->store.ops = &etcd_ops;
    config_copy(config, &e->config);
    buf_init(&e->incarnation, INCARNATION_VALUE_MAX);
    new_fence(e);
    r = etcd_client_new(&e->config, &e->failing, &e->client, err);
    if (r == 0)
        r = etcd_client_new(&e->config, &e->failing, &e->leases, err);
    if (r == 0)
        r = open_incarnation(e, err);
    if (r < 0) {
        etcd_free(&e->store);
        return r;
    }
    *ret = &e->store;
    return 0;
}

int store_etcd_renew(const struct store_etcd_config *config, struct err *err)
{
    CLEANUP(store_freep) struct store *s = NULL;
    CLEANUP(etcd_answer_deinit) struct etcd_answer answer;
    char text[INCARNATION_TEXT_MAX];
    const struct store_op put = {
        .kind = STORE_PUT, .key = STR(META_INCARNATION), .value = write_incarnation(text)};
    const struct etcd_txn txn = {.op = &put, .count = 1};
    struct err scratch;
    int r;

    etcd_answer_init(&answer);
    err = err ? err : &scratch;
    r = store_etcd_open(config, &s, err);
    if (r == 0)
        r = call_txn(etcd_of(s), &txn, true, &answer, err);
    return r;
}
