/* SPDX-License-Identifier: Apache-2.0 */
/* Work in the world that a rollout needs now: begun, given up, begun anew. Nothing of it is stored:
 * who leads anew begins anew. Pure. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"

struct core;
struct migration;
struct durable;

#define JOB_KINDS (JOB_TRIGGER + 1)
/* Hooks after a stage that have failed are tried again after this long. */
#define JOB_RETRY dur_s(60)
/* Past its own limits, a job that is not told of counts as failed after this long. */
#define JOB_PATIENCE dur_s(60)

/* What a job is about: another plan, stage, preparation or decision makes it another job. */
struct job_about {
    uint64_t plan_rev;
    unsigned stage;
    int64_t instance;
};

/* The latest job of a kind. What it found stays until another one is begun. */
struct job {
    uint64_t id; /* 0: there was none */
    struct job_about about;
    bool running; /* the shell has it; the checks of gates and triggers always run */
    bool told;    /* at least once */
    bool ok;
    mono_t begun, told_at;
    struct check_result *result; /* owned */
    unsigned count;
    char text[TEXT_SIZE]; /* why not ok; "" */
};

/* Of one migration. */
struct jobs {
    struct job job[JOB_KINDS];
};

/* Jobs whose migration is gone. Zeroed memory holds none. */
struct job_orphans {
    uint64_t *id; /* owned */
    unsigned count, room;
};

void jobs_deinit(struct jobs *j);
void job_orphans_deinit(struct job_orphans *o);

/* "ready", "backup", ... */
const char *job_kind_name(enum core_job_kind k);

/* Nobody needs any work for `m` any more. */
void jobs_orphan(struct core *c, struct migration *m);
/* Begin what every migration needs by now and stop what none needs. Not while a step is staged. */
void jobs_look(struct core *c, struct core_update *u);
/* The clock was set, and the preparation that runs began `by` later than was stored. */
void jobs_move(struct migration *m, dur_t by);
/* The migration whose job it is, with what it found; NULL: nobody waits for it. */
struct migration *jobs_told(struct core *c, const struct core_job_done *done);

/* Does stage `n` have checks, a backup or hooks before it? */
bool jobs_needed(const struct plan *plan, unsigned n);
/* Have the checks, the backup and the hooks before the stage that `d` prepares passed? Else the one
 * that has not; NULL while they run. */
bool jobs_prepared(const struct migration *m, const struct durable *d);
const struct job *jobs_unprepared(const struct migration *m, const struct durable *d);
/* The hooks after the current stage have run, or there are none. Who is ready has been tended: a
 * new leader does not know how they went, and a new plan asks for no others. */
bool jobs_tended(const struct migration *m, const struct durable *d);
/* "http-1: HTTP 503 from http://a/; smoke: exit status 1": what did not pass, of a job that ended;
 * `dst` has TEXT_SIZE bytes. */
const char *jobs_failed_text(const struct job *j, char *dst);
/* What was found last by a job of this kind, if that is about the plan and what goes on now; NULL:
 * nothing yet. */
const struct job *jobs_found(const struct migration *m, enum core_job_kind kind);
