/* SPDX-License-Identifier: Apache-2.0 */
/* The last good rule set and the emergency orders as JSON text, for the file a node starts from.
 * Readable by a person in an incident; rules stand in it as hex of their bytes, which the checksum
 * is over. Pure. */
#pragma once

#include "common/base/buf.h"
#include "sidecar/agent/epoch.h"

#define AGENT_STATE_MAX (18u << 20)
/* Of one rule's bytes; a full set of the largest still fits into AGENT_STATE_MAX. */
#define AGENT_RULE_MAX (28u << 10)

/* Decodes a rule's bytes; the shell knows the encoding. */
typedef int (*agent_route_fn)(struct str rule, struct route *ret, struct err *err);

/* False when it would pass b's maximum. */
bool agent_state_encode(const struct ruleset *set, const struct epochs *epochs,
                        struct buf *b) MUST_CHECK;

/* CORRUPT naming what is wrong: the text, a rule, or the checksum. On success *ret_set is the
 * caller's and carries the orders; *ret_epochs is filled. */
int agent_state_decode(struct str text, agent_route_fn decode, struct ruleset **ret_set,
                       struct epochs *ret_epochs, struct err *err) MUST_CHECK;
