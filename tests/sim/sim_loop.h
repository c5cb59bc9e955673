/* SPDX-License-Identifier: Apache-2.0 */
/* common/loop/loop.h and timer.h in virtual time: what the driver uses of them, linked in place of
 * the real ones. One loop for each coordinator; it outlives its processes, of which each has clocks
 * of its own.
 *
 * A turn happens when something has arrived or a timer is due. While the process is stopped (as by
 * SIGSTOP) nothing runs, and after that everything at once. */
#pragma once

#include "common/loop/loop.h"
#include "tests/sim/sim.h"

/* Something that arrives at a process, embedded in what it brings. One of the two is called, and
 * the memory is its own again. */
struct sim_post {
    void (*run)(struct sim_post *p);
    void (*drop)(struct sim_post *p); /* the process has ended */
    /* private */
    struct sim_post *prev, *next;
};

/* `after_turn` may end the process. */
struct loop *sim_loop_new(struct sim *s, void (*after_turn)(void *ctx), void *ctx);
struct loop *sim_loop_free(struct loop *l); /* tolerates NULL; returns NULL */

/* A process begins; it ends when nobody has timers or deferred calls any more. */
void sim_loop_start(struct loop *l);
void sim_loop_end(struct loop *l);
/* From inside a turn: nothing more runs in it. */
void sim_loop_break(struct loop *l);
bool sim_loop_in_turn(const struct loop *l);
/* As in a turn of it, from its start on; NULL: outside again. */
void sim_loop_enter(struct loop *l);
/* The `ctx` of the loop that has its turn; NULL outside of all. */
void *sim_loop_current(void);

/* Everything that is due has been dealt with. */
bool sim_loop_has_looked(const struct loop *l);

void sim_loop_pause(struct loop *l, bool paused);
bool sim_loop_is_paused(const struct loop *l);
/* The wall clock of the machine is set. */
void sim_loop_jump(struct loop *l, dur_t by);

void sim_loop_post(struct loop *l, struct sim_post *p);
/* The process's clocks, now. */
mono_t sim_loop_mono(const struct loop *l);
wall_t sim_loop_wall(const struct loop *l);
