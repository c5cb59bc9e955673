/* SPDX-License-Identifier: Apache-2.0 */
/* Carries the access log from the lanes' rings to a file, on a thread that may block; what the file
 * does not take is lost, and said. owner: control loop. */
#pragma once

#include "common/loop/loop.h"
#include "sidecar/proxy/access_log.h"

struct access_file;

/* `path` "-" is standard output. `log` is borrowed. DENIED, IO ... when it cannot be opened. */
int access_file_new(const char *path, struct access_log *log, struct loop *l,
                    struct access_file **ret, struct err *err) MUST_CHECK;
/* Write the rest and close. After the lanes have ended. Tolerates NULL. */
void access_file_free(struct access_file *f);
/* Open the path anew before the next write: whoever rotates has moved the file away. */
void access_file_reopen(struct access_file *f);
/* Lines lost so far, for want of room or because the file took none. */
uint64_t access_file_lost(const struct access_file *f);
