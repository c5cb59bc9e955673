/* SPDX-License-Identifier: Apache-2.0 */
/* A lane's doors for connections that are split as a whole: they come and go with the rule sets.
 * owner: lane. */
#pragma once

#include "sidecar/proxy/lane.h"

struct port_door {
    struct port_door *prev, *next; /* of the lane */
    struct door door;
    struct address at;
};

/* Open what the letter brings sockets for, and close what it does not name; connections that came
 * in there stay. */
void port_doors_follow(struct lane *lane, struct letter *l);
void port_doors_close(struct lane *lane);
