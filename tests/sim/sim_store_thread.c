/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_store_thread.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/store/store_list.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_store.h"

#define TIMEOUT dur_ms(2500) /* as store_etcd.h */
#define REFUSED dur_ms(1000) /* until a connection counts as refused */
#define LOOK    dur_ms(50)   /* while a partition holds something up */

enum kind { TXN, LOAD, LEASE, WATCH };
/* Leases and the watch do not wait for transactions. */
enum line { LINE_DATA, LINE_LEASE, LINE_WATCH, LINES };

/* One request. It belongs to the simulation, for its message may outlive whoever asked. */
struct request {
    struct sim_post post; /* the answer */
    struct sim *sim;
    struct store_thread *thread; /* NULL: nobody waits for it any more */
    struct sim_asker who;
    uint64_t number;
    enum kind kind;
    bool sent, answered;
    unsigned events; /* of the simulation that point here */

    struct store_op *op; /* TXN; owned, in one piece with what it points to */
    size_t count;
    char prefix[STORE_KEY_MAX + 1];
    enum store_lease_call lease_call;
    struct store_thread_lease lease;
    store_rev from; /* WATCH */
    unsigned watch;

    void *ctx;
    store_thread_txn_fn on_txn;
    store_thread_load_fn on_load;
    store_thread_lease_fn on_lease;
    int r;
    struct err err;
    store_rev rev;
    struct store_list list;
    struct request *prev, *next; /* all there are */
    struct request *line_prev, *line_next;
};

struct sim_requests {
    struct request *all; /* owned */
    uint64_t count;      /* so far */
    /* Of each coordinator's process the latest that was carried out. It fences off those before it:
     * what had an unknown outcome is done by then, or never (store_etcd.c). */
    struct sim_asker who[SIM_COORDS_MAX];
    uint64_t latest[SIM_COORDS_MAX];
};

struct store_thread {
    struct sim *sim;
    unsigned coord;
    uint64_t boot;
    struct loop *loop;
    struct request *line[LINES]; /* in order; the first of each is out */
    unsigned waiting;
    bool closing;

    /* The watch. */
    unsigned watch; /* which, counted */
    bool is_set;    /* somebody waits for changes */
    bool is_open;   /* and the store knows of it */
    char prefix[STORE_KEY_MAX + 1];
    store_rev told; /* all up to here is told, or on its way */
    mono_t due;     /* of the last that is on its way: order is kept */
    store_thread_watch_fn on_watch;
    void *watch_ctx;
};

/* ---- requests -------------------------------------------------------------------------------- */

struct sim_requests *sim_requests_new(void)
{
    return xnew(struct sim_requests);
}

static void request_free(struct request *q)
{
    DL_DELETE(q->sim->requests->all, q);
    store_list_deinit(&q->list);
    free(q->op);
    free(q);
}

struct sim_requests *sim_requests_free(struct sim_requests *r)
{
    if (!r)
        return NULL;
    while (r->all)
        request_free(r->all);
    free(r);
    return NULL;
}

/* Once nothing points to it. */
static void let_go(struct request *q)
{
    if (q->events == 0 && !q->thread && !q->answered)
        request_free(q);
}

static void later(struct request *q, dur_t d, sim_fn fn)
{
    q->events++;
    sim_after(q->sim, d, fn, q, 0);
}

static bool is_cut(const struct request *q)
{
    return sim_net_is_cut(q->sim->net, sim_host_coord(q->who.coord), SIM_HOST_STORE);
}

static dur_t way(struct request *q)
{
    return sim_delay(q->sim, q->sim->config.store);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void send_next(struct store_thread *t, enum line line);

static enum line line_of(const struct request *q)
{
    return q->kind == LEASE ? LINE_LEASE : q->kind == WATCH ? LINE_WATCH : LINE_DATA;
}

static void leave_line(struct request *q)
{
    struct store_thread *t = q->thread;

    DL_DELETE2(t->line[line_of(q)], q, line_prev, line_next);
    t->waiting--;
    q->thread = NULL;
}

static void end_watch(struct store_thread *t, int r, const struct err *err)
{
    t->is_open = false;
    if (!t->is_set)
        return;
    t->is_set = false;
    t->on_watch(t->watch_ctx, r, NULL, err);
}

static void tell_caller(struct store_thread *t, struct request *q)
{
    const struct err *err = q->r < 0 ? &q->err : NULL;

    switch (q->kind) {
    case TXN:
        q->on_txn(q->ctx, q->r, q->rev, err);
        break;
    case LOAD:
        q->on_load(q->ctx, q->r, &q->list, err);
        break;
    case LEASE:
        q->on_lease(q->ctx, q->r, q->lease.lease, err);
        break;
    case WATCH:
        if (q->r != 0 && t->watch == q->watch)
            end_watch(t, q->r, err);
        break;
    }
}

/* On the loop. */
static void run_answer(struct sim_post *p)
{
    struct request *q = container_of(p, struct request, post);
    struct store_thread *t = q->thread;

    leave_line(q);
    send_next(t, line_of(q));
    tell_caller(t, q);
    q->answered = false;
    let_go(q);
}

static void drop_answer(struct sim_post *p)
{
    struct request *q = container_of(p, struct request, post);

    q->answered = false;
    let_go(q);
}

static void answer(struct request *q)
{
    q->answered = true;
    q->post = (struct sim_post){.run = run_answer, .drop = drop_answer};
    sim_loop_post(q->thread->loop, &q->post);
}

static void come_back(struct sim *s UNUSED, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;

    q->events--;
    if (!q->thread || q->answered)
        let_go(q);
    else if (is_cut(q))
        later(q, LOOK, come_back);
    else
        answer(q);
}

/* The client's patience is over. The message is under way, or was lost, or its answer was. */
static void time_out(struct sim *s UNUSED, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;

    q->events--;
    if (!q->thread || q->answered) {
        let_go(q);
        return;
    }
    q->rev = 0;
    store_list_deinit(&q->list);
    q->r = err_set(&q->err, q->kind == TXN ? ERR_UNKNOWN_OUTCOME : ERR_UNAVAILABLE,
                   "the store does not answer");
    answer(q);
}

static void refuse(struct sim *s UNUSED, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;

    q->events--;
    if (!q->thread) {
        let_go(q);
        return;
    }
    q->r = err_set(&q->err, ERR_UNAVAILABLE, "the store cannot be reached");
    answer(q);
}

/* ---- at the store ---------------------------------------------------------------------------- */

static void do_lease(struct sim_store *st, struct request *q)
{
    switch (q->lease_call) {
    case STORE_LEASE_GRANT:
        q->r = sim_store_grant(st, q->lease.ttl, &q->lease.lease, &q->err);
        break;
    case STORE_LEASE_KEEP:
        q->r = sim_store_keep(st, q->lease.lease, &q->err);
        break;
    case STORE_LEASE_REVOKE:
        q->r = sim_store_revoke(st, q->lease.lease, &q->err);
        break;
    }
}

static void tell_changes(struct store_thread *t);

/* As store_changes_watch(). */
static void do_watch(struct sim_store *st, struct request *q)
{
    struct store_thread *t = q->thread;

    if (!t || t->watch != q->watch)
        return;
    if (q->from < sim_store_known_after(st) || q->from > sim_store_rev(st)) {
        q->r = STORE_COMPACTED;
        return;
    }
    t->is_open = true;
    t->told = q->from;
    tell_changes(t);
}

/* A later one of the same process came first. */
static bool is_fenced_off(const struct request *q)
{
    const struct sim_requests *all = q->sim->requests;
    unsigned coord = q->who.coord;

    if (q->sim->config.no_leases)
        return true; /* the store is in the process */
    return line_of(q) == LINE_DATA && all->who[coord].boot == q->who.boot &&
           all->latest[coord] > q->number;
}

static void note_carried_out(const struct request *q)
{
    struct sim_requests *all = q->sim->requests;

    if (line_of(q) != LINE_DATA)
        return;
    all->who[q->who.coord] = q->who;
    all->latest[q->who.coord] = q->number;
}

static void carry_out(struct request *q)
{
    struct store_txn txn = {.op = q->op, .count = q->count, .lease = q->lease.lease};
    struct sim_store *st = q->sim->store;
    int r = 0;

    note_carried_out(q);
    switch (q->kind) {
    case TXN:
        r = sim_store_txn(st, q->who, &txn, &q->rev, &q->err);
        break;
    case LOAD:
        r = sim_store_list(st, str_of(q->prefix), &q->list, &q->err);
        break;
    case LEASE:
        do_lease(st, q);
        r = q->r;
        break;
    case WATCH:
        do_watch(st, q);
        r = q->r;
        break;
    }
    q->r = r;
}

static void arrive(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;

    q->events--;
    if (is_cut(q)) {
        later(q, LOOK, arrive);
        return;
    }
    /* Who gave up has closed the connection: what was still in it gets through, or does not. */
    if ((!q->thread || q->answered) && (is_fenced_off(q) || sim_chance(s, 2))) {
        let_go(q);
        return;
    }
    if (!q->thread || q->answered) {
        if (q->kind == TXN)
            sim_say(s, "store", "hears late from %s", sim_coord_name(s->coord[q->who.coord])->s);
        struct request late = *q;

        carry_out(&late);
        store_list_deinit(&late.list);
        let_go(q);
        return;
    }
    q->events++; /* the crash must not free it */
    carry_out(q);
    if (q->kind == TXN)
        (void)sim_coord_crash_point(s->coord[q->who.coord], SIM_CRASH_STORED);
    q->events--;
    later(q, way(q), come_back);
}

/* ---- in line --------------------------------------------------------------------------------- */

/* From the loop's thread to the store's, where a stop of the process may catch it. */
static void leave(struct sim *s, void *who, uint64_t arg UNUSED)
{
    struct request *q = who;

    q->events--;
    if (!q->thread) {
        let_go(q);
        return;
    }
    if (sim_loop_is_paused(q->thread->loop) || q->sent)
        return;
    q->sent = true;
    if (is_cut(q) && sim_chance(s, 2)) {
        later(q, REFUSED, refuse);
        return;
    }
    later(q, dur_ns(way(q).ns + sim_store_slowness(s->store).ns), arrive);
    later(q, TIMEOUT, time_out);
}

static void send_next(struct store_thread *t, enum line line)
{
    struct request *q = t->line[line];

    if (q && !q->sent && q->events == 0)
        later(q, dur_ns(0), leave);
}

void sim_store_thread_resume(struct store_thread *t)
{
    for (unsigned i = 0; i < LINES; i++)
        send_next(t, (enum line)i);
    tell_changes(t);
}

bool sim_store_thread_is_idle(const struct store_thread *t)
{
    return !t->line[LINE_DATA];
}

static int submit(struct store_thread *t, struct request *q, struct err *err)
{
    if (t->closing || t->waiting >= STORE_THREAD_CALLS_MAX) {
        free(q->op);
        free(q);
        return err_set(err, t->closing ? ERR_CANCELLED : ERR_EXHAUSTED,
                       t->closing ? "the store is being closed"
                                  : "too much waits for the store: its disk is slow");
    }
    q->sim = t->sim;
    q->thread = t;
    q->who = (struct sim_asker){t->coord, t->boot};
    q->number = ++t->sim->requests->count;
    DL_APPEND(t->sim->requests->all, q);
    DL_APPEND2(t->line[line_of(q)], q, line_prev, line_next);
    t->waiting++;
    send_next(t, line_of(q));
    return 0;
}

/* ---- the contract ---------------------------------------------------------------------------- */

const char *store_thread_incarnation(const struct store_thread *t UNUSED)
{
    return SIM_INCARNATION;
}

int store_thread_load(struct store_thread *t, struct str prefix, store_thread_load_fn fn, void *ctx,
                      struct err *err)
{
    struct request *q;
    int r = store_prefix_check(prefix, err);

    if (r < 0)
        return r;
    q = xnew(struct request);
    q->kind = LOAD;
    q->on_load = fn;
    q->ctx = ctx;
    CHECK(str_copy(prefix, q->prefix, sizeof q->prefix));
    return submit(t, q, err);
}

static struct str move_text(struct str s, char **at)
{
    struct str moved = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return moved;
}

static void copy_ops(struct request *q, const struct store_txn *txn)
{
    size_t bytes = txn->count * sizeof *txn->op + 1;
    char *at;

    for (size_t i = 0; i < txn->count; i++)
        bytes += txn->op[i].key.n + txn->op[i].value.n;
    q->op = xalloc(bytes);
    q->count = txn->count;
    at = (char *)(q->op + txn->count);
    for (size_t i = 0; i < txn->count; i++) {
        q->op[i] = txn->op[i];
        q->op[i].key = move_text(txn->op[i].key, &at);
        q->op[i].value = move_text(txn->op[i].value, &at);
    }
}

int store_thread_txn(struct store_thread *t, const struct store_txn *txn, store_thread_txn_fn fn,
                     void *ctx, struct err *err)
{
    struct request *q;
    int r = store_txn_check(txn, err);

    if (r < 0)
        return r;
    q = xnew(struct request);
    q->kind = TXN;
    q->on_txn = fn;
    q->ctx = ctx;
    q->lease.lease = txn->lease;
    copy_ops(q, txn);
    r = submit(t, q, err);
    if (r == 0 && sim_coord_crash_point(t->sim->coord[t->coord], SIM_CRASH_SENT) && !q->sent) {
        q->sent = true;
        later(q, way(q), arrive);
    }
    return r;
}

int store_thread_lease(struct store_thread *t, enum store_lease_call what,
                       const struct store_thread_lease *lease, store_thread_lease_fn fn, void *ctx,
                       struct err *err)
{
    struct request *q = xnew(struct request);

    q->kind = LEASE;
    q->lease_call = what;
    q->lease = *lease;
    q->on_lease = fn;
    q->ctx = ctx;
    return submit(t, q, err);
}

int store_thread_watch(struct store_thread *t, struct str prefix, store_rev from,
                       store_thread_watch_fn fn, void *ctx, struct err *err)
{
    struct request *q;
    int r = store_prefix_check(prefix, err);

    if (r < 0)
        return r;
    q = xnew(struct request);
    q->kind = WATCH;
    q->from = from;
    q->watch = t->watch + 1;
    r = submit(t, q, err);
    if (r < 0)
        return r;
    t->watch++;
    t->is_set = true;
    t->is_open = false;
    t->on_watch = fn;
    t->watch_ctx = ctx;
    CHECK(str_copy(prefix, t->prefix, sizeof t->prefix));
    return 0;
}

/* ---- the watch ------------------------------------------------------------------------------- */

/* One call of the watch, on its way to the loop. */
struct told {
    struct sim_post post;
    struct store_thread *thread;
    unsigned watch;
    int r;
    struct err err;
    struct store_list changes; /* owned */
};

static void told_free(struct told *m)
{
    store_list_deinit(&m->changes);
    free(m);
}

static void run_told(struct sim_post *p)
{
    struct told *m = container_of(p, struct told, post);
    struct store_thread *t = m->thread;

    if (m->watch == t->watch && t->is_set) {
        if (m->r == 0)
            t->on_watch(t->watch_ctx, 0, &m->changes, NULL);
        else
            end_watch(t, m->r, m->r < 0 ? &m->err : NULL);
    }
    told_free(m);
}

static void drop_told(struct sim_post *p)
{
    told_free(container_of(p, struct told, post));
}

static struct told *new_told(struct store_thread *t, store_rev rev)
{
    struct told *m = xnew(struct told);

    m->post = (struct sim_post){.run = run_told, .drop = drop_told};
    m->thread = t;
    m->watch = t->watch;
    m->changes.rev = rev;
    return m;
}

static void hand_over(struct store_thread *t, struct told *m)
{
    if (m->changes.count > 0 || m->r != 0)
        sim_loop_post(t->loop, &m->post);
    else
        told_free(m);
}

/* The changes of (from, to] in one call: the latest of each key. */
static struct told *gather(struct store_thread *t, store_rev from, store_rev to)
{
    struct told *m = new_told(t, to);

    for (store_rev rev = from + 1; rev <= to; rev++) {
        const struct store_list *c = sim_store_change(t->sim->store, rev);

        for (size_t i = 0; i < c->count; i++) {
            const struct store_kv *kv = &c->item[i];
            struct str value = {kv->value, kv->value_len};

            if (str_starts(str_of(kv->key), str_of(t->prefix)))
                store_list_put(&m->changes, str_of(kv->key), kv->value ? &value : NULL, kv->rev);
        }
    }
    return m;
}

static void lose_watch(struct store_thread *t)
{
    struct told *m = new_told(t, 0);

    t->is_open = false;
    if (sim_chance(t->sim, 2))
        m->r = STORE_COMPACTED;
    else
        m->r = err_set(&m->err, ERR_UNAVAILABLE, "the watch was cut short");
    hand_over(t, m);
}

/* What happens to a watch, beside being told in order and once. */
static bool goes_wrong(struct store_thread *t, store_rev rev)
{
    unsigned n = t->sim->watch_faults;

    if (n == 0 || !sim_chance(t->sim, n))
        return false;
    switch (sim_below(t->sim, 3)) {
    case 0: /* again */
        hand_over(t, gather(t, rev - 1, rev));
        return false;
    case 1: /* something that was told long ago */
        rev = 1 + sim_below(t->sim, rev);
        hand_over(t, gather(t, rev - 1, rev));
        return false;
    default:
        lose_watch(t);
        return true;
    }
}

static void deliver(struct sim *s, void *who, uint64_t boot)
{
    struct sim_coord *c = who;
    struct store_thread *t = sim_coord_store(c);
    store_rev to = sim_store_rev(s->store);

    if (sim_coord_boot(c) != boot || !t->is_open || sim_loop_is_paused(t->loop))
        return; /* the process comes back to it */
    if (mono_before(s->now, t->due))
        return; /* a later one comes */
    if (sim_net_is_cut(s->net, sim_host_coord(t->coord), SIM_HOST_STORE)) {
        t->due = mono_add(s->now, LOOK);
        sim_after(s, LOOK, deliver, c, boot);
        return;
    }
    if (t->told < sim_store_known_after(s->store)) {
        lose_watch(t);
        return;
    }
    if (to > t->told + 1 && sim_chance(s, 4)) { /* the stream broke: in one piece */
        hand_over(t, gather(t, t->told, to));
        t->told = to;
    }
    while (t->told < to) {
        t->told++;
        hand_over(t, gather(t, t->told - 1, t->told));
        if (goes_wrong(t, t->told))
            return;
    }
}

static void tell_changes(struct store_thread *t)
{
    struct sim *s = t->sim;
    mono_t due = mono_add(s->now, sim_delay(s, s->config.store));

    if (!t->is_open)
        return;
    if (s->watch_faults && sim_chance(s, 8))
        due = mono_add(due, dur_ms((int64_t)sim_below(s, 2000)));
    if (mono_before(t->due, due))
        t->due = due;
    sim_after(s, mono_sub(t->due, s->now), deliver, s->coord[t->coord], t->boot);
}

void sim_store_threads_tell(struct sim *s)
{
    for (unsigned i = 0; i < s->config.coordinators; i++) {
        struct store_thread *t = sim_coord_store(s->coord[i]);

        if (t)
            tell_changes(t);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct store_thread *sim_store_thread_new(struct sim *s, unsigned coord, uint64_t boot,
                                          struct loop *l)
{
    struct store_thread *t = xnew(struct store_thread);

    t->sim = s;
    t->coord = coord;
    t->boot = boot;
    t->loop = l;
    return t;
}

/* Its function is called all the same, so that what belongs to it can go. */
static void cancel(struct store_thread *t, struct request *q)
{
    leave_line(q);
    q->r = err_set(&q->err, ERR_CANCELLED, "the store is being closed");
    q->rev = 0;
    tell_caller(t, q);
    let_go(q);
}

struct store_thread *sim_store_thread_end(struct store_thread *t)
{
    if (!t)
        return NULL;
    t->closing = true;
    t->is_set = false;
    for (unsigned i = 0; i < LINES; i++)
        while (t->line[i])
            cancel(t, t->line[i]);
    free(t);
    return NULL;
}
