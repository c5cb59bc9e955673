/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_store.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_coord.h"

struct request {
    uint64_t boot;
    struct store_op *op; /* owned with keys and values; NULL: a load */
    size_t count;
    sim_saved_fn saved;
    sim_loaded_fn loaded;
    int result;
    store_rev rev;
    struct err err;
    struct store_list list;
    struct request *prev, *next;
};

struct sim_store {
    struct sim *sim;
    struct store *mem;
    struct request *requests; /* owned */
    enum sim_store_fault always, once;
    dur_t slow;
    store_rev rev;
};

struct sim_store *sim_store_new(struct sim *s)
{
    struct sim_store *st = xnew(struct sim_store);

    st->sim = s;
    CHECK(store_mem_new(&st->mem, NULL) == 0);
    CHECK(str_copy(STR(SIM_INCARNATION), st->mem->incarnation, sizeof st->mem->incarnation));
    return st;
}

static void forget(struct sim_store *st, struct request *q)
{
    DL_DELETE(st->requests, q);
    for (size_t i = 0; i < q->count; i++) {
        free((void *)(uintptr_t)q->op[i].key.p);
        free((void *)(uintptr_t)q->op[i].value.p);
    }
    free(q->op);
    store_list_deinit(&q->list);
    free(q);
}

struct sim_store *sim_store_free(struct sim_store *st)
{
    if (!st)
        return NULL;
    while (st->requests)
        forget(st, st->requests);
    store_free(st->mem);
    free(st);
    return NULL;
}

/* ---- one request ----------------------------------------------------------------------------- */

static void answer(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;
    struct request mine = *q;

    if (mine.boot == sim_coord_boot(s->coord)) {
        if (mine.op)
            mine.saved(s, mine.result, mine.rev, &mine.err);
        else
            mine.loaded(s, mine.result, mine.result < 0 ? NULL : &mine.list, &mine.err);
    }
    forget(s->store, q);
}

static enum sim_store_fault take_fault(struct sim_store *st)
{
    enum sim_store_fault f = st->once;

    st->once = SIM_STORE_WORKS;
    return f != SIM_STORE_WORKS ? f : st->always;
}

static void arm(struct sim_store *st, enum sim_store_fault f, bool is_load)
{
    static const struct {
        enum err_code code;
        bool written;
    } kinds[] = {
        [SIM_STORE_FULL] = {ERR_EXHAUSTED, false},
        [SIM_STORE_AWAY] = {ERR_UNAVAILABLE, false},
        [SIM_STORE_LOSES_ANSWER] = {ERR_UNKNOWN_OUTCOME, true},
        [SIM_STORE_LOSES_TXN] = {ERR_UNKNOWN_OUTCOME, false},
    };
    if (f == SIM_STORE_WORKS || (is_load && f != SIM_STORE_AWAY))
        return;
    store_mem_fail_after(st->mem, 0, kinds[f].code, kinds[f].written);
}

static void run_txn(struct sim_store *st, struct request *q)
{
    struct store_txn txn = {.op = q->op, .count = q->count};
    store_rev before = st->rev;

    q->result = store_txn(st->mem, &txn, &q->rev, &q->err);
    if (q->result == 0)
        st->rev = q->rev;
    else if (q->result == -ERR_UNKNOWN_OUTCOME) /* what it holds now is asked of itself */
        CHECK(store_txn(st->mem, &(struct store_txn){.count = 0}, &st->rev, NULL) == 0);
    if (st->rev > before)
        sim_check_stored(st->sim->check, &txn, st->rev);
    else if (q->result != 0)
        sim_say(st->sim, "store", "%s", q->result < 0 ? err_text(q->err.code) : "conflict");
}

static void carry_out(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;
    struct sim_store *st = s->store;
    enum sim_store_fault f;

    if (q->boot != sim_coord_boot(s->coord)) {
        forget(st, q);
        return;
    }
    f = take_fault(st);
    if (f != SIM_STORE_CONFLICTS)
        arm(st, f, !q->op);
    if (q->op && f == SIM_STORE_CONFLICTS)
        q->result = STORE_CONFLICT;
    else if (q->op)
        run_txn(st, q);
    else
        q->result = store_list(st->mem, STR(STORE_ROOT), &q->list, &q->err);
    sim_coord_crash_point(s->coord, q->op ? SIM_CRASH_STORED : SIM_CRASH_NEVER);
    sim_after(s, sim_delay(s, s->config.store), answer, q, 0);
}

static void begin(struct sim_store *st, struct request *q)
{
    struct sim *s = st->sim;
    dur_t way = sim_delay(s, s->config.store);

    DL_APPEND(st->requests, q);
    sim_after(s, dur_ns(way.ns + st->slow.ns), carry_out, q, 0);
}

void sim_store_save(struct sim_store *st, const struct core_update *u, uint64_t boot,
                    sim_saved_fn fn)
{
    static const enum store_op_kind kinds[] = {
        [SAVE_COMPARE] = STORE_COMPARE, [SAVE_PUT] = STORE_PUT, [SAVE_DELETE] = STORE_DELETE};
    struct request *q = xnew(struct request);

    q->boot = boot;
    q->saved = fn;
    q->op = xcalloc(u->save_count, sizeof *q->op);
    for (const struct core_save *c = u->save; c; c = c->next) {
        struct store_op *op = &q->op[q->count++];

        *op = (struct store_op){.kind = kinds[c->kind], .rev = c->rev};
        op->key = (struct str){xstrdup(c->key), strlen(c->key)};
        if (c->value.n > 0)
            op->value = (struct str){xmemdup(c->value.p, c->value.n), c->value.n};
    }
    begin(st, q);
}

void sim_store_load(struct sim_store *st, uint64_t boot, sim_loaded_fn fn)
{
    struct request *q = xnew(struct request);

    q->boot = boot;
    q->loaded = fn;
    begin(st, q);
}

/* ---- faults ---------------------------------------------------------------------------------- */

void sim_store_fail_once(struct sim_store *st, enum sim_store_fault f)
{
    st->once = f;
}

void sim_store_fail(struct sim_store *st, enum sim_store_fault f)
{
    st->always = f;
}

void sim_store_slow(struct sim_store *st, dur_t more)
{
    st->slow = more;
}

store_rev sim_store_rev(const struct sim_store *st)
{
    return st->rev;
}
