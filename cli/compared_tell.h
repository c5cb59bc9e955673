/* SPDX-License-Identifier: Apache-2.0 */
/* What comparing answers came to, for people. Pure. */
#pragma once

#include "common/base/buf.h"
#include "operator.pb-c.h"

#define COMPARED_TEXT_MAX (64u << 10)

/* Nothing that the others read is missing. */
bool compared_whole(const Switchyard__V1__Discrepancies *d);
/* Sentences, a line each. */
void compared_summary(struct buf *b, const Switchyard__V1__Discrepancies *d);
/* Header and one row for each example, cells separated by tabs. */
void compared_table(struct buf *b, const Switchyard__V1__Discrepancies *d);
