/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of stored records (record.h): set and got by name. What is absent reads as zero, and
 * what does not fit is CORRUPT by the field's name. Pure. */
#pragma once

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/model/rollout.h"

/* Nothing is written for a time that is not set and for an empty text. */
void fields_set_time(struct json *j, const char *key, wall_t t);
void fields_set_text(struct json *j, const char *key, const char *text);
/* Days since 1970, as a date; nothing for 0. */
void fields_set_day(struct json *j, const char *key, int64_t day);

int fields_get_time(const struct json *j, const char *key, wall_t *ret, struct err *err) MUST_CHECK;
int fields_get_day(const struct json *j, const char *key, int64_t *ret, struct err *err) MUST_CHECK;
/* Longer texts than ours come from a newer version; they are cut, not refused. */
void fields_get_text(const struct json *j, const char *key, char *ret, size_t size);
int fields_get_phase(const struct json *j, const char *key, enum rollout_phase *ret,
                     struct err *err) MUST_CHECK;
int fields_get_system(const struct json *j, const char *key, enum system *ret,
                      struct err *err) MUST_CHECK;
/* A percentage that must be there, in basis points. */
int fields_get_weight(const struct json *j, const char *key, uint32_t *ret,
                      struct err *err) MUST_CHECK;
int fields_get_count(const struct json *j, const char *key, unsigned *ret,
                     struct err *err) MUST_CHECK;

/* What of `doc` is not in `known` (NULL-terminated), owned by the caller; NULL: nothing. */
struct json *fields_unknown(const struct json *doc, const char *const *known) MUST_CHECK;
void fields_add_unknown(struct json *to, const struct json *extra);
