/* SPDX-License-Identifier: Apache-2.0 */
/* A backup of the control state before a stage, as a file that says in its name what it came
 * before: backups/20261121T100704Z-orders-canary-10.jsonl. The newest STAGE_BACKUPS_KEPT stay.
 * owner: the core's loop. */
#pragma once

#include "common/loop/worker.h"
#include "coordinator/backup_ports.h"

#define STAGE_BACKUPS_KEPT 20

/* 0, or <0 with *err. */
typedef void (*stage_backup_fn)(void *ctx, int r, const struct err *err);

/* Load, write on `worker`, tell. `backup` and `worker` are borrowed, the rest is copied. `fn` once,
 * later. */
int stage_backup(struct backup_ports *backup, struct worker *worker, const char *data_dir,
                 wall_t now, const char *label, stage_backup_fn fn, void *ctx,
                 struct err *err) MUST_CHECK;
