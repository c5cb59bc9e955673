/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the restarts of new, for plans whose triggers or gates limit them and that say where its
 * endpoints tell since when they run (spec.systems.new.metrics). The leader asks each of them every
 * `every`, on a thread of its own, and reports what the last minute saw with driver_measure(). When
 * none of them tells, nothing is reported, and what is judged by it holds. owner: the core's loop.
 */
#pragma once

#include "coordinator/driver/driver.h"

struct restarts;

int restarts_new(struct loop *l, struct restarts **ret, struct err *err) MUST_CHECK;
/* From now on, for `d`; borrowed until restarts_free(). */
void restarts_start(struct restarts *r, struct driver *d);
void restarts_free(struct restarts *r); /* tolerates NULL */
