/* SPDX-License-Identifier: Apache-2.0 */
/* A document over a stream: a backup from a coordinator, and back to one. Each waits as long as
 * something moves, and at most --timeout for the next part. */
#pragma once

#include "cli/cli.h"

/* From the first coordinator that gives a whole one. */
int transfer_fetch(struct cli *c, struct buf *doc, struct err *err) MUST_CHECK;

struct transfer_result {
    unsigned keys;
    uint64_t revision;
    char incarnation[40];
};

/* To the coordinator at `endpoint`. UNKNOWN_OUTCOME when the answer was lost after all was sent. */
int transfer_restore(struct cli *c, const char *endpoint, struct str doc, const char *reason,
                     struct transfer_result *ret, struct err *err) MUST_CHECK;
