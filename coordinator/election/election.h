/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, as one coordinator knows it. Pure: no clock, store, thread or chance.
 *
 * A coordinator holds one lease. Under it stand its own key (coordinators/ID: it exists, and where)
 * and, while it leads, the key `leader`, whose revision is the term and the fence of every write
 * that takes leadership. A lease that was kept proves nothing (store.h): a leader acts only until
 * `renew_by`, counted from the moment before the last successful keep was sent, and that is well
 * before the lease can end. On doubt it steps down first and finds out afterwards.
 *
 *   OUTSIDE ──granted──► REGISTERING ──registered──► FOLLOWING ◄─another one leads─┐
 *      ▲                          │                   │     ▲                      │
 *      │ the lease ended,         │            nobody │     │ another was faster   │
 *      └── in any state           │ nobody      leads ▼     │                      │
 *                                 └─ leads ────► CAMPAIGNING ──ours──► LEADING ────┤
 *                                                     │                 ▲  │ late  │
 *                                                     │ no answer  ours │  ▼       │
 *                                                     └───────────────► DOUBTING ──┘
 *
 * The shell hands in what happened and carries out the effects; election_fsm.c has the table.
 * owner: the driver's loop. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/ids.h"

/* Default 5 s. Renewed each quarter of it; a leader that could not renew steps down after three
 * fifths. */
#define ELECTION_TTL_MIN_S     2
#define ELECTION_TTL_DEFAULT_S 5

/*   X(ID, name) */
#define ELECTION_STATES(X)                                                                    \
    X(OUTSIDE, "outside")         /* no lease: a grant is asked for, or due after a pause */  \
    X(REGISTERING, "registering") /* the lease stands; coordinators/ID is being put */        \
    X(FOLLOWING, "following")     /* registered; another one leads, or it is not known who */ \
    X(CAMPAIGNING, "campaigning") /* nobody leads; `leader` is being put */                   \
    X(LEADING, "leading")         /* the key is ours, and the lease was kept in time */       \
    X(DOUBTING, "doubting")       /* stepped down; what the store holds is being found out */ \
    X(LEAVING, "leaving")         /* the process stops; the lease is being revoked */         \
    X(GONE, "gone")

enum election_state {
#define X(id, name) ELECTION_##id,
    ELECTION_STATES(X)
#undef X
        ELECTION_STATE_COUNT
};

/*   X(ID, name) */
#define ELECTION_EVENTS(X)                                                             \
    X(GRANTED, "granted")       /* the store gave a lease */                           \
    X(REGISTERED, "registered") /* coordinators/ID is ours */                          \
    X(TAKEN, "taken")           /* it is another process's, or of a lease before */    \
    X(FAILED, "failed")         /* the store did not do what was asked for */          \
    X(UNKNOWN, "unknown")       /* it may have */                                      \
    X(OURS, "ours")             /* the leader key stands under our lease */            \
    X(OTHER, "other")           /* under another one's */                              \
    X(VACANT, "vacant")         /* there is none */                                    \
    X(PAUSED, "paused")         /* the pause that an effect asked for is over */       \
    X(KEEP_DUE, "keep_due")     /* a quarter of the TTL is over */                     \
    X(LATE, "late")             /* the lease was not kept in time: renew_by is past */ \
    X(ENDED, "ended")           /* the lease is no more, or our key is not */          \
    X(LEAVE, "leave")           /* the process stops */                                \
    X(RELEASED, "released")     /* the lease was given back, or nobody waits for it */

enum election_event {
#define X(id, name) ELECTION_EV_##id,
    ELECTION_EVENTS(X)
#undef X
        ELECTION_EVENT_COUNT
};

/* To be carried out in this order.   X(ID, name): bit ID is 1 << its place */
#define ELECTION_EFFECTS(X)                                                                  \
    X(STEP_DOWN, "step_down") /* decide nothing any more */                                  \
    X(DROP, "drop")           /* forget the lease, and have the store end it if it stands */ \
    X(GRANT, "grant")         /* ask for a lease */                                          \
    X(REGISTER, "register")   /* put coordinators/ID under it, if there is none */           \
    X(KEEP, "keep")           /* keep it */                                                  \
    X(CAMPAIGN, "campaign")   /* put `leader` under it, if there is none */                  \
    X(READ, "read")           /* read `leader` */                                            \
    X(LEAD, "lead")           /* act, with the key's revision as the term */                 \
    X(JITTER, "jitter")       /* pause for a moment, so that not all run at once */          \
    X(PAUSE, "pause")         /* pause, the longer the more often it failed */               \
    X(REVOKE, "revoke")       /* end the lease, and say when it is done */

enum election_effect_bit {
#define X(id, name) ELECTION_FX_BIT_##id,
    ELECTION_EFFECTS(X)
#undef X
        ELECTION_FX_COUNT
};

enum {
#define X(id, name) ELECTION_FX_##id = 1u << ELECTION_FX_BIT_##id,
    ELECTION_EFFECTS(X)
#undef X
};

struct election_facts {
    bool leased;  /* there is a lease, as far as we know */
    bool in_time; /* renew_by is not past */
    bool vacant;  /* no leader key was there when it was looked at last */
};

extern const struct sm_machine election_machine;

/* ---- one that runs --------------------------------------------------------------------------- */

struct election {
    struct sm sm;
    struct election_facts facts;
    dur_t ttl;
    mono_t renew_by;
};

/* `ttl` 0: the default. Begins OUTSIDE: asking for a lease is up to the caller, as after a pause.
 */
void election_init(struct election *e, dur_t ttl);

/* The lease was granted or kept by a call that was sent at `sent`. */
void election_renewed(struct election *e, mono_t sent);

/* What happened; the effects that follow. A leader's lateness comes first, whatever else
 * happened. */
uint32_t election_event(struct election *e, enum election_event ev, mono_t now,
                        wall_t wall) MUST_CHECK;

/* It leads, and may still act on it. */
bool election_leads(const struct election *e, mono_t now);
static inline enum election_state election_state(const struct election *e)
{
    return (enum election_state)e->sm.state;
}
