/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole or not at all: write a new one beside it, fsync, rename, fsync the
 * folder. Content is framed with a magic line and its SHA-256, so that a torn or edited file is
 * known as such. Blocks; call from start-up, a worker, or where a few milliseconds do no harm. */
#pragma once

#include "common/base/buf.h"

/* `kind` is a short word in the magic line ("ruleset"). mode 0600. On failure the old file
 * stands. */
int atomic_file_write(const char *path, const char *kind, struct str content,
                      struct err *err) MUST_CHECK;

/* Appends the verified content to `b`. NOT_FOUND when there is no file; CORRUPT naming what is
 * wrong when magic, kind, length or checksum differ. */
int atomic_file_read(const char *path, const char *kind, struct buf *b, struct err *err) MUST_CHECK;

/* A plain file with this content and no frame, there whole or not at all; mode 0600. EXISTS when
 * there is one and `replace` is false. */
int file_write(const char *path, struct str content, bool replace, struct err *err) MUST_CHECK;
/* A whole plain file of at most b's maximum, for configuration and plans. EXHAUSTED when larger. */
int file_read(const char *path, struct buf *b, struct err *err) MUST_CHECK;
/* mkdir -p, mode 0700. */
int dir_make(const char *path, struct err *err) MUST_CHECK;
