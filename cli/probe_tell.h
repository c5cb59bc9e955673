/* SPDX-License-Identifier: Apache-2.0 */
/* `probe` as people read it. Pure. */
#pragma once

#include "common/base/buf.h"
#include "sidecar.pb-c.h"

#define PROBE_TEXT_MAX (64u << 10)

/* Did every system that was asked answer below 500? False when there is no answer at all. */
bool probe_is_good(const Switchyard__V1__ProbeResult *r);
/* Status, time and size of each answer, or why there is none, as a table. */
void probe_table(struct buf *b, const Switchyard__V1__ProbeResult *r);
/* Are both answers the same, and if not, in what do they differ? One line; nothing when not both
 * answered. */
void probe_compare(struct buf *b, const Switchyard__V1__ProbeResult *r);
/* True when there are two answers with the same status, length and beginning. */
bool probe_is_equal(const Switchyard__V1__ProbeResult *r);
