/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out about plans, as the JSON that `-o json` prints and as the text that is made
 * from it. Pure. */
#pragma once

#include "common/base/json.h"
#include "common/model/plan.h"

/* {source, problems: [{environment, severity, path, text}]}: an error that the plan is refused
 * with, or its warnings. Without `environment` (NULL) the plan by itself and in each of its
 * environments; what is told of the plan by itself is not told again. */
struct json *plan_report_lint(struct str text, const char *source,
                              const char *environment) MUST_CHECK;
void plan_report_lint_text(const struct json *report, struct buf *b);

/* {migration, differences: [{path, before, after}]}; a side that has nothing is left out. Who has
 * asked a coordinator adds `byHand`, messages ByHand, where operators have set anything. */
struct json *plan_report_diff(const struct plan *before, const struct plan *after) MUST_CHECK;
void plan_report_diff_text(const struct json *report, struct buf *b);
