/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of a coordinator's process: checks, backups and hooks that end well after a while, fail,
 * cannot tell, or are never heard of again; those of gates and triggers are told of again and
 * again. A job that is stopped may have its answer under way. Lives and dies with its process, and
 * so does every answer. */
#pragma once

#include "coordinator/core/core_event.h"
#include "coordinator/core/core_update.h"
#include "tests/sim/sim.h"

struct sim_jobs;

struct sim_jobs *sim_jobs_new(struct sim *s, struct sim_coord *c);
struct sim_jobs *sim_jobs_free(struct sim_jobs *j); /* tolerates NULL; returns NULL */

void sim_jobs_run(struct sim_jobs *j, const struct core_job *job);
void sim_jobs_stop(struct sim_jobs *j, uint64_t id);

/* How one went, on its way to the driver. */
struct sim_found {
    uint64_t id;
    enum core_job_kind kind;
    struct name migration;
    unsigned stage;
    mono_t begun;
    enum check_outcome outcome;
};

/* In the driver's words. `place` holds what `ret` points to. */
void sim_jobs_done(const struct sim_found *f, struct check_result *place,
                   struct core_job_done *ret);
