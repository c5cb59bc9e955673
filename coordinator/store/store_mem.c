/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_mem.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_backend.h"
#include "coordinator/store/store_changes.h"
#include "coordinator/store/store_list.h"

struct fault {
    unsigned after;     /* operations that still go through */
    enum err_code code; /* ERR_NONE: none is set */
    bool written;
};

struct store_mem {
    struct store store;
    struct store_list all; /* `rev` is the store's */
    struct store_changes changes;
    struct fault fault;
};

static struct store_mem *mem_of(struct store *s)
{
    return container_of(s, struct store_mem, store);
}

/* Count one operation. Yields the fault that it must fail with; code ERR_NONE: none. */
static struct fault take_fault(struct store_mem *m)
{
    struct fault f = {0};

    if (m->fault.code != ERR_NONE && m->fault.after-- == 0) {
        f = m->fault;
        m->fault = (struct fault){0};
    }
    return f;
}

static int fault_err(const struct fault *f, struct err *err)
{
    return err_set(err, f->code, "the store in memory was told to fail");
}

static int mem_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
                   struct err *err)
{
    struct store_mem *m = mem_of(s);
    struct fault f = take_fault(m);
    const struct store_kv *kv = store_list_find(&m->all, key);

    if (f.code != ERR_NONE)
        return fault_err(&f, err);
    if (!kv)
        return STORE_NOT_FOUND;
    *ret_rev = kv->rev;
    return store_backend_answer(key, (struct str){kv->value, kv->value_len}, value, err);
}

static int mem_list(struct store *s, struct str prefix, struct store_list *ret, struct err *err)
{
    struct store_mem *m = mem_of(s);
    struct fault f = take_fault(m);

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
static void apply_op(struct store_mem *m, const struct store_op *op, struct store_list *changes)
{
    switch (op->kind) {
    case STORE_PUT:
        store_list_put(&m->all, op->key, &op->value, changes->rev);
        store_list_put(changes, op->key, &op->value, changes->rev);
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
    struct store_mem *m = mem_of(s);
    struct fault f = take_fault(m);

    if (f.code != ERR_NONE && !f.written)
        return fault_err(&f, err);
    for (size_t i = 0; i < txn->count; i++)
        if (!compare_holds(m, &txn->op[i]))
            return f.written ? fault_err(&f, err) : STORE_CONFLICT;

    CLEANUP(store_list_deinitp) struct store_list changes = {.rev = m->all.rev + 1};
    for (size_t i = 0; i < txn->count; i++)
        apply_op(m, &txn->op[i], &changes);
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
    return store_changes_watch(&mem_of(s)->changes, prefix, from, fn, ctx);
}

static void mem_free(struct store *s)
{
    struct store_mem *m = mem_of(s);

    store_changes_deinit(&m->changes);
    store_list_deinit(&m->all);
    free(m);
}

static const struct store_ops mem_ops = {
    .name = "memory",
    .get = mem_get,
    .list = mem_list,
    .txn = mem_txn,
    .watch = mem_watch,
    .free = mem_free,
};

int store_mem_new(struct store **ret, struct err *err UNUSED)
{
    struct store_mem *m = xnew(struct store_mem);

    m->store.ops = &mem_ops;
    store_backend_incarnation(m->store.incarnation);
    store_changes_init(&m->changes, 0);
    *ret = &m->store;
    return 0;
}

void store_mem_fail_after(struct store *s, unsigned n, enum err_code code, bool written)
{
    CHECK(!written || code == ERR_UNKNOWN_OUTCOME);
    mem_of(s)->fault = (struct fault){.after = n, .code = code, .written = written};
}

bool store_mem_fault_pending(struct store *s)
{
    return mem_of(s)->fault.code != ERR_NONE;
}
