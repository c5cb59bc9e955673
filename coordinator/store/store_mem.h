/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory (store_mem_new() in store.h), for tests and the simulator: what they may do
 * to it beyond the contract. To play a coordinator's restart, keep the store and restart the rest.
 * Unlike other back ends it may be used by any thread at any time: a test has a hand of its own in
 * it. The incarnation is random; a simulation that must repeat itself writes its own over it. */
#pragma once

#include "common/base/clock.h"
#include "coordinator/store/store.h"

/* The clock that leases end by; the system's when nothing else is said. Leases end when an
 * operation looks: store_poll() is one. */
void store_mem_set_clock(struct store *s, struct clock *clock);

/* Fail once with `code`: the operation (get, list or transaction) after `n` more have gone through.
 * `written`: a transaction takes effect first, as when a commit was done and its answer got lost;
 * goes with UNKNOWN_OUTCOME only. Calling again replaces what was set. */
void store_mem_fail_after(struct store *s, unsigned n, enum err_code code, bool written);
/* The same for the next transaction that writes a key below `prefix` (borrowed until then),
 * whatever the store's user does before it: keeping its lease, say. */
void store_mem_fail_write(struct store *s, const char *prefix, enum err_code code, bool written);
/* Whether that failure is still to come: false ends a sweep over all operations. */
bool store_mem_fault_pending(struct store *s);
