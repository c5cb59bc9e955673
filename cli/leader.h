/* SPDX-License-Identifier: Apache-2.0 */
/* Where the coordinator is that leads. */
#pragma once

#include "cli/cli.h"

/* Its address as this CLI reaches it; the next calls go there first. Waits for an election, at most
 * --timeout: UNAVAILABLE. */
int leader_find(struct cli *c, char ret[ENDPOINT_SIZE], struct err *err) MUST_CHECK;
