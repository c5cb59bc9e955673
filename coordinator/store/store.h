/* SPDX-License-Identifier: Apache-2.0 */
/* The store contract: a small, ordered, versioned key space with transactions and watches. Memory,
 * SQLite and etcd behind it; one test suite (tests/store) holds every back end to these words.
 *
 * Keys are UTF-8 text under STORE_ROOT without control characters, values are bytes (JSON text, by
 * convention of the callers). The store has one revision: it rises with every committed transaction
 * that changes something, and our other calls leave it alone. Alone in its store, a back end counts
 * from 0 in steps of one; etcd's revision is shared with all that others keep there, and starts
 * anywhere. A put is a change even when the value is the same; a delete of a key that does not
 * exist is none. A key's revision is that of its last put.
 *
 * A back end blocks, and is used by one thread at a time: the store thread (store_thread.h). One
 * with ops->apart has leases, and the watch with store_poll(), used by further threads meanwhile:
 * neither waits for a transaction that hangs.
 * Persist, then act: a transaction that returned 0 survives the loss of the process and, in a back
 * end with a disk, of the machine. */
#pragma once

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define STORE_ROOT      "/switchyard/v1/"
#define STORE_META      STORE_ROOT "meta/" /* the back ends' own: refused and never shown */
#define STORE_KEY_MAX   256u
#define STORE_VALUE_MAX (1u << 20)
/* An emergency for every migration; etcd must be told with --max-txn-ops=4096. */
#define STORE_OPS_MAX 3072u
/* Keys and values of one transaction together: fits a request to etcd with its default settings. */
#define STORE_TXN_BYTES_MAX (STORE_VALUE_MAX + (256u << 10))

typedef uint64_t store_rev;   /* 0: never */
typedef uint64_t store_lease; /* 0: none */

/* Positive outcomes. */
enum store_outcome {
    STORE_NOT_FOUND = 1, /* get: no such key */
    STORE_CONFLICT,      /* txn: a compare did not hold; nothing was written */
    STORE_COMPACTED,     /* watch: the changes asked for are no longer known; read, then watch */
};

struct store_kv {
    char *key;   /* owned by the list */
    char *value; /* owned by the list, followed by a NUL that does not count; NULL in a watch event
                    that tells of a deletion */
    size_t value_len;
    store_rev rev;
};

struct store_list {
    struct store_kv *item; /* ordered by the bytes of the key */
    size_t count;
    store_rev rev; /* of the store when it was read: one consistent view */
};

enum store_op_kind {
    STORE_COMPARE, /* key's revision == rev; 0: must not exist */
    STORE_PUT,
    STORE_DELETE, /* of a key that need not exist */
};

struct store_op {
    enum store_op_kind kind;
    struct str key;
    struct str value; /* puts only */
    store_rev rev;    /* compares only */
};

/* At most STORE_OPS_MAX operations. All compares stand before the first put or delete, and see the
 * state before it; no key is written twice. With nothing to write it is a read of the revision. */
struct store_txn {
    const struct store_op *op; /* borrowed */
    size_t count;
    store_lease lease; /* the keys that are put go when it ends; 0: they stay */
};

/* Told of each committed change under the prefix and after `from`: in order, once, one call per
 * transaction, with changes->rev its revision. After a gap (the connection broke, the changes were
 * forgotten) one call may tell what several transactions did: the latest of each key, with its own
 * revision, and changes->rev that of the store; that one may repeat the call's before it, but never
 * falls. `changes` is borrowed. Store thread, from inside a call; must not call the store. */
typedef void (*store_watch_fn)(void *ctx, const struct store_list *changes);

struct store;

/* What a back end provides: arguments have been checked, results start zeroed, `err` is not
 * NULL. */
struct store_ops {
    const char *name;
    bool apart; /* the watch, and leases, may each have a thread of their own */
    int (*get)(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
               struct err *err);
    int (*list)(struct store *s, struct str prefix, struct store_list *ret, struct err *err);
    int (*txn)(struct store *s, const struct store_txn *txn, store_rev *ret_rev, struct err *err);
    int (*watch)(struct store *s, struct str prefix, store_rev from, store_watch_fn fn, void *ctx,
                 struct err *err);
    /* All three, or none: NULL. */
    int (*lease_grant)(struct store *s, dur_t ttl, store_lease *ret, struct err *err);
    int (*lease_keep)(struct store *s, store_lease lease, struct err *err);
    int (*lease_revoke)(struct store *s, store_lease lease, struct err *err);
    int (*poll)(struct store *s, dur_t wait, struct err *err); /* NULL: nothing ever to tell */
    void (*free)(struct store *s);
};

#define STORE_INCARNATION_SIZE 40

struct store {
    const struct store_ops *ops;
    char incarnation[STORE_INCARNATION_SIZE]; /* random, made with the store, changed by a restore:
                                                 revisions of two incarnations do not compare */
    void (*on_news)(void *ctx);               /* see store_on_news() */
    void *on_news_ctx;
};

/* Append the value and set its revision (`ret_rev` may be NULL). STORE_NOT_FOUND with nothing
 * appended; EXHAUSTED when the value does not fit into `value`. */
int store_get(struct store *s, struct str key, struct buf *value, store_rev *ret_rev,
              struct err *err) MUST_CHECK;
/* Every key that starts with `prefix` (STORE_ROOT or longer), as one consistent view. Free with
 * store_list_deinit(). */
int store_list(struct store *s, struct str prefix, struct store_list *ret,
               struct err *err) MUST_CHECK;
/* All or nothing. Sets the store's revision after it. STORE_CONFLICT, or <0: INVALID for keys and
 * sizes outside the limits, EXHAUSTED (disk full), DENIED (read-only), CORRUPT, UNKNOWN_OUTCOME (it
 * may or may not have been written: read before trying again), NOT_FOUND (the lease has ended).
 * After every code but UNKNOWN_OUTCOME, nothing was written. */
int store_txn(struct store *s, const struct store_txn *txn, store_rev *ret_rev,
              struct err *err) MUST_CHECK;
/* One watch per store; another one takes its place. Known changes may be told before the return.
 * STORE_COMPACTED when changes after `from` are forgotten or `from` is not a revision of this
 * store; the watch before it then stands. A watch is a hint: readers compare revisions. */
int store_watch(struct store *s, struct str prefix, store_rev from, store_watch_fn fn, void *ctx,
                struct err *err) MUST_CHECK;
/* A lease ends `ttl` after it was granted or kept last, by the store's clock, or when it is
 * revoked; then its keys are deleted, which is a change like another. To campaign: a transaction
 * with a lease that compares a key with 0 and puts it. Who holds the key compares its revision in
 * every transaction: that a lease was kept proves nothing (etcd 3.4 has said so of leases that were
 * gone), so who leads also stops in time by a clock of its own. UNSUPPORTED by a store that one
 * process has for itself (SQLite): it leads as long as it holds it.
 *
 * Whole seconds, of which etcd makes 2 at least; INVALID below one. */
#define STORE_LEASE_MAX_S 3600
int store_lease_grant(struct store *s, dur_t ttl, store_lease *ret, struct err *err) MUST_CHECK;
/* STORE_NOT_FOUND when it has ended. */
int store_lease_keep(struct store *s, store_lease lease, struct err *err) MUST_CHECK;
/* Also fine when it has ended. */
int store_lease_revoke(struct store *s, store_lease lease, struct err *err) MUST_CHECK;

/* Where others write too, their changes (and then ours, too) arrive by themselves and are told in
 * this call: all that have arrived, after waiting up to `wait` for the first. */
int store_poll(struct store *s, dur_t wait, struct err *err) MUST_CHECK;
/* Have `fn` called when there is something to poll for: from any thread, quickly. Before
 * store_watch(). */
void store_on_news(struct store *s, void (*fn)(void *ctx), void *ctx);
struct store *store_free(struct store *s); /* tolerates NULL; returns NULL */
static inline void store_freep(struct store **s)
{
    store_free(*s);
}

/* What store_list() and store_txn() refuse as INVALID, without a store: for callers that queue. */
int store_prefix_check(struct str prefix, struct err *err) MUST_CHECK;
int store_txn_check(const struct store_txn *txn, struct err *err) MUST_CHECK;

void store_list_deinit(struct store_list *l);

/* Back ends. The SQLite one makes the file (mode 0600) and its folder; refuses a file that is not
 * its own (REFUSED), is damaged (CORRUPT), is in use by another coordinator (UNAVAILABLE), cannot
 * be written (DENIED), or was written by a newer version (UNSUPPORTED), each by name and with what
 * to do. It holds the file alone until store_free(). The one in etcd is in store_etcd.h. */
int store_mem_new(struct store **ret, struct err *err) MUST_CHECK;
int store_sqlite_open(const char *path, struct store **ret, struct err *err) MUST_CHECK;
/* Give a store that was put back from a copy an incarnation of its own, so that nodes which have
 * seen later revisions take what it says. Opens and closes the file. */
int store_sqlite_renew(const char *path, struct err *err) MUST_CHECK;
