/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of half-open breakers that went to requests of somebody else's proxy. The outcome comes on
 * any lane, or never: so the slots are kept here, for all lanes, and each is given back once, by an
 * outcome or when its time is up. A breaker that is closed never comes here. Any thread. */
#pragma once

#include "sidecar/proxy/breaker.h"

struct edge_probes;

struct edge_probes *edge_probes_new(void) MUST_CHECK;
void edge_probes_free(struct edge_probes *p); /* tolerates NULL */

/* A slot of `b` was taken; if no outcome comes until then, it was abandoned. */
void edge_probes_hold(struct edge_probes *p, struct breaker *b, struct breaker_ticket ticket,
                      mono_t until);
/* True with a ticket: the caller reports for one of the slots that are held of `b`. */
bool edge_probes_settle(struct edge_probes *p, const struct breaker *b,
                        struct breaker_ticket *ret) MUST_CHECK;
/* Give back those that nobody told of. */
void edge_probes_expire(struct edge_probes *p, mono_t now, wall_t wall);
