/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verdict.h"

#include <string.h>

enum verdict_kind verdict_of(const char *word)
{
    if (strcmp(word, "pass") == 0)
        return VERDICT_IS_PASS;
    if (strcmp(word, "fail") == 0)
        return VERDICT_IS_FAIL;
    return strcmp(word, "none") == 0 || !word[0] ? VERDICT_IS_NONE : VERDICT_IS_HOLD;
}

const char *verdict_mark(const char *word)
{
    static const char *const marks[] = {[VERDICT_IS_NONE] = "[    ]",
                                        [VERDICT_IS_PASS] = "[PASS]",
                                        [VERDICT_IS_FAIL] = "[FAIL]",
                                        [VERDICT_IS_HOLD] = "[HOLD]"};

    return marks[verdict_of(word)];
}
