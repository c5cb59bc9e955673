/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own account of what it serves, for /status: readable with curl when no coordinator
 * answers. Field names are a promise. Pure. */
#pragma once

#include "sidecar/agent/agent.h"

struct json;

/* {"node", "state", "revision", "term", "servingSince", "coordinator", "routes": [{"migration",
 * "stage", "weight", "override", "emergency"}]}. `coordinator` is the last one dialled. */
struct json *status_page(const char *node, const char *coordinator,
                         const struct agent *a) MUST_CHECK;
