/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a comparison share: where it stands, and the differences found. */
#pragma once

#include "common/compare/compare.h"

struct judge {
    const struct compare_rule *rule;
    unsigned rule_count;
    struct compare_verdict *verdict;
};

/* One more difference. The values are as received: this makes them fit to be shown. A `secret` one
 * is left out, as is one whose place or whose own text looks like one. */
void judge_note(struct judge *j, enum compare_class class, const char *where, bool secret,
                struct str legacy, struct str new_value);

/* How the rules class a place that is not in JSON: "status", "grpc-status", "body", "header NAME".
 * COMPARE_DIFFERS_CRITICAL when none does, COMPARE_EQUAL when it is to be ignored. */
enum compare_class judge_class_of(const struct judge *j, const char *place);

/* The bodies. False: at least one of them is no JSON. */
bool judge_json(struct judge *j, struct str legacy, struct str new_body) MUST_CHECK;
void judge_text(struct judge *j, struct str legacy, struct str new_body);
