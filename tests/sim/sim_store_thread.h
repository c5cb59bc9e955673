/* SPDX-License-Identifier: Apache-2.0 */
/* coordinator/store/store_thread.h in virtual time: one coordinator's way to the shared store,
 * linked in place of the real one.
 *
 *   asked for ─► in line ─► sent ─► carried out ─► answered
 *
 * Of each line one request is out at a time, as with threads that block. What was sent is no longer
 * the process's own: it arrives, or not, when the process is dead, stopped, cut off or out of
 * patience. A transaction without an answer within the store's time-out has an unknown outcome, and
 * may still arrive after that. Changes come beside all this, over a stream of their own. */
#pragma once

#include "coordinator/store/store_thread.h"
#include "tests/sim/sim.h"

/* Of a process of coordinator `coord`. */
struct store_thread *sim_store_thread_new(struct sim *s, unsigned coord, uint64_t boot,
                                          struct loop *l);
/* The process has ended: what was sent goes on without it. Tolerates NULL; returns NULL. */
struct store_thread *sim_store_thread_end(struct store_thread *t);
/* The process goes on after a stop. */
void sim_store_thread_resume(struct store_thread *t);
/* No request waits or is out. */
bool sim_store_thread_is_idle(const struct store_thread *t);

/* From the store: something has changed. */
void sim_store_threads_tell(struct sim *s);
/* At the end of the simulation: requests that nobody waits for. */
struct sim_requests;
struct sim_requests *sim_requests_new(void);
struct sim_requests *sim_requests_free(struct sim_requests *r); /* tolerates NULL; returns NULL */
