/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver hands to the fleet: one change to what nodes must serve. */
#pragma once

#include "common/model/ruleset.h"

struct fleet_route {
    struct route route;
    bool removed; /* only route.migration counts */
    bool has_emergency;
    struct emergency emergency;
};
