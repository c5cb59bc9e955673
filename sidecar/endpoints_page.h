/* SPDX-License-Identifier: Apache-2.0 */
/* How the endpoints of each system are, as this node sees it, for /status. Field names are a
 * promise. owner: control loop. */
#pragma once

#include "sidecar/proxy/proxy.h"

struct json;

/* [{"migration", "system", "address", "state", "seconds"}], of the routes of `served` (NULL: none).
 * `state` is one of docs/fsm/endpoint.md, `seconds` how long it has been so. */
struct json *endpoints_page(struct proxy *p, const struct ruleset *served) MUST_CHECK;
