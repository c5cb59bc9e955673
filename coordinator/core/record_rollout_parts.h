/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a rollout's record share: record_rollout.c has the whole,
 * record_rollout_falls.c the last rollback and the last drill, record_rollout_orders.c what is
 * ordered beside the stages, record_rollout_stage.c how the rollout stands to its stages. Private
 * to these; see record.h. */
#pragma once

#include "coordinator/core/record.h"

/* Setting adds a part's fields to `j`, none for what is not there. Getting takes them from `j` into
 * `ret`, where nothing is set of that part: CORRUPT by the field's name. */
void record_set_rollback(struct json *j, const struct rollout *r);
int record_get_rollback(const struct json *j, struct rollout *ret, struct err *err) MUST_CHECK;
void record_set_drill(struct json *j, const struct rollout *r);
int record_get_drill(const struct json *j, struct rollout *ret, struct err *err) MUST_CHECK;
void record_set_orders(struct json *j, const struct rollout *r);
int record_get_orders(const struct json *j, struct rollout *ret, struct err *err) MUST_CHECK;
void record_set_stage(struct json *j, const struct rollout *r);
int record_get_stage(const struct json *j, struct rollout *ret, struct err *err) MUST_CHECK;

/* The fields that we know inside of a group, NULL-terminated; others there are a newer version's.
 */
extern const char *const record_rollback_fields[];
extern const char *const record_drill_fields[];
extern const char *const record_breaker_fields[];
extern const char *const record_tuning_fields[];
