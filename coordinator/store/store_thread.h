/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a store's blocking calls on a thread of its own, in the order they are asked for; results
 * come back on the loop. So a transaction sees all before it, and a load that is asked for after a
 * transaction shows it. Where the back end allows it (ops->apart) the watch stands in a line of its
 * own, and so do leases: a lease is kept in time while a transaction waits for a member that hangs.
 * owner: the loop's thread; all functions are called there.
 *
 * Each call either fails now (<0) and its function is never called, or returns 0 and the function
 * is called exactly once, later. */
#pragma once

#include "common/loop/loop.h"
#include "coordinator/store/store.h"

#define STORE_THREAD_CALLS_MAX 256u
#define STORE_THREAD_BYTES_MAX (32u << 20) /* of waiting transactions */
/* Changes that wait to be told to a watch. */
#define STORE_THREAD_CHANGES_MAX 128u

struct store_thread;

/* `r`: 0 with the store's revision after it, STORE_CONFLICT, or <0 with *err, as store_txn(). */
typedef void (*store_thread_txn_fn)(void *ctx, int r, store_rev rev, const struct err *err);
/* `r`: 0 with the list, or <0 with *err. The list is borrowed; to keep it, copy the struct and
 * leave a zeroed one behind. */
typedef void (*store_thread_load_fn)(void *ctx, int r, struct store_list *list,
                                     const struct err *err);

/* `r`: 0 with changes as store_watch() tells them, borrowed. STORE_COMPACTED: some were lost, load
 * and watch again; or <0 with *err: there is no watch. After these nothing more is told. */
typedef void (*store_thread_watch_fn)(void *ctx, int r, const struct store_list *changes,
                                      const struct err *err);

/* `r` as store_lease_grant() and its kin; the lease that was granted, or asked about. */
typedef void (*store_thread_lease_fn)(void *ctx, int r, store_lease lease, const struct err *err);

/* Takes `s` over on success. */
int store_thread_new(struct loop *l, struct store *s, struct store_thread **ret,
                     struct err *err) MUST_CHECK;
/* Carry out what was asked for (its functions are called before the return; what they ask for is
 * refused as CANCELLED), end the thread, close the store. Tolerates NULL; returns NULL. */
struct store_thread *store_thread_free(struct store_thread *t);
static inline void store_thread_freep(struct store_thread **t)
{
    store_thread_free(*t);
}

/* The store's incarnation. Borrowed. */
const char *store_thread_incarnation(const struct store_thread *t);

/* store_list(). INVALID or EXHAUSTED (too many calls wait) now. */
int store_thread_load(struct store_thread *t, struct str prefix, store_thread_load_fn fn, void *ctx,
                      struct err *err) MUST_CHECK;
/* store_txn(); `txn` and what it points to are copied. INVALID or EXHAUSTED now. */
int store_thread_txn(struct store_thread *t, const struct store_txn *txn, store_thread_txn_fn fn,
                     void *ctx, struct err *err) MUST_CHECK;
/* store_watch(), whoever makes the changes: another coordinator on the same etcd, or we. The
 * changes of a transaction of ours may be told before or after its answer. Another watch takes its
 * place at once. INVALID or EXHAUSTED now. */
int store_thread_watch(struct store_thread *t, struct str prefix, store_rev from,
                       store_thread_watch_fn fn, void *ctx, struct err *err) MUST_CHECK;

enum store_lease_call { STORE_LEASE_GRANT, STORE_LEASE_KEEP, STORE_LEASE_REVOKE };
struct store_thread_lease {
    store_lease lease; /* to keep or revoke */
    dur_t ttl;         /* to grant */
};
/* In line behind other leases, and where the back end does not take them apart behind all that was
 * asked for before: who must keep one in time looks at the clock when it is answered. EXHAUSTED
 * now. */
int store_thread_lease(struct store_thread *t, enum store_lease_call what,
                       const struct store_thread_lease *lease, store_thread_lease_fn fn, void *ctx,
                       struct err *err) MUST_CHECK;
