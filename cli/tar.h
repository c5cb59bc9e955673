/* SPDX-License-Identifier: Apache-2.0 */
/* A ustar archive (POSIX.1-1988) in memory: plain files, readable by their owner only. Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/base/clock.h"

#define TAR_PATH_MAX 100

/* False when the path has TAR_PATH_MAX bytes or more, or the archive is full; it is unchanged
 * then. */
bool tar_add(struct buf *archive, const char *path, wall_t modified, struct str content) MUST_CHECK;
/* After the last file. */
bool tar_end(struct buf *archive) MUST_CHECK;
