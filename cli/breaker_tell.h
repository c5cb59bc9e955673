/* SPDX-License-Identifier: Apache-2.0 */
/* The breakers of nodes in words. */
#pragma once

#include "common/base/buf.h"
#include "operator.pb-c.h"

/* "node-1 is open since T: 5 of 7 requests failed (errors); tries new again at T". */
void breaker_tell_node(struct buf *b, const Switchyard__V1__NodeBreaker *n);
/* The lines of `status`: how they all are, those that are not closed, and what holds for all. */
void breaker_tell_status(struct buf *b, const Switchyard__V1__BreakerStatus *m);
/* The same of one node as words of a table: why it opened, what comes next; `dst` as below. */
#define BREAKER_WORDS 96
const char *breaker_next(const Switchyard__V1__NodeBreaker *n, char *dst);
