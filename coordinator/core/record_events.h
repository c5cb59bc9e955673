/* SPDX-License-Identifier: Apache-2.0 */
/* Events as JSON and back: the values of events/MIGRATION/SEQUENCE, by the rules of record.h. The
 * key has the sequence of the first one, the revision of the key is theirs. Pure. */
#pragma once

#include "common/base/buf.h"
#include "coordinator/core/event_log.h"

/* Append to `b`; false past its maximum. */
bool record_write_events(const struct event_batch *e, struct buf *b) MUST_CHECK;
/* CORRUPT or UNSUPPORTED. Kinds that a newer version added are kept by their names. */
int record_read_events(struct str value, uint64_t first, struct event_batch **ret,
                       struct err *err) MUST_CHECK;
