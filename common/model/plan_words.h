/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about a plan, for plan_explain(). Private to common/model. */
#pragma once

#include "common/base/buf.h"
#include "common/model/plan.h"

/* Where the text goes. What does not fit is left out, and `cut` says so. */
struct plan_words {
    struct buf *b;
    bool cut;
};

void plan_words_say(struct plan_words *w, const char *fmt, ...) PRINTF(2, 3);
/* "over the last 10s:", then a line for each limit, and how they are judged. */
void plan_words_limits(struct plan_words *w, const char *indent, const struct plan_limits *l);
/* One stage, several lines. */
void plan_words_stage(struct plan_words *w, const struct plan *p, unsigned index);
