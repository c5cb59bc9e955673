/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own account of what it serves, for /status: readable with curl when no coordinator
 * answers. Field names are a promise. Pure. */
#pragma once

#include "sidecar/agent/agent.h"

struct json;

/* {"node", "state", "revision", "term", "servingSince", "coordinator", "disk", "routes":
 * [{"migration", "stage", "weight", "override", "emergency"}]}. `coordinator` is the last one
 * dialled; `disk` says what is wrong with the state there, "" (null on the page): nothing. */
struct json *status_page(const char *node, const char *coordinator, const char *disk,
                         const struct agent *a) MUST_CHECK;
