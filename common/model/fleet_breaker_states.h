/* SPDX-License-Identifier: Apache-2.0 */
/* The states of the fleet's breaker: enum, stable name (stored and printed), coarse state, help.
 * Names are append-only. */
#pragma once

#define FLEET_BREAKER_STATES(X)                                                           \
    X(CLOSED, "closed", WAITING, "each node's breaker decides by itself")                 \
    X(FORCED_OPEN, "forced_open", RUNNING, "an operator opened the breaker of all nodes") \
    X(FORCED_CLOSED, "forced_closed", RUNNING,                                            \
      "an operator holds the breaker of all nodes closed, whatever new does")             \
    X(OPEN, "open", RUNNING, "new fails on the fleet: the breaker of all nodes is open")  \
    X(HALF_OPEN, "half_open", RUNNING, "every node tries new with a few requests")

enum fleet_breaker_state {
#define X(id, name, coarse, help) FLEET_BREAKER_##id,
    FLEET_BREAKER_STATES(X)
#undef X
        FLEET_BREAKER_STATE_COUNT
};
