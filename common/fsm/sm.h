/* SPDX-License-Identifier: Apache-2.0 */
/* The one engine for all machines that are tables. Pure: no clock, no log, no allocation.
 *
 * A machine is data: states with the moves they allow, rows that say what an event does, and pairs
 * that are ignored on purpose. A pair (state, event) that is in neither table is a bug of the
 * table. tests/fsm/ runs sm_check() over every machine and compares what
 * sm_dump.h prints with the pages of docs/fsm.
 *
 * Use: row = sm_find_row(machine, state, event, facts, &found); carry out row->effects;
 *      sm_move(&sm, row, facts, now). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define SM_STAY       (-1) /* sm_row.to: the state stays, the effects happen */
#define SM_MAX_STATES 64   /* sm_state.next is a set of bits */
#define SM_RING       32

/* For `next` sets: SM_TO(A) | SM_TO(B). */
#define SM_TO(state) (UINT64_C(1) << (state))

enum sm_flag {
    SM_INITIAL = 1u << 0, /* a machine may begin here */
    SM_FINAL = 1u << 1, /* nothing further is expected; moves out of it are allowed all the same */
};

/* Indexed by the machine's enum. Names are stored and shown: append, never rename. */
struct sm_state {
    const char *name;
    const char
        *coarse;      /* the few words all machines share: "waiting", "running", "done", "failed" */
    uint64_t next;    /* SM_TO() of every allowed next state */
    unsigned flags;   /* enum sm_flag */
    const char *help; /* what is guaranteed here, one sentence */
};

/* A yes/no question about a small struct of booleans and enums. Pure. */
typedef bool (*sm_guard_fn)(const void *facts);

/* The first row of a pair whose guard holds wins; guard NULL always holds. */
struct sm_row {
    int state;
    int event;
    sm_guard_fn guard;
    const char *guard_name; /* for people; NULL exactly when guard is NULL */
    int to;                 /* or SM_STAY */
    uint32_t effects;       /* bits, named by sm_machine.effects */
    const char *why;        /* what the operator reads */
};

/* A pair that is legal and means nothing. */
struct sm_ignore {
    int state;
    int event;
    const char *why;
};

/* What must hold in `state`; false with *ret_why set to what does not. `facts` as given to
 * sm_move(). */
typedef bool (*sm_invariant_fn)(int state, const void *facts, const char **ret_why);

struct sm_machine {
    const char *name;
    const char *help; /* one sentence: what the machine keeps track of */
    const struct sm_state *states;
    unsigned state_count;
    const char *const *events; /* names, indexed by the machine's enum */
    unsigned event_count;
    const struct sm_row *rows;
    unsigned row_count;
    const struct sm_ignore *ignored;
    unsigned ignored_count;
    const char *const *effects; /* effects[i] names bit i */
    unsigned effect_count;
    sm_invariant_fn invariant; /* may be NULL */
};

enum sm_found {
    SM_FOUND,   /* a row applies */
    SM_HELD,    /* rows exist for the pair, no guard holds */
    SM_IGNORED, /* the pair is in the ignore table */
    SM_UNKNOWN, /* the pair is in neither table */
};

/* The row that applies, or NULL; *ret_found says which case it is (may be NULL). */
const struct sm_row *sm_find_row(const struct sm_machine *m, int state, int event,
                                 const void *facts, enum sm_found *ret_found);

/* Every row of a pair in order: the one after `previous` (NULL: the first), NULL at the end. */
const struct sm_row *sm_next_row(const struct sm_machine *m, int state, int event,
                                 const struct sm_row *previous);

/* The entry of the ignore table for a pair, or NULL. */
const struct sm_ignore *sm_find_ignore(const struct sm_machine *m, int state, int event);

/* One running machine. owner: whoever embeds it. */
struct sm_step {
    wall_t at;
    int from;
    int to;
    const struct sm_row *row; /* of the machine's table; */
};

struct sm {
    const struct sm_machine *machine; /* borrowed, static */
    int state;
    uint64_t moves; /* ever; ring[(moves - 1) % SM_RING] is the latest */
    struct sm_step ring[SM_RING];
};

/* Begin in `state`, as created (an initial state) or as loaded from the store (any). */
void sm_init(struct sm *sm, const struct sm_machine *m, int state);

/* Follow `row`, which sm_find_row() returned for this state: checks that the state table allows the
 * move, remembers it in the ring (SM_STAY is no move) and checks the invariant of the new state
 * with `facts` (NULL: not checked). A forbidden move or a broken invariant is a programming error
 * and aborts. */
void sm_move(struct sm *sm, const struct sm_row *row, const void *facts, wall_t at);

/* Find the row and follow it. The row, or NULL when nothing applies (*ret_found as
 * sm_find_row()). */
const struct sm_row *sm_step(struct sm *sm, int event, const void *facts, wall_t at,
                             enum sm_found *ret_found);

/* The n-th latest move (0: the latest), or NULL. */
const struct sm_step *sm_history(const struct sm *sm, unsigned n);

bool sm_allows(const struct sm_machine *m, int from, int to);
/* "?" when out of range. */
const char *sm_state_name(const struct sm_machine *m, int state);
const char *sm_event_name(const struct sm_machine *m, int event);

/* The state of that name. INVALID naming the machine for an unknown name: never a default. */
int sm_state_by_name(const struct sm_machine *m, struct str name, int *ret_state,
                     struct err *err) MUST_CHECK;
int sm_event_by_name(const struct sm_machine *m, struct str name, int *ret_event,
                     struct err *err) MUST_CHECK;

/* Everything that can be wrong with the tables alone: names unique, in shape, and the same through
 * name -> state -> name; every state reachable, each able to reach a final one if there is any;
 * each pair in exactly one of rows and ignores; no row after an unguarded one of its pair; rows use
 * allowed moves only and every allowed move has a row; effects are named. INTERNAL naming the first
 * fault. */
int sm_check(const struct sm_machine *m, struct err *err) MUST_CHECK;
