/* SPDX-License-Identifier: Apache-2.0 */
/* The node's folder: a lock against a second sidecar, and the file with the last good rule set.
 * Reading happens once at start; writing is a job of the worker's thread, one at a time.
 *
 * The file before the last is kept beside it, for the day on which the last is damaged. Orders are
 * in both: a damaged file must not lift one. */
#pragma once

#include "common/loop/worker.h"
#include "sidecar/agent/agent_state.h"

struct state_file;

/* `err` is NULL when the set is on disk. */
typedef void (*state_written_fn)(void *ctx, const struct err *err);

/* Make and lock the folder. UNAVAILABLE when another sidecar holds it. */
int state_file_open(const char *folder, struct loop *l, state_written_fn fn, void *ctx,
                    struct state_file **ret, struct err *err) MUST_CHECK;
struct state_file *state_file_close(
    struct state_file *f); /* finishes a write under way; tolerates NULL */

/* Of the last good rule set. */
const char *state_file_path(const struct state_file *f);

enum state_outcome {
    STATE_PREVIOUS = 1, /* from the file before: the last cannot be used, *err says why */
};

/* 0, STATE_PREVIOUS; NOT_FOUND when the node never had one; CORRUPT with what is wrong with both. A
 * damaged file is set aside under another name. */
int state_file_read(struct state_file *f, agent_route_fn decode, struct ruleset **ret_set,
                    struct epochs *ret_epochs, struct err *err) MUST_CHECK;
/* Start writing; `fn` comes later with the outcome. No other write may be under way. */
void state_file_write(struct state_file *f, const struct ruleset *set, const struct epochs *epochs);
