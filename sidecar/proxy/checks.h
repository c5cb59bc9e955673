/* SPDX-License-Identifier: Apache-2.0 */
/* Asks endpoints how they are: a GET of their system's health path, each over a connection of its
 * own, every interval. 2xx and 3xx pass. Not counted as traffic, and told to no breaker. owner: the
 * control loop. */
#pragma once

#include "sidecar/proxy/live.h"

struct checks;

struct checks *checks_new(struct loop *control) MUST_CHECK;
/* Those under way end. Tolerates NULL. */
void checks_free(struct checks *c);

/* Check the endpoints of `live` whose systems want it, and no others. Those that were checked
 * before go on in their rhythm; new ones begin at once. */
void checks_follow(struct checks *c, struct live *live);
