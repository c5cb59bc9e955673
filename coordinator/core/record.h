/* SPDX-License-Identifier: Apache-2.0 */
/* What the core stores, as JSON and back: plans/, rollouts/, emergency/ and history/ (keys.h).
 *
 * Field names are camelCase and stable, times RFC 3339, enums by name: an operator reads them with
 * etcdctl or sqlite3 at night. Fields that a newer version added survive a round trip; a record
 * with a higher `version` is UNSUPPORTED, anything else that does not fit is CORRUPT. Pure. */
#pragma once

#include "common/model/plan.h"
#include "common/model/rollout.h"

#define RECORD_VERSION 1
/* Limits on what is read. What is written may grow by the fields of its own version, no more. */
#define RECORD_PLAN_MAX (1u << 20)
#define RECORD_MAX      (64u << 10)

/* A record as a tree, of a version that is known. */
int record_parse(struct str value, struct json **ret, struct err *err) MUST_CHECK;

/* Append to `b`; false past its maximum. `extra` (may be NULL) are the unknown fields that reading
 * gave. */
bool record_write_plan(const struct plan *p, struct buf *b) MUST_CHECK;
/* `plan` gives the stage its name, for readers; it is not read back. */
bool record_write_rollout(const struct rollout *r, const struct plan *plan,
                          struct buf *b) MUST_CHECK;
bool record_write_emergency(const struct emergency *e, const struct json *extra,
                            struct buf *b) MUST_CHECK;
bool record_write_history(const struct history_entry *e, const struct json *extra,
                          struct buf *b) MUST_CHECK;

/* The latest deletion of a plan: for people, only the key's revision is read back. */
bool record_write_removed(const struct name *migration, wall_t now, struct buf *b) MUST_CHECK;

int record_read_plan(struct str value, struct plan **ret, struct err *err) MUST_CHECK;
/* Sets everything but the migration; ret->extra is owned by the caller. */
int record_read_rollout(struct str value, struct rollout *ret, struct err *err) MUST_CHECK;
/* Sets everything but the migration. */
int record_read_emergency(struct str value, struct emergency *ret, struct json **ret_extra,
                          struct err *err) MUST_CHECK;
/* Sets everything but the sequence, which is the key's. */
int record_read_history(struct str value, struct history_entry *ret, struct json **ret_extra,
                        struct err *err) MUST_CHECK;
