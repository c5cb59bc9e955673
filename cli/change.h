/* SPDX-License-Identifier: Apache-2.0 */
/* A command on its way: one Execute, then the wait for the nodes, told as one answer. */
#pragma once

#include "cli/cli.h"

struct change {
    Switchyard__V1__Command request;
    char id[17];      /* for the coordinator's log */
    bool moves_nodes; /* wait for the nodes and tell how long they took */
    bool prepares;    /* and before that for the checks and hooks of the stage */
};

/* Everything but the action. Texts are borrowed from `cli` and `a`; `ch` may not move. */
void change_init(struct change *ch, const struct cli *cli, const struct args *a);
/* Nodes that lag are a failure of the command (exit status 1): what was ordered is stored, but not
 * true yet. */
int change_run(struct cli *cli, const struct args *a, const struct change *ch, int *ret_status,
               struct err *err) MUST_CHECK;

/* ---- in parts -------------------------------------------------------------------------------- */

struct change_done {
    ProtobufCMessage *result; /* owned; a CommandResult */
    ProtobufCMessage *nodes;  /* owned; an AwaitResult, NULL when nobody waited */
    dur_t took;
    ProtobufCMessage *status; /* owned; a Status: the stage was not entered, or not yet; or NULL */
};

/* The same without telling; `ret` is the caller's, also on failure. */
int change_carry_out(struct cli *cli, const struct args *a, const struct change *ch,
                     struct change_done *ret, struct err *err) MUST_CHECK;
void change_done_deinit(struct change_done *d);
/* Do nodes lag behind it, or was the stage not entered? */
bool change_lags(const struct change_done *d);
