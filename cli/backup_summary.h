/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup holds, for people: read from its records as far as they are understood. Pure. */
#pragma once

#include "common/base/json.h"
#include "common/model/backup.h"

/* {"createdAt", "incarnation", "revision", "keys", "plans": [{"name", "phase", "stage", "weight",
 * "emergency", "history"}]}, plans in the order of their names. */
struct json *backup_summary(const struct backup *b) MUST_CHECK;
