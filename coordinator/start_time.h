/* SPDX-License-Identifier: Apache-2.0 */
/* Since when a process runs, out of the page where it tells: text for Prometheus with
 * process_start_time_seconds, or a JSON document with `startTime`, `startedAt` or `started_at` (RFC
 * 3339, or seconds or milliseconds since 1970), or `uptime`, `uptimeSeconds` or `uptime_seconds`.
 * Pure. */
#pragma once

#include "common/base/clock.h"

/* Seconds since 1970; false when the page does not tell, or tells nonsense. */
bool start_time_read(struct str page, wall_t now, double *ret) MUST_CHECK;
