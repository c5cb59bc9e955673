/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_store.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/driver/member.h"
#include "coordinator/store/store_list.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_store_thread.h"

#define LOOK_EACH  dur_ms(100)
#define LEASES_MAX 64

#define LONGEST_LEASE dur_s(10)
/* After a watch was cut short everything is read a second later, and that takes its time, too. */
#define REREAD dur_s(2)

/* A lease as the simulation keeps count of it. */
struct lease {
    store_lease id; /* 0: free */
    dur_t ttl;
    mono_t ends;
};

struct sim_store {
    struct sim *sim;
    struct clock clock;
    struct store *mem;
    struct store_list *change; /* owned array: change[i] made revision i + 1 */
    size_t count, room;
    store_rev known_after;
    struct lease lease[LEASES_MAX];
    enum sim_store_fault always, once;
    dur_t slow;
    bool lies;
    mono_t right;           /* leases are what they should be from then on */
    struct sim_asker asker; /* of the transaction that is being carried out, and its lease */
    store_lease asked_with;
};

/* ---- time ------------------------------------------------------------------------------------ */

static mono_t clock_mono(struct clock *c)
{
    return container_of(c, struct sim_store, clock)->sim->now;
}

static wall_t clock_wall(struct clock *c)
{
    return sim_wall(container_of(c, struct sim_store, clock)->sim);
}

static void look(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct sim_store *st = who;

    CHECK(store_poll(st->mem, dur_ns(0), NULL) == 0); /* leases end */
    sim_after(s, LOOK_EACH, look, st, 0);
}

/* ---- what changes ---------------------------------------------------------------------------- */

static void copy_change(const struct store_list *from, struct store_list *ret)
{
    *ret = (struct store_list){.rev = from->rev};
    for (size_t i = 0; i < from->count; i++) {
        const struct store_kv *kv = &from->item[i];
        struct str value = {kv->value, kv->value_len};

        store_list_append(ret, str_of(kv->key), kv->value ? &value : NULL, kv->rev);
    }
}

static void on_change(void *ctx, const struct store_list *changes)
{
    struct sim_store *st = ctx;

    CHECK(changes->rev == st->count + 1);
    if (st->count == st->room) {
        st->room = st->room ? 2 * st->room : 64;
        st->change = xrealloc(st->change, st->room * sizeof *st->change);
    }
    copy_change(changes, &st->change[st->count++]);
    sim_check_changed(st->sim->check, st->asker, st->asked_with, changes);
    sim_store_threads_tell(st->sim);
}

store_rev sim_store_rev(const struct sim_store *st)
{
    return st->count;
}

store_rev sim_store_known_after(const struct sim_store *st)
{
    return st->known_after;
}

const struct store_list *sim_store_change(const struct sim_store *st, store_rev rev)
{
    CHECK(rev > 0 && rev <= st->count);
    return &st->change[rev - 1];
}

void sim_store_compact(struct sim_store *st)
{
    st->known_after = st->count;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct sim_store *sim_store_new(struct sim *s)
{
    struct sim_store *st = xnew(struct sim_store);

    st->sim = s;
    st->clock = (struct clock){clock_mono, clock_wall};
    CHECK(store_mem_new(&st->mem, NULL) == 0);
    store_mem_set_clock(st->mem, &st->clock);
    CHECK(str_copy(STR(SIM_INCARNATION), st->mem->incarnation, sizeof st->mem->incarnation));
    CHECK(store_watch(st->mem, STR(STORE_ROOT), 0, on_change, st, NULL) == 0);
    sim_after(s, LOOK_EACH, look, st, 0);
    return st;
}

struct sim_store *sim_store_free(struct sim_store *st)
{
    if (!st)
        return NULL;
    store_free(st->mem);
    for (size_t i = 0; i < st->count; i++)
        store_list_deinit(&st->change[i]);
    free(st->change);
    free(st);
    return NULL;
}

/* ---- requests -------------------------------------------------------------------------------- */

static enum sim_store_fault take_fault(struct sim_store *st)
{
    enum sim_store_fault f = st->once;

    st->once = SIM_STORE_WORKS;
    return f != SIM_STORE_WORKS ? f : st->always;
}

static void arm(struct sim_store *st, enum sim_store_fault f)
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

    if (f != SIM_STORE_WORKS && f != SIM_STORE_CONFLICTS)
        store_mem_fail_after(st->mem, 0, kinds[f].code, kinds[f].written);
}

int sim_store_txn(struct sim_store *st, struct sim_asker who, const struct store_txn *txn,
                  store_rev *ret_rev, struct err *err)
{
    enum sim_store_fault f = take_fault(st);
    store_rev before;
    int r;

    CHECK(store_poll(st->mem, dur_ns(0), NULL) == 0);
    before = st->count;
    if (f == SIM_STORE_CONFLICTS)
        return STORE_CONFLICT;
    arm(st, f);
    st->asker = who;
    st->asked_with = txn->lease;
    r = store_txn(st->mem, txn, ret_rev, err);
    if (st->count > before)
        sim_check_stored(st->sim->check, who, txn, st->count);
    if (r != 0)
        sim_say(st->sim, "store", "%s", r < 0 ? err_text(err->code) : "conflict");
    return r;
}

/* Reads and leases fail only when nothing works. */
static void arm_other(struct sim_store *st)
{
    if (st->always == SIM_STORE_AWAY)
        arm(st, SIM_STORE_AWAY);
}

int sim_store_list(struct sim_store *st, struct str prefix, struct store_list *ret, struct err *err)
{
    arm_other(st);
    return store_list(st->mem, prefix, ret, err);
}

/* ---- leases ---------------------------------------------------------------------------------- */

static struct lease *find(struct sim_store *st, store_lease id)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (st->lease[i].id == id)
            return &st->lease[i];
    return NULL;
}

static void extend(struct sim_store *st, struct lease *l)
{
    l->ends = mono_add(st->sim->now, l->ttl);
}

static void forget_ended(struct sim_store *st)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (!mono_before(st->sim->now, st->lease[i].ends))
            st->lease[i].id = 0;
}

int sim_store_grant(struct sim_store *st, dur_t ttl, store_lease *ret, struct err *err)
{
    struct lease *l;
    int r;

    if (st->sim->config.no_leases)
        return err_set(err, ERR_UNSUPPORTED, "this store has no leases");
    arm_other(st);
    r = store_lease_grant(st->mem, ttl, ret, err);
    if (r < 0)
        return r;
    forget_ended(st);
    l = find(st, 0);
    CHECK(l);
    *l = (struct lease){.id = *ret, .ttl = ttl};
    extend(st, l);
    return 0;
}

int sim_store_keep(struct sim_store *st, store_lease lease, struct err *err)
{
    struct lease *l = find(st, lease);
    int r;

    arm_other(st);
    r = store_lease_keep(st->mem, lease, err);
    if (r == 0 && l)
        extend(st, l);
    return r == STORE_NOT_FOUND && st->lies ? 0 : r;
}

int sim_store_revoke(struct sim_store *st, store_lease lease, struct err *err)
{
    struct lease *l = find(st, lease);
    int r;

    arm_other(st);
    r = store_lease_revoke(st->mem, lease, err);
    if (r == 0 && l)
        l->id = 0;
    return r;
}

mono_t sim_store_lease_end(const struct sim_store *st, store_lease lease)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (lease && st->lease[i].id == lease)
            return st->lease[i].ends;
    return (mono_t){0};
}

/* Whoever holds one now may think so for as long as it lasts, and who hears of its key by a watch
 * that is cut short reads again a second later. */
static void doubt_leases(struct sim_store *st)
{
    for (size_t i = 0; i < LEASES_MAX; i++) {
        mono_t until = mono_add(mono_add(st->sim->now, st->lease[i].ttl), REREAD);

        if (st->lease[i].id && mono_before(st->right, until))
            st->right = until;
    }
}

mono_t sim_store_leases_right(const struct sim_store *st)
{
    return st->lies ? (mono_t){INT64_MAX} : st->right;
}

void sim_store_lie(struct sim_store *st, bool lies)
{
    if (st->lies && !lies)
        st->right = mono_add(st->sim->now, LONGEST_LEASE);
    st->lies = lies;
}

void sim_store_end_leases(struct sim_store *st)
{
    doubt_leases(st);
    for (size_t i = 0; i < LEASES_MAX; i++) {
        if (st->lease[i].id)
            CHECK(store_lease_revoke(st->mem, st->lease[i].id, NULL) == 0);
        st->lease[i].id = 0;
    }
}

void sim_store_depose(struct sim_store *st)
{
    const struct store_op op = {STORE_DELETE, .key = STR(KEY_LEADER)};

    doubt_leases(st);
    CHECK(store_txn(st->mem, &(struct store_txn){.op = &op, .count = 1}, NULL, NULL) == 0);
}

void sim_store_stretch_leases(struct sim_store *st)
{
    for (size_t i = 0; i < LEASES_MAX; i++)
        if (st->lease[i].id && store_lease_keep(st->mem, st->lease[i].id, NULL) == 0)
            extend(st, &st->lease[i]);
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

dur_t sim_store_slowness(const struct sim_store *st)
{
    return st->slow;
}
