/* SPDX-License-Identifier: Apache-2.0 */
/* The three answers of checks, gates and triggers, as people read them. */
#pragma once

enum verdict_kind { VERDICT_IS_NONE, VERDICT_IS_PASS, VERDICT_IS_FAIL, VERDICT_IS_HOLD };

/* Of the word in a message; one that is not known holds. */
enum verdict_kind verdict_of(const char *word);
/* "[PASS]", "[FAIL]", "[HOLD]"; "[    ]" for none. */
const char *verdict_mark(const char *word);
