/* SPDX-License-Identifier: Apache-2.0 */
/* Work in the world that the core asks for: checks and hooks, by the checker, and backups of the
 * control state. What it finds goes back through driver_job_done(). The checks of gates and
 * triggers are asked again every `every`, until they are stopped. owner: the core's loop. */
#pragma once

#include "coordinator/backup_ports.h"
#include "coordinator/check/check.h"

struct errands;

/* Borrowed. */
struct errands_config {
    const char *data_dir; /* commands run here, and backups/ is below it; NULL: there is none */
    struct checker *checker;
    struct backup_ports *backup;
};

int errands_new(const struct errands_config *config, struct loop *l, struct errands **ret,
                struct err *err) MUST_CHECK;
/* Ends what is under way; nothing is told any more. After the store's thread, before the checker.
 * Tolerates NULL. */
void errands_free(struct errands *e);

/* See driver_ports; `d` is who asks. */
void errands_run(struct errands *e, struct driver *d, const struct core_job *job);
void errands_stop(struct errands *e, uint64_t id);
/* All of them. */
void errands_stop_all(struct errands *e);
