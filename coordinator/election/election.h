/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, as one coordinator knows it. Pure: no clock, store, thread or chance.
 *
 * A coordinator holds one lease. Under it stand its own key (coordinators/ID: it exists, and where)
 * and, while it leads, the key `leader`, whose revision is the term and the fence of every write
 * that takes leadership. A lease that was kept proves nothing (store.h): a leader acts only until
 * `renew_by`, counted from the moment before the last successful keep was sent, and that is well
 * before the lease can end. On doubt it steps down first and finds out afterwards.
 *
 * The shell hands in what happened and carries out the effects of the row; election_fsm.c has the
 * table. owner: the driver's loop. */
#pragma once

#include "common/fsm/sm.h"
#include "common/model/ids.h"

/* Default 5 s. Renewed each quarter of it; a leader that could not renew steps down after three
 * fifths. */
#define ELECTION_TTL_MIN_S 2

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

extern const struct sm_machine election_machine;
