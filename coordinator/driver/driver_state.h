/* SPDX-License-Identifier: Apache-2.0 */
/* The driver from inside, shared by the files driver*.c:
 *
 *   driver.c           the contract, the pump: which event is next
 *   driver_step.c      one step: decide, save, carry out, or give up
 *   driver_load.c      reading the store, at the start and again
 *   driver_watch.c     what others wrote
 *   driver_lead.c      the election's effects: own key, leader key, acting
 *   driver_lease.c     and its lease
 *   driver_members.c   who else is there, and who leads
 *   driver_publish.c   what nodes must serve, in the fleet's words
 *   driver_unstored.c  emergency orders while the store does not answer
 *   driver_restore.c   a backup is put back */
#pragma once

#include "common/base/backoff.h"
#include "common/loop/timer.h"
#include "coordinator/driver/driver.h"
#include "coordinator/driver/event_queue.h"
#include "coordinator/driver/journal.h"
#include "coordinator/driver/member.h"
#include "coordinator/election/election.h"

/* Written with every decision, and with nothing else, so that its revision is the latest
 * decision's, also of one that left nothing else behind: replicas which read the store at different
 * times publish the same. */
#define KEY_DECISION STORE_ROOT "decision"

/* A backup is being put back, or was in part. */
#define KEY_RESTORE STORE_ROOT "restore"

#define DECISION_TEXT_MAX 256u
#define RETRY_S           1
#define OWN_REVS          16
#define WATCHED_MAX       64u /* changes that wait for a step to end */
#define CONFLICTS_MAX     8u
#define MEMBERS_MAX       64u
#define MEMBER_TEXT_MAX   2048u

enum driver_state {
    DRIVER_LOADING,   /* nothing was read yet */
    DRIVER_IDLE,      /* the next event may be shown to the core */
    DRIVER_SAVING,    /* the step's transaction is on its way */
    DRIVER_SETTLING,  /* it is stored; the watch has yet to tell what came before it */
    DRIVER_RELOADING, /* what the store holds is being read again */
    DRIVER_RESTORING  /* a backup is being written into it */
};

/* The step that is being carried out. */
struct driver_step {
    struct core_update update;
    const struct core_command *command; /* borrowed; NULL: it is no command's */
    bool fenced;                        /* it compares the leader key */
    bool answered;                      /* before its end */
    struct emergency adopts;            /* out of the journal; epoch 0: it does not */
    unsigned conflicts;                 /* of this command, so far */
    store_rev rev;                      /* of its transaction; 0: it is not stored */
    struct err doubt; /* RELOADING: why the update's fate is open; ERR_NONE: it is not */
};

struct driver_watch {
    bool on;
    store_rev told;          /* everything up to this revision of the store is known */
    store_rev own[OWN_REVS]; /* what we wrote: its echo is no news */
    unsigned own_next;
    struct store_list waiting[WATCHED_MAX]; /* owned; told while a step was open */
    unsigned waiting_count;
};

/* Migrations whose decision changed since nodes were told last. One call tells of all that belongs
 * to a revision: nodes take no second set of it. */
struct driver_publish {
    struct name *name; /* owned array */
    unsigned count, room;
};

/* What is known of one of the keys that stand under leases. */
struct driver_key {
    store_rev rev; /* of the last put or deletion that was heard of */
    bool present;
    struct member_record record; /* while present */
};

struct driver_member;
struct driver_ask;

struct driver_lead {
    bool alone; /* the store has no leases: nobody else can write to it */
    struct election election;
    store_lease lease;
    struct rng rng;
    struct backoff backoff;
    struct timer pause, keep, late;
    struct driver_ask *asks; /* owned */
    bool keeping;            /* a keep is on its way */
    struct err unkept;       /* why the lease could not be kept last; ERR_NONE: it could */
    wall_t campaigned;       /* when `leader` was put last */
    store_rev registered;    /* revision of our own key; 0: not registered under this lease */
    bool here;               /* the core was told that it leads */
    struct err failing;      /* why it is neither registered nor elected; ERR_NONE: it may be */
    mono_t failing_since;
};

/* Who else is there. */
struct driver_members {
    struct driver_key leader;
    uint64_t term;                /* of the latest leader that was heard of */
    struct driver_member *others; /* by id */
    struct leadership told;       /* what on_leader() said last */
    bool told_any;
};

struct driver_restore {
    bool held;             /* somebody's has not finished: what the store holds is no state */
    driver_restored_fn fn; /* NULL: none is asked for */
    void *ctx;
    bool begun, written;
    const struct core_kv *kv; /* borrowed */
    unsigned count, next;
    struct store_list old; /* owned: keys that an earlier one has left */
    size_t old_next;
    store_rev mark; /* revision of KEY_RESTORE; 0: not there */
};

struct driver_leave {
    bool asked;
    bool told;
    void (*fn)(void *ctx);
    void *ctx;
    struct timer patience;
    struct loop_deferred soon;
};

struct driver {
    struct driver_config config;
    struct loop *loop;
    struct store_thread *store; /* borrowed */
    const struct driver_ports *ports;
    void *ports_ctx;

    struct core *core; /* owned; NULL: LOADING */
    enum driver_state state;
    bool loading; /* the first read was asked for */
    bool ready;   /* on_ready() said so */
    bool failed;  /* it said why not */
    struct event_queue queue;
    mono_t mono;             /* of the event that the core saw last */
    struct driver_step step; /* SAVING, SETTLING, RELOADING */
    struct core_update seen; /* what follows from what others wrote */
    uint64_t revision;       /* of the latest decision that is known with all before it */
    bool reread;             /* IDLE is no time to go on: the store must be read first */
    struct err store_error;  /* ERR_NONE: the store works */
    uint64_t store_errors;   /* so far */
    mono_t quiet_until;      /* no ticks before: the store failed a moment ago */
    bool orders_again;       /* a step was lost, or plans changed: nodes' orders may wait */
    struct timer tick, reload_again, settle, silence;
    struct loop_deferred pump;

    struct journal journal;
    uint64_t newest_epoch; /* of the orders that nodes told of */
    mono_t asked_at;       /* SAVING, RELOADING: when the store was called */

    struct driver_publish publish;
    struct driver_watch watch;
    struct driver_lead lead;
    struct driver_members members;
    struct driver_restore restore;
    struct driver_leave leave;
};

/* ---- driver.c -------------------------------------------------------------------------------- */

/* Go on at the end of this turn. */
void driver_go_on(struct driver *d);
/* Logged when it begins and when it ends, not for every command in between. */
void driver_store_failed(struct driver *d, const struct err *why);
void driver_store_works(struct driver *d);
/* The first read and the registration are over, one way or the other; says so once. */
void driver_is_ready(struct driver *d, const struct err *why);
/* The lease was given back, or nobody waits for it any more. */
void driver_left(struct driver *d);

/* ---- driver_step.c --------------------------------------------------------------------------- */

void step_begin(struct driver *d, struct core_event *ev);
/* What was staged is stored, as `rev`, or is known to have been. */
void step_commit(struct driver *d, store_rev rev);
/* Publish, answer, tell, ask. */
void step_carry_out(struct driver *d);
/* Nothing of it was done. */
void step_give_up(struct driver *d, const struct err *why);
/* Answer, tell, ask: the core has been told how it ended. */
void step_finish(struct driver *d);
/* The value of KEY_DECISION. */
void step_write_decision(struct driver *d, struct buf *b);
/* A command that was not shown to the core. */
void step_refuse_stopping(struct driver *d, const struct core_command *cmd);
/* It was abandoned because of a conflict, and the state was read anew: decide again, or finish. */
void step_again(struct driver *d);
/* The watch has told more. */
void step_settle(struct driver *d);

/* ---- driver_load.c --------------------------------------------------------------------------- */

/* The first read, once. */
void load_begin(struct driver *d);
/* Read everything again; when `doubt` is given, the step's fate depends on it. */
void load_again(struct driver *d, const struct err *doubt);
/* The same, when the store has had time to recover. */
void load_later(struct driver *d);

/* ---- driver_watch.c -------------------------------------------------------------------------- */

/* Unless there is a watch. `from`: everything up to it is known. */
void watch_begin(struct driver *d, store_rev from);
void watch_own(struct driver *d, store_rev rev);
/* Show the core what was told while a step was open. */
void watch_drain(struct driver *d);
void watch_deinit(struct driver *d);

/* ---- driver_lead.c --------------------------------------------------------------------------- */

/* Asks for a lease; load_begin() follows. */
void lead_begin(struct driver *d);
/* The core is there: register, or lead at once where nobody else can be. */
void lead_loaded(struct driver *d);
void lead_event(struct driver *d, enum election_event ev);
/* It leads, and may still act on it: looks at the time. */
bool lead_may_act(struct driver *d);
/* Nothing more is asked for by itself. */
void lead_stop(struct driver *d);
void lead_deinit(struct driver *d);

/* Something that the election needs was not done; the event that says so. */
void lead_failed(struct driver *d, enum election_event ev, const struct err *err);

/* ---- driver_lease.c -------------------------------------------------------------------------- */

/* A call to the store that is on its way, under a lease. */
struct driver_ask {
    struct driver *driver;
    store_lease lease; /* 0: to have one */
    mono_t sent;
    struct driver_ask *prev, *next; /* in lead.asks */
};
struct driver_ask *ask_new(struct driver *d);
void ask_free(struct driver_ask *a);
DEFINE_CLEANUP(struct driver_ask, ask_free)
/* Its lease is no more. */
bool ask_is_stale(const struct driver_ask *a);
void asks_deinit(struct driver *d);

void lease_grant(struct driver *d);
void lease_keep(struct driver *d);
/* Nobody keeps it any more, so the sooner it ends the better; nobody waits for that. */
void lease_drop(struct driver *d);
/* RELEASED follows. */
void lease_revoke(struct driver *d);

/* ---- driver_members.c ------------------------------------------------------------------------ */

/* One of the keys that stand under leases was written or (NULL value) deleted. */
void members_saw(struct driver *d, const struct core_kv *kv);
/* Everything, or all that begins with KEY_LEADER, as it stood at `list->rev`. */
void members_saw_all(struct driver *d, const struct store_list *list);
void members_saw_leader(struct driver *d, const struct store_list *list);
/* We were elected with revision `rev`. */
void members_lead(struct driver *d, const struct member_record *m, store_rev rev);
/* What the leader key is to us. */
enum election_event members_leader_event(const struct driver *d);
/* Tell on_leader() when there is something new; the first time the others, too. */
void members_tell(struct driver *d);
void members_deinit(struct driver *d);

/* ---- driver_publish.c ------------------------------------------------------------------------ */

/* Nodes must hear of what has changed: with publish_now(), once everything up to there is known. */
void publish_add(struct driver *d, const struct core_update *u);
void publish_now(struct driver *d);
/* The emergency orders in it, ahead of the set; are there any? */
bool publish_orders(struct driver *d, const struct core_update *u);
void publish_deinit(struct driver *d);
void publish_all(struct driver *d);
void publish_tell(const struct core_update *u);
void publish_ask(struct driver *d, const struct core_update *u);
void publish_jobs(struct driver *d, const struct core_update *u);

/* ---- driver_unstored.c ----------------------------------------------------------------------- */

/* The store failed; if the step's command is an emergency that nobody has answered yet, it is
 * carried out beside the core. */
void unstored_take_over(struct driver *d);
/* An emergency command was given: it will not wait for long. */
void unstored_look(struct driver *d);
/* The store was called. */
void unstored_asked(struct driver *d);
void unstored_saw_epoch(struct driver *d, uint64_t epoch);
/* Begin the step that stores the next order of the journal, if there is one and it is time. */
bool unstored_adopt(struct driver *d);
/* That step has ended. */
void unstored_adopted(struct driver *d);
/* To the nodes that connected to this process. */
void unstored_push_all(struct driver *d);

/* ---- driver_restore.c ------------------------------------------------------------------------ */

/* Begin the one that was asked for, if any. */
bool restore_begin(struct driver *d);
/* It was written, and the store was read since. */
void restore_end(struct driver *d);
/* Its caller hears that it was cut short. */
void restore_deinit(struct driver *d);
/* Does a backup say what this key holds? */
bool restore_takes(const char *key);
/* KEY_RESTORE is there, or is gone; returns whether the store holds no state for now. */
bool restore_hold(struct driver *d, bool held);
/* CORRUPT while it does not. */
int restore_held(const struct driver *d, struct err *err) MUST_CHECK;
