/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory behind a delay. A request is carried out at one instant on its way, by the
 * coordinator's own process: one that dies before has not written, one that dies after gets no
 * answer. (A store elsewhere would carry out what a dead coordinator sent; it has to be fenced.) */
#pragma once

#include "coordinator/core/core_update.h"
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

/* `r`, `err` as of store_txn(). */
typedef void (*sim_saved_fn)(struct sim *s, int r, store_rev rev, const struct err *err);
/* `list` is borrowed; NULL when r < 0. */
typedef void (*sim_loaded_fn)(struct sim *s, int r, const struct store_list *list,
                              const struct err *err);

struct sim_store *sim_store_new(struct sim *s);
struct sim_store *sim_store_free(struct sim_store *st); /* tolerates NULL; returns NULL */

/* Everything in `u` is copied. `boot`: of the coordinator that asks. */
void sim_store_save(struct sim_store *st, const struct core_update *u, uint64_t boot,
                    sim_saved_fn fn);
void sim_store_load(struct sim_store *st, uint64_t boot, sim_loaded_fn fn);

/* What the next transaction meets, or everything until SIM_STORE_WORKS. */
void sim_store_fail_once(struct sim_store *st, enum sim_store_fault f);
void sim_store_fail(struct sim_store *st, enum sim_store_fault f);
/* Every answer takes this much longer. */
void sim_store_slow(struct sim_store *st, dur_t more);

store_rev sim_store_rev(const struct sim_store *st);
