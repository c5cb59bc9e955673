/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the commands that a coordinator leaves behind when it is killed.
 *
 * The keeper is a process of its own that knows the groups of the commands that run. When the
 * coordinator is gone, however that came, the socket between them ends, and with it the groups:
 * SIGTERM, and after COMMAND_GRACE what is left is killed. One per process; without one nothing is
 * kept. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"

/* Before the process has threads. */
int keeper_start(struct err *err) MUST_CHECK;

/* From any thread; keeper_add() also from the child between fork and exec, which is how no command
 * runs unknown. A group is ended while its number still belongs to it: remove it before its
 * process is waited for. */
void keeper_add(pid_t group);
void keeper_remove(pid_t group);
