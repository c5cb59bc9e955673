/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_mem.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_backend.h"
#include "coordinator/store/store_changes.h"
#include "coordinator/store/store_list.h"

struct fault {
    const char *prefix; /* only a transaction that writes below it fails; NULL: any operation */
    unsigned after;     /* operations that still go through */
    enum err_code code; /* ERR_NONE: none is set */
    bool written;
};

#define LEASES_MAX 64

struct lease {
    store_lease id; /* 0: a free place */
    dur_t ttl;
    mono_t ends;
    struct store_list keys; /* bound to it, without values */
};

struct store_mem {
    struct store store;
    pthread_mutex_t mutex; /* held in every operation */
    struct clock *clock;
    struct lease lease[LEASES_MAX];
    store_lease last_lease;
    struct store_list all; /* `rev` is the store's */
    struct store_changes changes;
    struct fault fault;
};

static struct store_mem *mem_of(struct store *s)
{
    return container_of(s, struct store_mem, store);
}

static struct store_mem *lock(struct store *s)
{
    struct store_mem *m = mem_of(s);

    pthread_mutex_lock(&m->mutex);
    return m;
}

static void unlockp(struct store_mem **m)
{
    pthread_mutex_unlock(&(*m)->mutex);
}

static bool writes_below(const struct store_txn *txn, const char *prefix)
{
    for (size_t i = 0; i < txn->count; i++)
        if (txn->op[i].kind != STORE_COMPARE && str_starts(txn->op[i].key, str_of(prefix)))
            return true;
    return false;
}

/* Count one operation, a transaction if `txn` is set. Yields the fault that it must fail with; code
 * ERR_NONE: none. */
static struct fault take_fault(struct store_mem *m, const struct store_txn *txn)
{
    struct fault f = m->fault;

    if (f.code == ERR_NONE || (f.prefix && !(txn && writes_below(txn, f.prefix))))
        return (struct fault){0};
    if (m->fault.after-- > 0)
        return (struct fault){0};
    m->fault = (struct fault){0};
    return f;
}

static int fault_err(const struct fault *f, struct err *err)
{
    return err_set(err, f->code, "the store in memory was told to fail");
}

/* ---- leases ---------------------------------------------------------------------------------- */

static struct lease *find_lease(struct store_mem *m, store_lease id)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (m->lease[i].id == id)
            return &m->lease[i];
    return NULL;
}

/* A key that is written again belongs to its last writer's lease, or to none. */
static void bind_key(struct store_mem *m, struct str key, store_lease lease)
{
    const struct str none = {0};

    for (size_t i = 0; i < LEASES_MAX; i++)
        if (m->lease[i].id)
            store_list_remove(&m->lease[i].keys, key);
    if (lease)
        store_list_put(&find_lease(m, lease)->keys, key, &none, 0);
}

static void end_lease(struct store_mem *m, struct lease *l)
{
    CLEANUP(store_list_deinitp) struct store_list changes = {.rev = m->all.rev + 1};

    for (size_t i = 0; i < l->keys.count; i++) {
        struct str key = str_of(l->keys.item[i].key);

        if (store_list_remove(&m->all, key))
            store_list_put(&changes, key, NULL, changes.rev);
    }
    store_list_deinit(&l->keys);
    l->id = 0;
    if (changes.count > 0) {
        m->all.rev = changes.rev;
        store_changes_add(&m->changes, &changes);
    }
}

/* First of all in every operation. */
static void end_leases(struct store_mem *m)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (m->lease[i].id && !mono_before(m->clock->mono(m->clock), m->lease[i].ends))
            end_lease(m, &m->lease[i]);
}

static void extend_lease(struct store_mem *m, struct lease *l)
{
    l->ends = mono_add(m->clock->mono(m->clock), l->ttl);
}

static int mem_lease_grant(struct store *s, dur_t ttl, store_lease *ret, struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, NULL);
    struct lease *l;

    end_leases(m);
    l = find_lease(m, 0);
    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    if (!l)
        return err_set(err, ERR_EXHAUSTED, "the store in memory has %d leases at most", LEASES_MAX);
    *l = (struct lease){.id = ++m->last_lease, .ttl = ttl};
    extend_lease(m, l);
    *ret = l->id;
    return 0;
}

static int mem_lease_keep(struct store *s, store_lease lease, struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, NULL);
    struct lease *l;

    end_leases(m);
    l = lease ? find_lease(m, lease) : NULL;
    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    if (!l)
        return STORE_NOT_FOUND;
    extend_lease(m, l);
    return 0;
}

static int mem_lease_revoke(struct store *s, store_lease lease, struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, NULL);
    struct lease *l = lease ? find_lease(m, lease) : NULL;

    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    if (l)
        end_lease(m, l);
    return 0;
}

static int mem_poll(struct store *s, dur_t wait UNUSED, struct err *err UNUSED)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);

    end_leases(m);
    return 0;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int mem_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
                   struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, NULL);
    const struct store_kv *kv;

    end_leases(m);
    kv = store_list_find(&m->all, key);
    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    if (!kv)
        return STORE_NOT_FOUND;
    *ret_rev = kv->rev;
    return store_backend_answer(key, (struct str){kv->value, kv->value_len}, value, err);
}

static int mem_list(struct store *s, struct str prefix, struct store_list *ret, struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, NULL);

    end_leases(m);
    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    for (size_t i = store_list_lower(&m->all, prefix); i < m->all.count; i++) {
        const struct store_kv *kv = &m->all.item[i];
        struct str value = {kv->value, kv->value_len};

        if (!str_starts(str_of(kv->key), prefix))
            break;
        store_list_put(ret, str_of(kv->key), &value, kv->rev);
    }
    ret->rev = m->all.rev;
    return 0;
}

static bool compare_holds(const struct store_mem *m, const struct store_op *op)
{
    const struct store_kv *kv = store_list_find(&m->all, op->key);

    return op->kind != STORE_COMPARE || (kv ? kv->rev : 0) == op->rev;
}

/* Do one write and note it in `changes`, whose revision it gets. */
static void apply_op(struct store_mem *m, const struct store_op *op, store_lease lease,
                     struct store_list *changes)
{
    switch (op->kind) {
    case STORE_PUT:
        store_list_put(&m->all, op->key, &op->value, changes->rev);
        store_list_put(changes, op->key, &op->value, changes->rev);
        bind_key(m, op->key, lease);
        break;
    case STORE_DELETE:
        if (store_list_remove(&m->all, op->key))
            store_list_put(changes, op->key, NULL, changes->rev);
        break;
    case STORE_COMPARE:
        break;
    }
}

static int mem_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
                   struct err *err)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);
    struct fault f = take_fault(m, txn);

    end_leases(m);
    if (f.code != ERR_NONE && !f.written)
        return fault_err(&f, err);
    if (txn->lease && !find_lease(m, txn->lease))
        return err_set(err, ERR_NOT_FOUND, "the lease has ended; nothing was written");
    for (size_t i = 0; i < txn->count; i++)
        if (!compare_holds(m, &txn->op[i]))
            return f.written ? fault_err(&f, err) : STORE_CONFLICT;

    CLEANUP(store_list_deinitp) struct store_list changes = {.rev = m->all.rev + 1};
    for (size_t i = 0; i < txn->count; i++)
        apply_op(m, &txn->op[i], txn->lease, &changes);
    if (changes.count > 0) {
        m->all.rev = changes.rev;
        store_changes_add(&m->changes, &changes);
    }
    *ret_rev = m->all.rev;
    return f.written ? fault_err(&f, err) : 0;
}

static int mem_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn,
                     void *ctx, struct err *err UNUSED)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);

    return store_changes_watch(&m->changes, prefix, from, fn, ctx);
}

static void mem_free(struct store *s)
{
    struct store_mem *m = mem_of(s);

    for (size_t i = 0; i < LEASES_MAX; i++)
        store_list_deinit(&m->lease[i].keys);
    store_changes_deinit(&m->changes);
    store_list_deinit(&m->all);
    pthread_mutex_destroy(&m->mutex);
    free(m);
}

static const struct store_ops mem_ops = {
    .name = "memory",
    .get = mem_get,
    .list = mem_list,
    .txn = mem_txn,
    .watch = mem_watch,
    .lease_grant = mem_lease_grant,
    .lease_keep = mem_lease_keep,
    .lease_revoke = mem_lease_revoke,
    .poll = mem_poll,
    .free = mem_free,
};

int store_mem_new(struct store **ret, struct err *err UNUSED)
{
    struct store_mem *m = xnew(struct store_mem);

    m->store.ops = &mem_ops;
    pthread_mutex_init(&m->mutex, NULL);
    m->clock = clock_system;
    store_backend_incarnation(m->store.incarnation);
    store_changes_init(&m->changes, 0);
    *ret = &m->store;
    return 0;
}

void store_mem_fail_after(struct store *s, unsigned n, enum err_code code, bool written)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);

    CHECK(!written || code == ERR_UNKNOWN_OUTCOME);
    m->fault = (struct fault){.after = n, .code = code, .written = written};
}

void store_mem_fail_write(struct store *s, const char *prefix, enum err_code code, bool written)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);

    CHECK(!written || code == ERR_UNKNOWN_OUTCOME);
    m->fault = (struct fault){.prefix = prefix, .code = code, .written = written};
}

bool store_mem_fault_pending(struct store *s)
{
    CLEANUP(unlockp) struct store_mem *m = lock(s);

    return m->fault.code != ERR_NONE;
}

void store_mem_set_clock(struct store *s, struct clock *clock)
{
    mem_of(s)->clock = clock;
}
