/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator stores about itself: under coordinators/ID, and again under `leader` while it
 * leads. Pure. */
#pragma once

#include "common/base/buf.h"
#include "coordinator/driver/driver.h"

#define KEY_LEADER       STORE_ROOT "leader"
#define KEY_COORDINATORS STORE_ROOT "coordinators/"

struct member_record {
    struct member member;
    store_lease lease;  /* that it stands under */
    wall_t leads_since; /* in the leader key; 0: not in it */
};

/* Append; false past the buffer's maximum. */
bool member_write(const struct member_record *m, struct buf *b) MUST_CHECK;
/* CORRUPT says what is wrong. */
int member_read(struct str value, struct member_record *ret, struct err *err) MUST_CHECK;
/* The same process, under the same lease. */
bool member_is(const struct member_record *m, const struct member *self, store_lease lease);
/* Is this key about who is there and who leads? The core does not hear of those. */
bool member_key(const char *key);
