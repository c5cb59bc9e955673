/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store.h"

#include "common/base/check.h"
#include "coordinator/store/store_backend.h"

/* Refuse what is no UTF-8 text under STORE_ROOT. The word `what` leads the messages. */
static int check_text(struct str s, const char *what, struct err *err)
{
    size_t bad;

    if (s.n > STORE_KEY_MAX)
        return err_set(err, ERR_INVALID, "%s has %zu bytes; the limit is %u", what, s.n,
                       STORE_KEY_MAX);
    if (!str_utf8_valid(s, &bad))
        return err_set(err, ERR_INVALID, "%s is not UTF-8 at byte %zu", what, bad);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "%s has a control character at byte %zu", what, i);
    if (!str_starts(s, STR(STORE_ROOT)))
        return err_set(err, ERR_INVALID, "%s \"%.*s\" is not under %s", what, (int)s.n, s.p,
                       STORE_ROOT);
    return 0;
}

int store_prefix_check(struct str prefix, struct err *err)
{
    return check_text(prefix, "prefix", err);
}

static int check_name(struct str key, struct err *err)
{
    int r = check_text(key, "key", err);

    if (r == 0 && key.n == sizeof(STORE_ROOT) - 1)
        r = err_set(err, ERR_INVALID, "key has no name after %s", STORE_ROOT);
    return r;
}

static int check_key(struct str key, struct err *err)
{
    int r = check_name(key, err);

    if (r < 0)
        return r;
    if (str_starts(key, STR(STORE_META)))
        return err_set(err, ERR_INVALID, "key \"%.*s\" belongs to the store itself", (int)key.n,
                       key.p);
    return 0;
}

bool store_backend_key_valid(struct str key)
{
    return check_name(key, NULL) == 0;
}

static bool is_write(const struct store_op *op)
{
    return op->kind != STORE_COMPARE;
}

static int check_op(const struct store_op *op, struct err *err)
{
    int r = check_key(op->key, err);

    if (r < 0)
        return r;
    if (op->kind == STORE_PUT && op->value.n > STORE_VALUE_MAX)
        return err_set(err, ERR_INVALID, "the value of %.*s has %zu bytes; the limit is %u",
                       (int)op->key.n, op->key.p, op->value.n, STORE_VALUE_MAX);
    return 0;
}

/* How operation `i` stands to those before it. */
static int check_order(const struct store_txn *txn, size_t i, struct err *err)
{
    const struct store_op *op = &txn->op[i];

    if (!is_write(op) && i > 0 && is_write(op - 1))
        return err_set(err, ERR_INVALID, "a compare of %.*s stands after a write", (int)op->key.n,
                       op->key.p);
    for (size_t k = 0; k < i && is_write(op); k++)
        if (is_write(&txn->op[k]) && str_eq(txn->op[k].key, op->key))
            return err_set(err, ERR_INVALID, "%.*s is written twice", (int)op->key.n, op->key.p);
    return 0;
}

int store_txn_check(const struct store_txn *txn, struct err *err)
{
    size_t bytes = 0;
    int r = 0;

    if (txn->count > STORE_OPS_MAX)
        return err_set(err, ERR_INVALID, "a transaction of %zu operations; the limit is %u",
                       txn->count, STORE_OPS_MAX);
    for (size_t i = 0; i < txn->count && r == 0; i++) {
        r = check_op(&txn->op[i], err);
        if (r == 0)
            r = check_order(txn, i, err);
        bytes += txn->op[i].key.n + (txn->op[i].kind == STORE_PUT ? txn->op[i].value.n : 0);
    }
    if (r == 0 && bytes > STORE_TXN_BYTES_MAX)
        r = err_set(err, ERR_INVALID, "a transaction of %zu bytes; the limit is %u", bytes,
                    STORE_TXN_BYTES_MAX);
    return r;
}

/* Back ends are given an err always: they decide by what they put there. */
static struct err *some(struct err *err, struct err *scratch)
{
    return err ? err : scratch;
}

int store_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
              struct err *err)
{
    struct err scratch;
    store_rev rev = 0;
    int r = check_key(key, err);

    if (r == 0)
        r = s->ops->get(s, key, value, &rev, some(err, &scratch));
    if (r == 0 && ret_rev)
        *ret_rev = rev;
    return r;
}

int store_list(struct store *s, struct str prefix, struct store_list *ret, struct err *err)
{
    struct store_list found = {0};
    struct err scratch;
    int r = store_prefix_check(prefix, err);

    if (r == 0)
        r = s->ops->list(s, prefix, &found, some(err, &scratch));
    if (r == 0)
        *ret = found;
    else
        store_list_deinit(&found);
    return r;
}

static int check_leases(const struct store *s, struct err *err)
{
    if (s->ops->lease_grant)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "the store (%s) has no leases", s->ops->name);
}

int store_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev, struct err *err)
{
    struct err scratch;
    store_rev rev = 0;
    int r = store_txn_check(txn, err);

    if (r == 0 && txn->lease)
        r = check_leases(s, err);
    if (r == 0)
        r = s->ops->txn(s, txn, &rev, some(err, &scratch));
    if (r == 0 && ret_rev)
        *ret_rev = rev;
    return r;
}

int store_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn, void *ctx,
                struct err *err)
{
    struct err scratch;
    int r = store_prefix_check(prefix, err);

    CHECK(fn);
    if (r < 0)
        return r;
    return s->ops->watch(s, prefix, from, fn, ctx, some(err, &scratch));
}

int store_lease_grant(struct store *s, dur_t ttl, store_lease *ret, struct err *err)
{
    struct err scratch;
    int r = check_leases(s, err);

    if (r == 0 && (ttl.ns < dur_s(1).ns || ttl.ns > dur_s(STORE_LEASE_MAX_S).ns))
        r = err_set(err, ERR_INVALID, "a lease lasts from 1 to %d seconds", STORE_LEASE_MAX_S);
    return r < 0 ? r : s->ops->lease_grant(s, ttl, ret, some(err, &scratch));
}

int store_lease_keep(struct store *s, store_lease lease, struct err *err)
{
    struct err scratch;
    int r = check_leases(s, err);

    return r < 0 ? r : s->ops->lease_keep(s, lease, some(err, &scratch));
}

int store_lease_revoke(struct store *s, store_lease lease, struct err *err)
{
    struct err scratch;
    int r = check_leases(s, err);

    return r < 0 ? r : s->ops->lease_revoke(s, lease, some(err, &scratch));
}

void store_on_news(struct store *s, void (*fn)(void *ctx), void *ctx)
{
    s->on_news = fn;
    s->on_news_ctx = ctx;
}

int store_poll(struct store *s, dur_t wait, struct err *err)
{
    struct err scratch;

    return s->ops->poll ? s->ops->poll(s, wait, some(err, &scratch)) : 0;
}

struct store *store_free(struct store *s)
{
    if (s)
        s->ops->free(s);
    return NULL;
}
