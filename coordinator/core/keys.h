/* SPDX-License-Identifier: Apache-2.0 */
/* The core's key space, in one place. Pure. */
#pragma once

#include "common/model/ids.h"

#define KEYS_ROOT "/switchyard/v1/"
#define KEY_SIZE  128

enum key_kind {
    KEYS_OTHER,     /* not the core's, or not under the root */
    KEYS_PLAN,      /* plans/NAME: the document as applied */
    KEYS_ROLLOUT,   /* rollouts/NAME: the plan in motion, with its override */
    KEYS_EMERGENCY, /* emergency/NAME: the newest order; outlives the plan, since epochs must keep
                       rising */
    KEYS_REMOVED,   /* removed: the latest deletion of a plan; its revision is a decision's */
    KEYS_HISTORY,   /* history/NAME/SEQ: twelve digits, so that keys sort as numbers */
    KEYS_DAY,       /* days/NAME/2026-11-21: what the day came to, for reports; no decision */
    KEYS_EVENTS,    /* events/NAME/SEQ: what one step tells subscribers; the first one's number */
};

/* Write the key into `dst` of KEY_SIZE bytes; returns dst. `migration` is not looked at for
 * KEYS_REMOVED, `sequence` for KEYS_HISTORY, KEYS_EVENTS and KEYS_DAY (days since 1970) only. */
const char *keys_write(enum key_kind kind, const struct name *migration, uint64_t sequence,
                       char *dst);

/* Take a key apart. CORRUPT for a key of the core's whose name or number is not one. */
int keys_read(const char *key, enum key_kind *ret_kind, struct name *ret_migration,
              uint64_t *ret_sequence, struct err *err) MUST_CHECK;
