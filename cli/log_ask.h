/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has logged last: a coordinator, or a node that is asked itself. */
#pragma once

#include "cli/cli.h"
#include "cli/fleet_list.h"

/* `node` NULL: the coordinator that answers first. The reply is a Switchyard__V1__Log; free it with
 * cli_reply_free(). */
int log_ask(struct cli *c, const struct fleet_entry *node, ProtobufCMessage **ret,
            struct err *err) MUST_CHECK;
