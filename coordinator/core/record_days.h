/* SPDX-License-Identifier: Apache-2.0 */
/* A day of reports as stored under days/ (keys.h), and back; see record.h. Pure. */
#pragma once

#include "common/base/buf.h"
#include "coordinator/core/days.h"

/* What it came to so far, as of `now`. */
bool record_write_day(const struct day *d, wall_t now, struct buf *b) MUST_CHECK;
/* Sets `until` and what was stored. */
int record_read_day(struct str value, struct day *ret, struct err *err) MUST_CHECK;
