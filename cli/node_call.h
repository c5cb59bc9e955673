/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to one sidecar at its own address, with no coordinator between (proto/sidecar.proto). */
#pragma once

#include "cli/fleet_list.h"

/* Where the node answers itself: by the last known fleet, else as the coordinators say. NOT_FOUND
 * when neither knows an address of it. */
int node_find(struct cli *c, const char *name, struct fleet_entry *ret, struct err *err) MUST_CHECK;
/* Any node that is connected and answers itself. */
int node_find_any(struct cli *c, struct fleet_entry *ret, struct err *err) MUST_CHECK;

/* One method of the Sidecar service, within --timeout and `extra`. *ret_reply is the caller's; free
 * it with cli_reply_free(). */
int node_call(struct cli *c, const struct fleet_entry *node, const char *method,
              const ProtobufCMessage *request, dur_t extra, ProtobufCMessage **ret_reply,
              struct err *err) MUST_CHECK;
