/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share, and the commands themselves; the table of them is in commands.c. Private
 * to the command_*.c files. Each returns 0 with what it staged and said, or a refusal. Pure. */
#pragma once

#include "coordinator/core/moves.h"

/* One command being carried out. */
struct command_run {
    struct core *c;
    const struct core_command *cmd;
    struct core_update *u;
    struct migration *m; /* NULL for APPLY and for EMERGENCY of all */
    struct err *err;
};

/* Say what `s` changes, or that nothing does. */
void command_changed(struct command_run *q, const struct staged *s, const char *summary);
int command_unchanged(struct command_run *q, const struct migration *m, const char *summary);

/* The command as a move to the current stage; the caller sets what differs. */
struct move command_move_of(const struct command_run *q, enum stage_event event);
/* Stage the move, or refuse it; *ret_staged is for the answer. */
int command_move(struct command_run *q, const struct move *move,
                 struct staged **ret_staged) MUST_CHECK;

/* INVALID when the command has none. */
int command_needs_reason(const struct core_command *cmd, const char *what,
                         struct err *err) MUST_CHECK;
/* "; the override to new is lifted" when `s` does that, else "". */
const char *command_lifted(const struct staged *s);

/* The stage of this name; NOT_FOUND with the nearest one. */
int command_stage_by_name(struct command_run *q, unsigned *ret) MUST_CHECK;

/* command_stage.c */
int command_start(struct command_run *q);
int command_promote(struct command_run *q);
int command_pause(struct command_run *q);
int command_resume(struct command_run *q);
int command_abort(struct command_run *q);
int command_rollback(struct command_run *q);

/* command_recover.c */
int command_recover(struct command_run *q);

/* command_approve.c */
int command_approve(struct command_run *q);

/* command_drill.c */
int command_drill(struct command_run *q);

/* command_flag.c */
int command_set_flag(struct command_run *q);

/* command_breaker.c */
int command_breaker(struct command_run *q);

/* command_breaker_tune.c */
int command_breaker_tune(struct command_run *q);

/* command_mirror.c */
int command_set_mirror(struct command_run *q);

/* command_force.c */
int command_emergency(struct command_run *q);
int command_clear(struct command_run *q);
int command_set_weight(struct command_run *q);
int command_set_override(struct command_run *q);

/* command_stage.c, after the last one */
int command_decommission(struct command_run *q);

/* command_plan.c */
int command_apply(struct command_run *q);
int command_delete(struct command_run *q);
