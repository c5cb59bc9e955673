/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a SQLite file locked, so that the refusal of a second coordinator can name the first. */
#pragma once

/* The process that holds a lock of SQLite on `path`; 0 when the kernel does not tell (another
 * machine, another process namespace). Opens nothing: closing a second descriptor of the file would
 * drop this process's own locks on it. */
long lock_holder_pid(const char *path);
