/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the operators' and waits for its end, on a thread that may block. It has a
 * process group and a pipe for its output, and inherits nothing else. Private to this folder. */
#pragma once

#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/model/plan_check.h"

#define COMMAND_GRACE dur_s(2) /* between SIGTERM and SIGKILL */

struct command {
    const char *const *argv; /* ends with NULL; argv[0] is looked for in PATH */
    const char *const *environment;
    const char *folder;
    dur_t timeout;
    const atomic_bool *stop; /* may be NULL */
};

enum command_end {
    COMMAND_EXITED,    /* `code` is its status */
    COMMAND_SIGNALLED, /* `code` is the signal */
    COMMAND_TIMED_OUT,
    COMMAND_STOPPED,
    COMMAND_STUCK /* it cannot even be killed, and is left behind */
};

struct command_report {
    enum command_end end;
    int code;
    char output[CHECK_OUTPUT_SIZE]; /* the last of it, cleaned */
};

/* <0: it could not be started. */
int command_run(const struct command *c, struct command_report *ret, struct err *err) MUST_CHECK;
