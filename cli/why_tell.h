/* SPDX-License-Identifier: Apache-2.0 */
/* `why` as people read it. Pure. */
#pragma once

#include "common/base/buf.h"
#include "operator.pb-c.h"

#define WHY_TEXT_MAX (64u << 10)

/* The answer in a sentence, a line with its end. */
void why_sentence(struct buf *b, const char *key, const Switchyard__V1__Explanation *x);
/* The layers, strongest first, as a table; '*' at the one that decides. */
void why_table(struct buf *b, const Switchyard__V1__Explanation *x);
/* The flags on that node, a line each; nothing when there are none. */
void why_flags(struct buf *b, const Switchyard__V1__Explanation *x);
