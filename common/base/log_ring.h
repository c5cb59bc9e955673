/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines that this process has logged, kept in memory for whoever asks while it runs. Any
 * thread. */
#pragma once

#include "common/base/buf.h"

#define LOG_RING_BYTES (64u << 10)

/* One line with its end; the oldest ones give way. A longer one than the ring is not kept. */
void log_ring_add(struct str line);
/* Append what is kept, whole lines, oldest first. False: not all of it fits into `ret`. */
bool log_ring_read(struct buf *ret) MUST_CHECK;
