/* SPDX-License-Identifier: Apache-2.0 */
/* What the fleet protocol says of the comparison of answers, to model. */
#pragma once

#include "common/model/ruleset.h"
#include "fleet.pb-c.h"

/* NULL: nothing is compared. A rule that this version does not know or cannot read is left out: a
 * node must not refuse its routes for it. */
void convert_take_compare(const Switchyard__V1__Compare *m, struct route_compare *ret);
