/* SPDX-License-Identifier: Apache-2.0 */
/* struct err on the wire: the gRPC status says the kind, its message is the error's, and two
 * trailers carry what a status has no place for: `switchyard-code`, the stable text of the code,
 * and `switchyard-hint`, percent-encoded. Another client sees an ordinary gRPC error. */
#pragma once

#include <grpc/grpc.h>

#include "common/base/err.h"
#include "common/rpc/rpc_op.h"

/* The trailers for `why`, at most RPC_TRAILERS. The caller unrefs their values. */
size_t rpc_status_trailers(const struct err *why, grpc_metadata *ret);

/* What a client's call ended with: true when the other side said so. Failures that the library
 * itself reports (no connection, deadline) are told with `target`. *ret has ERR_NONE when the call
 * went well. */
bool rpc_status_restore(const struct rpc_ending *e, const char *target, struct err *ret);
/* Of a call that the library ended: did nothing of it get to the other side's handlers? */
bool rpc_status_unsent(const struct rpc_ending *e);

/* The library's own words for why a port could not be bound, without its debug decoration. */
struct str rpc_status_log_reason(struct str log_message);
