/* SPDX-License-Identifier: Apache-2.0 */
/* The store, which all coordinators share and which outlives them: the store in memory on the
 * simulation's clock, with its faults and the log of all that ever changed in it. How a coordinator
 * gets there is in sim_store_thread.h. */
#pragma once

#include "coordinator/store/store_mem.h"
#include "tests/sim/sim.h"

enum sim_store_fault {
    SIM_STORE_WORKS,
    SIM_STORE_FULL,         /* EXHAUSTED */
    SIM_STORE_AWAY,         /* UNAVAILABLE */
    SIM_STORE_LOSES_ANSWER, /* UNKNOWN_OUTCOME, written */
    SIM_STORE_LOSES_TXN,    /* UNKNOWN_OUTCOME, not written */
    SIM_STORE_CONFLICTS,    /* a compare does not hold */
};

/* The process that asks. */
struct sim_asker {
    unsigned coord;
    uint64_t boot;
};

struct sim_store *sim_store_new(struct sim *s);
struct sim_store *sim_store_free(struct sim_store *st); /* tolerates NULL; returns NULL */

/* A request arrives and is carried out, or meets a fault; as store_txn() and its kin. */
int sim_store_txn(struct sim_store *st, struct sim_asker who, const struct store_txn *txn,
                  store_rev *ret_rev, struct err *err) MUST_CHECK;
int sim_store_list(struct sim_store *st, struct str prefix, struct store_list *ret,
                   struct err *err) MUST_CHECK;
int sim_store_grant(struct sim_store *st, dur_t ttl, store_lease *ret, struct err *err) MUST_CHECK;
int sim_store_keep(struct sim_store *st, store_lease lease, struct err *err) MUST_CHECK;
int sim_store_revoke(struct sim_store *st, store_lease lease, struct err *err) MUST_CHECK;

/* What the next transaction meets, or everything until SIM_STORE_WORKS. */
void sim_store_fail_once(struct sim_store *st, enum sim_store_fault f);
void sim_store_fail(struct sim_store *st, enum sim_store_fault f);
/* Every answer takes this much longer. */
void sim_store_slow(struct sim_store *st, dur_t more);
dur_t sim_store_slowness(const struct sim_store *st);
/* To keep a lease that has ended is said to work, as etcd 3.4 does. */
void sim_store_lie(struct sim_store *st, bool lies);
/* A store's leader of old ends every lease before its time, or a new one gives all of them more. */
void sim_store_end_leases(struct sim_store *st);
void sim_store_stretch_leases(struct sim_store *st);
/* From when on everybody can trust a lease that was granted or kept. */
mono_t sim_store_leases_right(const struct sim_store *st);
/* Somebody deletes the leader key by hand. */
void sim_store_depose(struct sim_store *st);
/* Changes up to now are known to no watch any more. */
void sim_store_compact(struct sim_store *st);

store_rev sim_store_rev(const struct sim_store *st);
/* Changes after this one can be told. */
store_rev sim_store_known_after(const struct sim_store *st);
/* What made revision `rev`, from 1 to sim_store_rev(). */
const struct store_list *sim_store_change(const struct sim_store *st, store_rev rev);
/* When the lease ends if nobody keeps it, for checks; 0: it has ended. */
mono_t sim_store_lease_end(const struct sim_store *st, store_lease lease);
