/* SPDX-License-Identifier: Apache-2.0 */
/* The table of election.h. What holds in each state, checked by election_invariant():
 *
 *   OUTSIDE, LEAVING, GONE  no lease of which anything is expected
 *   the others              a lease
 *   LEADING                 and it was kept in time */
#include "coordinator/election/election.h"

#define TO(state) SM_TO(ELECTION_##state)
/* The lease may end, and the process may stop, whatever is going on. */
#define ENDS (TO(OUTSIDE) | TO(LEAVING))

#define WORD_WAITING "waiting"
#define WORD_RUNNING "running"
#define WORD_DONE    "done"

/* clang-format off */
static const struct sm_state election_states[] = {
    [ELECTION_OUTSIDE]     = {"outside",     WORD_WAITING, TO(REGISTERING) | TO(GONE), SM_INITIAL,
                              "it has no lease and takes no part; a lease is asked for"},
    [ELECTION_REGISTERING] = {"registering", WORD_WAITING, TO(FOLLOWING) | TO(CAMPAIGNING) | ENDS, 0,
                              "it has a lease; its own key is being put, which fails while another process has its id"},
    [ELECTION_FOLLOWING]   = {"following",   WORD_RUNNING, TO(CAMPAIGNING) | TO(DOUBTING) | ENDS, 0,
                              "it is registered and does not lead"},
    [ELECTION_CAMPAIGNING] = {"campaigning", WORD_RUNNING, TO(FOLLOWING) | TO(LEADING) | TO(DOUBTING) | ENDS, 0,
                              "nobody leads, and it is putting the leader key; it does not act before that is known to be its own"},
    [ELECTION_LEADING]     = {"leading",     WORD_RUNNING, TO(FOLLOWING) | TO(DOUBTING) | ENDS, 0,
                              "the leader key is its own and the lease was kept in time: it acts, and each write compares the key"},
    [ELECTION_DOUBTING]    = {"doubting",    WORD_WAITING, TO(FOLLOWING) | TO(LEADING) | ENDS, 0,
                              "it does not act; whose the leader key is is being read"},
    [ELECTION_LEAVING]     = {"leaving",     WORD_WAITING, TO(GONE), 0,
                              "it does not act; the lease is being given back, so that nobody waits for its end"},
    [ELECTION_GONE]        = {"gone",        WORD_DONE,    0, SM_FINAL,
                              "it has no lease and will not have one again"},
};

static const char *const election_events[] = {
#define X(id, name) [ELECTION_EV_##id] = name,
    ELECTION_EVENTS(X)
#undef X
};

static const char *const election_effects[] = {
#define X(id, name) [ELECTION_FX_BIT_##id] = name,
    ELECTION_EFFECTS(X)
#undef X
};

#define GUARD(fact)                             \
    static bool fact(const void *facts)         \
    {                                           \
        const struct election_facts *f = facts; \
                                                \
        return f->fact;                         \
    }                                           \
    static bool not_##fact(const void *facts)   \
    {                                           \
        return !fact(facts);                    \
    }
GUARD(vacant)
GUARD(in_time)
#undef GUARD

#define G(guard) guard, #guard
#define ALWAYS   NULL, NULL
#define S(state) ELECTION_##state
#define E(event) ELECTION_EV_##event
#define FX(name) ELECTION_FX_##name

static const struct sm_row election_rows[] = {
    {S(OUTSIDE),     E(PAUSED),     ALWAYS,         SM_STAY,        FX(GRANT),                              "asks for a lease"},
    {S(OUTSIDE),     E(GRANTED),    ALWAYS,         S(REGISTERING), FX(REGISTER),                           "a lease was granted"},
    {S(OUTSIDE),     E(FAILED),     ALWAYS,         SM_STAY,        FX(PAUSE),                              "no lease was granted"},
    {S(OUTSIDE),     E(LEAVE),      ALWAYS,         S(GONE),        0,                                      "the process stops"},

    {S(REGISTERING), E(REGISTERED), G(vacant),      S(CAMPAIGNING), FX(CAMPAIGN),                           "registered, and nobody leads"},
    {S(REGISTERING), E(REGISTERED), G(not_vacant),  S(FOLLOWING),   0,                                      "registered; another one leads"},
    {S(REGISTERING), E(TAKEN),      ALWAYS,         SM_STAY,        FX(PAUSE),                              "the id is in use; its lease may be about to end"},
    {S(REGISTERING), E(FAILED),     ALWAYS,         SM_STAY,        FX(PAUSE),                              "the store did not register it"},
    {S(REGISTERING), E(UNKNOWN),    ALWAYS,         SM_STAY,        FX(PAUSE),                              "whether it is registered shows when it tries again"},
    {S(REGISTERING), E(PAUSED),     ALWAYS,         SM_STAY,        FX(REGISTER),                           "tries again"},
    {S(REGISTERING), E(KEEP_DUE),   ALWAYS,         SM_STAY,        FX(KEEP),                               "keeps the lease"},
    {S(REGISTERING), E(ENDED),      ALWAYS,         S(OUTSIDE),     FX(DROP) | FX(PAUSE),                   "the lease ended"},
    {S(REGISTERING), E(LEAVE),      ALWAYS,         S(LEAVING),     FX(REVOKE),                             "the process stops"},

    {S(FOLLOWING),   E(VACANT),     ALWAYS,         SM_STAY,        FX(JITTER),                             "nobody leads any more"},
    {S(FOLLOWING),   E(OURS),       ALWAYS,         S(DOUBTING),    FX(READ),                               "the leader key is its own, which it did not know"},
    {S(FOLLOWING),   E(PAUSED),     G(vacant),      S(CAMPAIGNING), FX(CAMPAIGN),                           "nobody leads"},
    {S(FOLLOWING),   E(KEEP_DUE),   ALWAYS,         SM_STAY,        FX(KEEP),                               "keeps the lease"},
    {S(FOLLOWING),   E(ENDED),      ALWAYS,         S(OUTSIDE),     FX(DROP) | FX(PAUSE),                   "the lease ended"},
    {S(FOLLOWING),   E(LEAVE),      ALWAYS,         S(LEAVING),     FX(REVOKE),                             "the process stops"},

    {S(CAMPAIGNING), E(OURS),       G(in_time),     S(LEADING),     FX(LEAD),                               "it was elected"},
    {S(CAMPAIGNING), E(OURS),       G(not_in_time), S(DOUBTING),    FX(PAUSE),                              "it was elected, but could not keep its lease in time"},
    {S(CAMPAIGNING), E(OTHER),      ALWAYS,         S(FOLLOWING),   0,                                      "another one was faster"},
    {S(CAMPAIGNING), E(VACANT),     ALWAYS,         S(FOLLOWING),   FX(JITTER),                             "another one was faster, and is gone"},
    {S(CAMPAIGNING), E(FAILED),     ALWAYS,         S(FOLLOWING),   FX(PAUSE),                              "the store did not put the leader key"},
    {S(CAMPAIGNING), E(UNKNOWN),    ALWAYS,         S(DOUBTING),    FX(READ),                               "it may have been elected"},
    {S(CAMPAIGNING), E(KEEP_DUE),   ALWAYS,         SM_STAY,        FX(KEEP),                               "keeps the lease"},
    {S(CAMPAIGNING), E(ENDED),      ALWAYS,         S(OUTSIDE),     FX(DROP) | FX(PAUSE),                   "the lease ended"},
    {S(CAMPAIGNING), E(LEAVE),      ALWAYS,         S(LEAVING),     FX(REVOKE),                             "the process stops"},

    {S(LEADING),     E(OURS),       ALWAYS,         SM_STAY,        FX(LEAD),                               "its leader key was written again: that is the term"},
    {S(LEADING),     E(OTHER),      ALWAYS,         S(FOLLOWING),   FX(STEP_DOWN),                          "the leader key is another one's"},
    {S(LEADING),     E(VACANT),     ALWAYS,         S(FOLLOWING),   FX(STEP_DOWN) | FX(JITTER),             "the leader key is gone"},
    {S(LEADING),     E(KEEP_DUE),   ALWAYS,         SM_STAY,        FX(KEEP),                               "keeps the lease"},
    {S(LEADING),     E(LATE),       ALWAYS,         S(DOUBTING),    FX(STEP_DOWN) | FX(READ),               "the lease was not kept in time"},
    {S(LEADING),     E(ENDED),      ALWAYS,         S(OUTSIDE),     FX(STEP_DOWN) | FX(DROP) | FX(PAUSE),   "the lease ended"},
    {S(LEADING),     E(LEAVE),      ALWAYS,         S(LEAVING),     FX(STEP_DOWN) | FX(REVOKE),             "the process stops"},

    {S(DOUBTING),    E(OURS),       G(in_time),     S(LEADING),     FX(LEAD),                               "the leader key is still its own, and the lease was kept"},
    {S(DOUBTING),    E(OURS),       G(not_in_time), SM_STAY,        FX(PAUSE),                              "the leader key is still its own, but the lease was not kept"},
    {S(DOUBTING),    E(OTHER),      ALWAYS,         S(FOLLOWING),   0,                                      "another one leads"},
    {S(DOUBTING),    E(VACANT),     ALWAYS,         S(FOLLOWING),   FX(JITTER),                             "nobody leads"},
    {S(DOUBTING),    E(FAILED),     ALWAYS,         SM_STAY,        FX(PAUSE),                              "the store could not be read"},
    {S(DOUBTING),    E(PAUSED),     ALWAYS,         SM_STAY,        FX(READ),                               "reads again"},
    {S(DOUBTING),    E(KEEP_DUE),   ALWAYS,         SM_STAY,        FX(KEEP),                               "keeps the lease"},
    {S(DOUBTING),    E(ENDED),      ALWAYS,         S(OUTSIDE),     FX(DROP) | FX(PAUSE),                   "the lease ended"},
    {S(DOUBTING),    E(LEAVE),      ALWAYS,         S(LEAVING),     FX(REVOKE),                             "the process stops"},

    {S(LEAVING),     E(RELEASED),   ALWAYS,         S(GONE),        0,                                      "the lease was given back"},
};

#define NO_CALL   "nothing of the kind was asked for"
#define NO_LEASE  "there is no lease"
#define NO_PAUSE  "nothing waits for it"
#define NOT_LED   "only a leader can be late"
#define NO_MATTER "it matters once it is registered"
#define STOPPING  "the process stops"

static const struct sm_ignore election_ignored[] = {
    {S(OUTSIDE),     E(REGISTERED), "it was registered under a lease that is no more"},
    {S(OUTSIDE),     E(TAKEN),      NO_CALL},
    {S(OUTSIDE),     E(UNKNOWN),    "what was done under a lease that is no more goes with it"},
    {S(OUTSIDE),     E(OURS),       "the key is of a lease that is no more"},
    {S(OUTSIDE),     E(OTHER),      NO_MATTER},
    {S(OUTSIDE),     E(VACANT),     NO_MATTER},
    {S(OUTSIDE),     E(KEEP_DUE),   NO_LEASE},
    {S(OUTSIDE),     E(LATE),       NOT_LED},
    {S(OUTSIDE),     E(ENDED),      NO_LEASE},
    {S(OUTSIDE),     E(RELEASED),   NO_CALL},

    {S(REGISTERING), E(GRANTED),    NO_CALL},
    {S(REGISTERING), E(OURS),       NO_MATTER},
    {S(REGISTERING), E(OTHER),      NO_MATTER},
    {S(REGISTERING), E(VACANT),     NO_MATTER},
    {S(REGISTERING), E(LATE),       NOT_LED},
    {S(REGISTERING), E(RELEASED),   NO_CALL},

    {S(FOLLOWING),   E(GRANTED),    NO_CALL},
    {S(FOLLOWING),   E(REGISTERED), "it is"},
    {S(FOLLOWING),   E(TAKEN),      NO_CALL},
    {S(FOLLOWING),   E(FAILED),     NO_CALL},
    {S(FOLLOWING),   E(UNKNOWN),    "a campaign that was given up; the watch shows what became of it"},
    {S(FOLLOWING),   E(OTHER),      "it follows"},
    {S(FOLLOWING),   E(LATE),       NOT_LED},
    {S(FOLLOWING),   E(RELEASED),   NO_CALL},

    {S(CAMPAIGNING), E(GRANTED),    NO_CALL},
    {S(CAMPAIGNING), E(REGISTERED), "it is"},
    {S(CAMPAIGNING), E(TAKEN),      NO_CALL},
    {S(CAMPAIGNING), E(PAUSED),     NO_PAUSE},
    {S(CAMPAIGNING), E(LATE),       NOT_LED},
    {S(CAMPAIGNING), E(RELEASED),   NO_CALL},

    {S(LEADING),     E(GRANTED),    NO_CALL},
    {S(LEADING),     E(REGISTERED), "it is"},
    {S(LEADING),     E(TAKEN),      NO_CALL},
    {S(LEADING),     E(FAILED),     "a question from before it was elected"},
    {S(LEADING),     E(UNKNOWN),    "a question from before it was elected"},
    {S(LEADING),     E(PAUSED),     NO_PAUSE},
    {S(LEADING),     E(RELEASED),   NO_CALL},

    {S(DOUBTING),    E(GRANTED),    NO_CALL},
    {S(DOUBTING),    E(REGISTERED), "it is"},
    {S(DOUBTING),    E(TAKEN),      NO_CALL},
    {S(DOUBTING),    E(UNKNOWN),    "it reads the leader key already"},
    {S(DOUBTING),    E(LATE),       "it does not act"},
    {S(DOUBTING),    E(RELEASED),   NO_CALL},

    {S(LEAVING),     E(GRANTED),    STOPPING},
    {S(LEAVING),     E(REGISTERED), STOPPING},
    {S(LEAVING),     E(TAKEN),      STOPPING},
    {S(LEAVING),     E(FAILED),     STOPPING},
    {S(LEAVING),     E(UNKNOWN),    STOPPING},
    {S(LEAVING),     E(OURS),       STOPPING},
    {S(LEAVING),     E(OTHER),      STOPPING},
    {S(LEAVING),     E(VACANT),     STOPPING},
    {S(LEAVING),     E(PAUSED),     STOPPING},
    {S(LEAVING),     E(KEEP_DUE),   STOPPING},
    {S(LEAVING),     E(LATE),       STOPPING},
    {S(LEAVING),     E(ENDED),      STOPPING},
    {S(LEAVING),     E(LEAVE),      "it is leaving already"},

    {S(GONE),        E(GRANTED),    STOPPING},
    {S(GONE),        E(REGISTERED), STOPPING},
    {S(GONE),        E(TAKEN),      STOPPING},
    {S(GONE),        E(FAILED),     STOPPING},
    {S(GONE),        E(UNKNOWN),    STOPPING},
    {S(GONE),        E(OURS),       STOPPING},
    {S(GONE),        E(OTHER),      STOPPING},
    {S(GONE),        E(VACANT),     STOPPING},
    {S(GONE),        E(PAUSED),     STOPPING},
    {S(GONE),        E(KEEP_DUE),   STOPPING},
    {S(GONE),        E(LATE),       STOPPING},
    {S(GONE),        E(ENDED),      STOPPING},
    {S(GONE),        E(LEAVE),      "it has left"},
    {S(GONE),        E(RELEASED),   "it has left"},
};
/* clang-format on */

static bool election_invariant(int state, const void *facts, const char **ret_why)
{
    const struct election_facts *f = facts;
    bool wants = state != ELECTION_OUTSIDE && state != ELECTION_LEAVING && state != ELECTION_GONE;

    if (f->leased != wants)
        *ret_why = wants ? "there is no lease" : "a lease is held";
    else if (state == ELECTION_LEADING && !f->in_time)
        *ret_why = "it leads though it could not keep its lease in time";
    else
        return true;
    return false;
}

const struct sm_machine election_machine = {
    .name = "election",
    .help = "whether this coordinator leads",
    .states = election_states,
    .state_count = ELECTION_STATE_COUNT,
    .events = election_events,
    .event_count = ELECTION_EVENT_COUNT,
    .rows = election_rows,
    .row_count = ARRAY_LEN(election_rows),
    .ignored = election_ignored,
    .ignored_count = ARRAY_LEN(election_ignored),
    .effects = election_effects,
    .effect_count = ELECTION_FX_COUNT,
    .invariant = election_invariant,
};
