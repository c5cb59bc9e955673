/* SPDX-License-Identifier: Apache-2.0 */
/* The words of plans, and what they stand for. */
#include "common/base/check.h"
#include "common/model/plan.h"

static const struct {
    const char *name;
    int64_t bake_s;
} risks[] = {
    [RISK_NONE] = {"", 0},
    [RISK_LOW] = {"low", 1800},
    [RISK_MEDIUM] = {"medium", 7200},
    [RISK_HIGH] = {"high", 14400},
    [RISK_CRITICAL] = {"critical", 86400},
};

const char *plan_risk_name(enum plan_risk r)
{
    CHECK(r < ARRAY_LEN(risks));
    return risks[r].name;
}

dur_t plan_risk_bake(enum plan_risk r)
{
    CHECK(r < ARRAY_LEN(risks));
    return dur_s(risks[r].bake_s);
}

static const char *const check_words[] = {
#define X(id, word, help) word,
    PLAN_CHECK_KINDS(X)
#undef X
};

const char *plan_check_word(enum plan_check_kind k)
{
    CHECK(k < ARRAY_LEN(check_words));
    return check_words[k];
}

const char *check_outcome_name(enum check_outcome o)
{
    switch (o) {
    case CHECK_PASSED:
        return "pass";
    case CHECK_FAILED:
        return "fail";
    case CHECK_UNKNOWN:
        return "hold";
    }
    return "hold";
}
