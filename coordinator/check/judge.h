/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a check's answer: what was found, and whether it is as it must be. Private to this folder.
 */
#pragma once

#include "common/model/plan_check.h"

/* Each fills in outcome and text; the sentence may come from outside and is cut and cleaned. */
void judge_passed(struct check_result *ret, const char *fmt, ...) PRINTF(2, 3);
void judge_failed(struct check_result *ret, const char *fmt, ...) PRINTF(2, 3);
void judge_unknown(struct check_result *ret, const char *fmt, ...) PRINTF(2, 3);
/* By the check's min and max; `found` is a sentence with the value. Numbers that are none are
 * unknown. */
void judge_value(const struct plan_check *c, double value, const char *found,
                 struct check_result *ret);

/* Bytes from outside as lines of text: what terminals obey, and what is no UTF-8, become '?'. */
void judge_clean(char *text);
