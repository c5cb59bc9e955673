/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell must do after a step, in this order: save (one transaction), publish, answer,
 * tell, ask, stop jobs, begin jobs. Memory belongs to the update's arena and is valid until
 * core_update_reset(). */
#pragma once

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/model/plan.h"

/* A step touches each migration at most once, with at most ten operations: compare and put of plan
 * or emergency order, rollout and history entry, the put of events, and what goes: an entry of the
 * history and (of all migrations together, events.h) two batches of events. The store's
 * limit on a transaction must be at least this, since an emergency for all is one transaction. */
#define CORE_SAVES_MAX 3072u
/* What an update may hold: the largest records (record.h) of an emergency for all. */
#define CORE_UPDATE_MAX (64u << 20)

enum core_save_kind { SAVE_COMPARE, SAVE_PUT, SAVE_DELETE };

/* One operation of the transaction; the fields are the store's (coordinator/store/store.h). */
struct core_save {
    enum core_save_kind kind;
    const char *key;
    struct str value;
    uint64_t rev;
    struct core_save *next;
};

/* A migration whose decision changed, or that is gone: compile and push. */
struct core_publish {
    struct name migration;
    bool removed;
    struct core_publish *next;
};

/* Of a dry run: the nodes with one value of the label `cluster` ("": without it). */
struct core_reach {
    char cluster[NAME_SIZE];
    unsigned all, nodes; /* connected ones; those that would serve something else */
    double share;        /* percent of the keys of all of them that change sides */
    struct core_reach *next;
};

/* One change as told to the operator; CommandResult.changes in operator.proto. */
struct core_change {
    struct name migration;
    const char *summary, *from, *to;
    unsigned nodes;
    double share_affected;
    struct core_reach *clusters; /* by name; of dry runs */
    struct core_change *next;
};

/* A node whose past is wanted before its reports count. */
struct core_ask {
    struct name node;
    dur_t window; /* how far back; at most an hour */
    struct core_ask *next;
};

/* Work in the world that the shell does beside the core and reports with EV_JOB: checks, hooks,
 * backups. Only the coordinator that leads has any. After a change of leaders the next one begins
 * them anew, so they must bear to be done twice. */
enum core_job_kind {
    JOB_READY,  /* the checks before a stage */
    JOB_BACKUP, /* the control state, labelled */
    JOB_BEFORE, /* the hooks before a stage, in order */
    JOB_AFTER,  /* the hooks after it */
    JOB_GATE,   /* the gate's own checks */
    JOB_TRIGGER /* the triggers' */
};

struct core_job {
    uint64_t id; /* of this process; from 1 */
    enum core_job_kind kind;
    struct name migration;
    unsigned stage;          /* that is entered, or watched; from 1 */
    const struct plan *plan; /* borrowed until the step after; who needs it longer copies */
    struct core_job *next;
};

struct core_stop {
    uint64_t id;
    struct core_stop *next;
};

/* A line for the log: event, then "migration=... from=... to=... why=..." */
struct core_tell {
    enum log_level level;
    enum log_event event;
    const char *text;
    struct core_tell *next;
};

struct core_update {
    struct arena arena;
    struct core_save *save; /* empty: nothing to store, the step is final already */
    unsigned save_count;
    struct core_publish *publish;
    struct core_ask *ask;
    struct core_job *job;       /* to begin */
    struct core_stop *stop_job; /* those nobody waits for any more */
    struct core_tell *tell;
    /* The answer to a command; valid when has_answer. `refused.code` ERR_NONE: done. */
    bool has_answer;
    void *token;
    struct err refused;
    struct core_change *change;
    bool dry_run;
};

void core_update_init(struct core_update *u);
void core_update_deinit(struct core_update *u);
/* Empty, with its memory kept for the next step. */
void core_update_reset(struct core_update *u);
