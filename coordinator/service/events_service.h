/* SPDX-License-Identifier: Apache-2.0 */
/* Operator.Events: what happened, in order, to whoever asks, and on as it happens. Any coordinator
 * tells it, from its core's memory: a follower is a place in the order of all events and nothing
 * more, so one that is slow costs no more than one that is quick. What was dropped before it came
 * there is told with the next event, as `lost`.
 *
 * Told is only what is known with all that came before it in the store. owner: the core's loop. */
#pragma once

#include "common/rpc/rpc.h"
#include "coordinator/core/core_view.h"

struct service;
struct follower;
struct events_encoded;

struct events_service {
    /* private */
    struct follower *followers;
    unsigned count;
    uint64_t shown;                 /* revision up to which followers were shown what there is */
    struct events_encoded *encoded; /* owned ring: followers go side by side */
};

/* The method's open function, its context the service, and its events. EXHAUSTED when too many
 * follow. */
int events_open(void *ctx, struct rpc_stream *stream, void **ret_ctx, struct err *err) MUST_CHECK;
extern const struct rpc_stream_events events_stream;

/* There may be more to tell. Costs nothing when there is not. */
void events_service_look(struct service *s);
/* Every follower is sent elsewhere. */
void events_service_stop(struct service *s);
/* After the streams have ended. */
void events_service_deinit(struct service *s);
