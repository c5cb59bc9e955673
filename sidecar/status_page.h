/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own account of what it serves, for /status and /flags: readable with curl when no
 * coordinator answers. Field names are a promise. Pure. */
#pragma once

#include "sidecar/agent/agent.h"

struct json;

/* {"node", "state", "revision", "term", "servingSince", "coordinator", "disk", "routes":
 * [{"migration", "stage", "weight", "override", "legacyForbidden", "flags": {NAME: VALUE},
 * "emergency"}]}; the sidecar adds "endpoints" (endpoints_page.h). `coordinator` is the last one
 * dialled; `disk` says what is wrong with the state there, "" (null on the page): nothing. */
struct json *status_page(const char *node, const char *coordinator, const char *disk,
                         const struct agent *a) MUST_CHECK;

/* What applications ask for, for /flags: {"node", "revision", "stale", "migrations": {NAME:
 * {"stage", "emergency", "flags": {NAME: VALUE}}}}. `stale`: no coordinator is there, the values
 * are the last ones known. */
struct json *flags_page(const char *node, const struct agent *a) MUST_CHECK;
