/* SPDX-License-Identifier: Apache-2.0 */
/* Help, completion and the reference page, all from the tables. Text is appended to `b`. */
#pragma once

#include "cli/commands.h"
#include "common/base/buf.h"

/* All commands, or those of a group ("get"). */
void help_overview(struct buf *b, const char *prefix);
void help_command(struct buf *b, const struct command *c);
/* A bash completion script. */
void help_completion_bash(struct buf *b);
/* docs/reference/cli.md; a test fails when it is stale. */
void help_reference(struct buf *b);
