/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which the core speaks to operators. Pure. */
#pragma once

#include "common/model/plan.h"
#include "common/model/rollout.h"
#include "common/model/ruleset.h"

#define WORDS_DURATION_MAX 32
#define WORDS_RATIO_MAX    32
#define WORDS_PLACE_MAX    (NAME_SIZE * 2)
#define WORDS_GIVEN_MAX    256

/* "3m 10s", "12s", "0s"; under a second in milliseconds. Returns dst of WORDS_DURATION_MAX
 * bytes. */
const char *words_duration(dur_t d, char *dst);
/* "5 %", "0.1 %". */
const char *words_ratio(uint32_t ppm, char *dst);
/* "10 %", "12.5 %". */
const char *words_weight(uint32_t bp, char *dst);
/* "canary-10 (10 %), baking"; "half (50 %, wave 2 of 3), baking"; "half (50 %), preparing all";
 * "legacy, pending"; with an override "canary-10 (10 %, all to legacy),
 * ready". */
const char *words_place(const struct plan *plan, const struct rollout *r, char *dst);
/* What became of an emergency order whose request comes again. */
const char *words_given(const char *migration, const struct emergency *order, char *dst);
