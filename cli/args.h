/* SPDX-License-Identifier: Apache-2.0 */
/* The command line against the table. Pure. */
#pragma once

#include "cli/commands.h"

/* What was typed: *ret_command is the command, or NULL when only a part of one (or nothing) was
 * given; then *ret_prefix is that part ("get", ""). INVALID names the word and the nearest valid
 * one. With --help the checks of names and needed options are left out. */
int args_parse(int argc, char **argv, struct args *ret, const struct command **ret_command,
               char *ret_prefix, size_t prefix_size, struct err *err) MUST_CHECK;
